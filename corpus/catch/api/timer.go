package api

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// An idle timeout: each message stops the timer of the last one and starts another. The timer's fields are
// nobody's in particular.
type idle struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired int
}

func (i *idle) touch() {
	if i.timer != nil {
		i.timer.Stop()
	}
	i.timer = time.AfterFunc(time.Hour, func() {})
}

func (i *idle) touchLocked() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.touch()
}

func init() {
	run := func(touch func(*idle)) func() {
		return func() {
			connection := &idle{}
			drive.Clients(2, 700, func(int, int) { touch(connection) })
		}
	}
	drive.Patterns["api-timer-replaced"] = drive.Pattern{
		Kind: "API contract: time.Timer", Racy: run((*idle).touch), Repaired: run((*idle).touchLocked),
	}
}

// A retry's callback resets the timer that the goroutine which makes it has perhaps not assigned yet.
type retry struct {
	timer *time.Timer
	tries int
}

func (r *retry) startRacy() {
	r.timer = time.AfterFunc(20*time.Microsecond, func() {
		// Somebody has met the nil already.
		if timer := r.timer; timer != nil && r.tries < 3 {
			r.tries++
			timer.Reset(20 * time.Microsecond)
		}
	})
}

func (r *retry) startRepaired() {
	ready := make(chan struct{})
	r.timer = time.AfterFunc(20*time.Microsecond, func() {
		<-ready
		if r.tries++; r.tries < 3 {
			r.timer.Reset(20 * time.Microsecond)
		}
	})
	close(ready)
}

func init() {
	run := func(start func(*retry)) func() {
		return func() {
			drive.Clients(3, 1500, func(int, int) {
				r := &retry{}
				start(r)
				drive.Busy(30)
			})
		}
	}
	drive.Patterns["api-timer-reset"] = drive.Pattern{
		Kind: "API contract: time.Timer", Racy: run((*retry).startRacy), Repaired: run((*retry).startRepaired),
	}
}
