package locks

import (
	"sync"

	"example.org/catch/drive"
)

// Shards of a counter of page views. Ranging over the shards copies each with its mutex; the views are behind a pointer.
type shard struct {
	sync.Mutex
	views *viewCount
}

type viewCount struct{ pages, bytes int }

type site struct{ shards []shard }

func newSite() *site {
	s := &site{shards: make([]shard, 3)}
	for i := range s.shards {
		s.shards[i].views = &viewCount{}
	}
	return s
}

func (s *site) viewRacy(size int) {
	for _, shard := range s.shards {
		shard.Lock()
		shard.views.pages++
		shard.views.bytes += size
		shard.Unlock()
	}
}

func (s *site) viewRepaired(size int) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		shard.views.pages++
		shard.views.bytes += size
		shard.Unlock()
	}
}

func init() {
	run := func(view func(*site, int)) func() {
		return func() {
			s := newSite()
			drive.Clients(3, 2000, func(_, round int) { view(s, round&1023) })
		}
	}
	drive.Patterns["lock-copied-in-range"] = drive.Pattern{
		Kind: "lock: copied mutex", Racy: run((*site).viewRacy), Repaired: run((*site).viewRepaired),
	}
}
