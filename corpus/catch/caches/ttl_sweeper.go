// Package caches has caches whose entries end, by age or by number.
package caches

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Entries are kept in a slice of slots. Get locks only to find the entry, and looks at its expiry outside, where the
// refresher extends it.
type entry struct {
	value   int
	expires int64
}

type ttlCache struct {
	mu    sync.RWMutex
	slots [16]*entry
}

func newTTLCache() *ttlCache {
	c := &ttlCache{}
	for i := range c.slots {
		c.slots[i] = &entry{value: i}
	}
	return c
}

func (c *ttlCache) find(key int) *entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.slots[key%len(c.slots)]
}

func (c *ttlCache) getRacy(key int, now int64) int {
	found := c.find(key)
	if found.expires < now {
		return 0
	}
	return found.value
}

func (c *ttlCache) getLocked(key int, now int64) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found := c.slots[key%len(c.slots)]
	if found.expires < now {
		return 0
	}
	return found.value
}

func (c *ttlCache) refresh(round int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.slots {
		c.slots[i].expires = int64(round + i)
		c.slots[i].value = round
	}
}

func init() {
	run := func(get func(*ttlCache, int, int64) int) func() {
		return func() {
			c := newTTLCache()
			drive.Clients(3, 1500, func(_, round int) { drive.Busy(get(c, round, int64(round/100)) & 63) })
			drive.Every(100*time.Millisecond, func(round int) { c.refresh(round) })
		}
	}
	drive.Patterns["cache-ttl-expiry"] = drive.Pattern{
		Kind: "cache with TTL", Racy: run((*ttlCache).getRacy), Repaired: run((*ttlCache).getLocked),
	}
}
