// Package spin has locks made of atomic operations alone.
package spin

import (
	"runtime"
	"sync/atomic"
)

// Lock is held while its word is 1.
type Lock struct{ word int32 }

// Lock waits for the lock.
func (l *Lock) Lock() {
	for !atomic.CompareAndSwapInt32(&l.word, 0, 1) {
		runtime.Gosched()
	}
}

// Unlock gives it back.
func (l *Lock) Unlock() { atomic.StoreInt32(&l.word, 0) }

// Ticket serves in the order of arrival.
type Ticket struct{ next, serving atomic.Uint64 }

// Lock waits for its turn.
func (t *Ticket) Lock() {
	mine := t.next.Add(1) - 1
	for t.serving.Load() != mine {
		runtime.Gosched()
	}
}

// Unlock calls the next.
func (t *Ticket) Unlock() { t.serving.Add(1) }

// Ring hands values from one producer to one consumer.
type Ring[T any] struct {
	slots      [8]T
	head, tail atomic.Uint32
}

// Push reports whether there was room.
func (r *Ring[T]) Push(v T) bool {
	tail := r.tail.Load()
	if tail-r.head.Load() == uint32(len(r.slots)) {
		return false
	}
	r.slots[tail%uint32(len(r.slots))] = v
	r.tail.Store(tail + 1)
	return true
}

// Pop reports whether there was a value.
func (r *Ring[T]) Pop() (v T, ok bool) {
	head := r.head.Load()
	if head == r.tail.Load() {
		return v, false
	}
	v = r.slots[head%uint32(len(r.slots))]
	r.head.Store(head + 1)
	return v, true
}
