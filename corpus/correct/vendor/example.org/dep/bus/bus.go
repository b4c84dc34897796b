// Package bus calls callbacks from goroutines of its own.
package bus

import (
	"math/bits"
	"sync"
)

// Bus calls every subscriber with every value.
type Bus struct {
	mu   sync.RWMutex
	subs []func(any)
}

// Subscribe adds a subscriber.
func (b *Bus) Subscribe(f func(any)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs = append(b.subs, f)
}

// Publish calls the subscribers, all at once, and waits for them.
func (b *Bus) Publish(v any) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var wg sync.WaitGroup
	for _, f := range b.subs {
		f := f
		wg.Add(1)
		go func() { defer wg.Done(); f(v) }()
	}
	wg.Wait()
}

// Queue is a queue with a condition.
type Queue struct {
	mu    sync.Mutex
	cond  *sync.Cond
	items []any
}

// NewQueue returns an empty queue.
func NewQueue() *Queue {
	q := &Queue{}
	q.cond = sync.NewCond(&q.mu)
	return q
}

// Put appends an item.
func (q *Queue) Put(v any) {
	q.mu.Lock()
	q.items = append(q.items, v)
	q.mu.Unlock()
	q.cond.Signal()
}

// Get waits for an item.
func (q *Queue) Get() any {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 {
		q.cond.Wait()
	}
	v := q.items[0]
	q.items = q.items[1:]
	return v
}

// Ones counts bits, an intrinsic that has nothing to do with order.
func Ones(v uint64) int { return bits.OnesCount64(v) }
