package locks

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A cart is used by the customer's requests, which are seldom two at once, and priced by a worker in the background.
type cart struct {
	mu     sync.Mutex
	items  int
	total  int
	priced time.Time
}

func (c *cart) add(cents int) {
	c.items++
	c.total += cents
}

func (c *cart) price() {
	c.total = c.items * 99
	c.priced = time.Now()
}

func (c *cart) locked(work func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	work()
}

func init() {
	drive.Patterns["lock-missing-cart"] = drive.Pattern{
		Kind: "lock: missing",
		Racy: func() {
			c := &cart{}
			drive.Clients(1, 300, func(_, round int) { c.add(round & 63) })
			drive.Every(100*time.Millisecond, func(int) { c.price() })
		},
		Repaired: func() {
			c := &cart{}
			drive.Clients(1, 300, func(_, round int) { c.locked(func() { c.add(round & 63) }) })
			drive.Every(100*time.Millisecond, func(int) { c.locked(c.price) })
		},
	}
}
