package locks

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// An order's state machine: all transitions lock, the one that a support tool calls forgot to.
type order struct {
	mu      sync.Mutex
	state   int
	changes int
}

func (o *order) advance() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state = (o.state + 1) % 5
	o.changes++
}

func (o *order) cancelRacy() {
	if o.state < 3 {
		o.state = 4
		o.changes++
	}
}

func (o *order) cancelLocked() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cancelRacy()
}

func init() {
	run := func(cancel func(*order)) func() {
		return func() {
			o := &order{}
			drive.Clients(2, 1000, func(int, int) { o.advance() })
			drive.Every(250*time.Millisecond, func(int) { cancel(o) })
		}
	}
	drive.Patterns["lock-partial-support-path"] = drive.Pattern{
		Kind: "lock: partial", Racy: run((*order).cancelRacy), Repaired: run((*order).cancelLocked),
	}
}
