package atomics

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// A leader's term: readers load it atomically, the election assigns it.
type leader struct {
	term  uint64
	votes uint32
}

func (l *leader) electRacy(round int) {
	l.term = uint64(round)
	l.votes = 0
}

func (l *leader) electRepaired(round int) {
	atomic.StoreUint64(&l.term, uint64(round))
	atomic.StoreUint32(&l.votes, 0)
}

func (l *leader) vote() uint64 {
	atomic.AddUint32(&l.votes, 1)
	return atomic.LoadUint64(&l.term)
}

func init() {
	run := func(elect func(*leader, int)) func() {
		return func() {
			l := &leader{}
			drive.Clients(3, 1500, func(int, int) { drive.Busy(int(l.vote() & 63)) })
			drive.Every(100*time.Millisecond, func(round int) { elect(l, round) })
		}
	}
	drive.Patterns["atomic-plain-write"] = drive.Pattern{
		Kind: "atomics: partial", Racy: run((*leader).electRacy), Repaired: run((*leader).electRepaired),
	}
}
