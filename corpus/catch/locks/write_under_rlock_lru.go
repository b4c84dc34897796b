package locks

import (
	"container/list"
	"sync"

	"example.org/catch/drive"
)

// Looking into an LRU cache moves the entry to the front, under the lock for readers: the writes are in container/list.
type lru struct {
	mu      sync.RWMutex
	order   *list.List
	entries map[int]*list.Element
}

func newLRU() *lru {
	l := &lru{order: list.New(), entries: map[int]*list.Element{}}
	for key := 0; key < 32; key++ {
		l.entries[key] = l.order.PushFront(key * 3)
	}
	return l
}

func (l *lru) getRacy(key int) int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.get(key)
}

func (l *lru) getRepaired(key int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.get(key)
}

func (l *lru) get(key int) int {
	found, ok := l.entries[key%32]
	if !ok {
		return 0
	}
	l.order.MoveToFront(found)
	return found.Value.(int)
}

func init() {
	run := func(get func(*lru, int) int) func() {
		return func() {
			l := newLRU()
			drive.Clients(3, 800, drive.Guarded(func(client, round int) { drive.Busy(get(l, client*5+round) & 63) }))
		}
	}
	drive.Patterns["lock-write-under-rlock-lru"] = drive.Pattern{
		Kind: "lock: write under a read lock", Racy: run((*lru).getRacy), Repaired: run((*lru).getRepaired),
	}
}
