package locks

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Clients for tenants, made on demand: looked up without the lock, put in with it.
type client struct {
	tenant int
	calls  int
}

type clients struct {
	mu       sync.RWMutex
	byTenant map[int]*client
}

func (c *clients) getRacy(tenant int) *client {
	if found, ok := c.byTenant[tenant]; ok {
		return found
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.make(tenant)
}

func (c *clients) getRepaired(tenant int) *client {
	c.mu.RLock()
	found, ok := c.byTenant[tenant]
	c.mu.RUnlock()
	if ok {
		return found
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.make(tenant)
}

func (c *clients) make(tenant int) *client {
	if found, ok := c.byTenant[tenant]; ok {
		return found
	}
	made := &client{tenant: tenant}
	c.byTenant[tenant] = made
	return made
}

func (c *clients) expire(tenant int) {
	c.mu.Lock()
	delete(c.byTenant, tenant)
	c.mu.Unlock()
}

func init() {
	run := func(get func(*clients, int) *client) func() {
		return func() {
			c := &clients{byTenant: map[int]*client{}}
			drive.Clients(3, 500, func(_, round int) { drive.Busy(get(c, round%20).tenant) })
			drive.Every(50*time.Millisecond, func(round int) { c.expire(round % 20) })
		}
	}
	drive.Patterns["lock-double-checked-map"] = drive.Pattern{
		Kind: "lock: double-checked", Racy: run((*clients).getRacy), Repaired: run((*clients).getRepaired),
	}
}
