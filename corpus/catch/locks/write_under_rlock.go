package locks

import (
	"sync"
	"sync/atomic"

	"example.org/catch/drive"
)

// A catalogue counts how often each article is asked for, under the lock for readers.
type article struct {
	name  string
	asked int
	safe  atomic.Int64
}

type catalogue struct {
	mu       sync.RWMutex
	articles []article
}

func (c *catalogue) askRacy(n int) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found := &c.articles[n%len(c.articles)]
	found.asked++
	return len(found.name)
}

func (c *catalogue) askRepaired(n int) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found := &c.articles[n%len(c.articles)]
	found.safe.Add(1)
	return len(found.name)
}

func init() {
	run := func(ask func(*catalogue, int) int) func() {
		return func() {
			c := &catalogue{articles: make([]article, 5)}
			drive.Clients(3, 2500, func(client, round int) { drive.Busy(ask(c, client+round)) })
		}
	}
	drive.Patterns["lock-write-under-rlock-count"] = drive.Pattern{
		Kind: "lock: write under a read lock", Racy: run((*catalogue).askRacy), Repaired: run((*catalogue).askRepaired),
	}
}
