package kernels

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Knative serving, the throttler: pods come and go under a lock, the share of this activator is computed from the list's
// length by whoever handles a request.
type tracker struct {
	address  string
	capacity int
}

type throttler struct {
	mu       sync.RWMutex
	trackers []*tracker
	capacity int
}

func (t *throttler) update(round int) {
	fresh := make([]*tracker, 1+round%4)
	for i := range fresh {
		fresh[i] = &tracker{address: "10.0.0.1", capacity: 10}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trackers = fresh
	t.capacity = len(fresh) * 10
}

func (t *throttler) tryRacy() bool {
	return t.capacity > 0 && len(t.trackers) > 0
}

func (t *throttler) tryLocked() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.tryRacy()
}

func init() {
	run := func(try func(*throttler) bool) func() {
		return func() {
			t := &throttler{}
			drive.Workers(2, func(int, int) {
				if try(t) {
					drive.Busy(100)
				}
			})
			drive.Every(300*time.Millisecond, t.update)
		}
	}
	drive.Patterns["kernel-serving-throttler"] = drive.Pattern{
		Kind: "kernel: serving", Racy: run((*throttler).tryRacy), Repaired: run((*throttler).tryLocked),
	}
}
