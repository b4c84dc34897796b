package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// account is written under a lock of one kind or another.
type account struct {
	name    string
	balance int
	history []int
	last    any
	block   [40]int
}

//go:noinline
func (a *account) change(round int) {
	a.balance++
	a.name = names[round%len(names)]
	a.last = round
	a.history = append(a.history, round)
	if len(a.history) > 100 {
		a.history = nil
	}
	a.block[round%40]++
}

//go:noinline
func (a *account) read() int {
	sum := a.balance + len(a.name) + len(a.history) + cap(a.history)
	if n, ok := a.last.(int); ok {
		sum += n
	}
	copied := *a
	return sum + copied.block[3]
}

var names = []string{"ada", "grace", "barbara", "radia"}

// spin is a lock made of atomic operations alone.
type spin struct{ held atomic.Bool }

func (s *spin) lock() {
	for !s.held.CompareAndSwap(false, true) {
		runtime.Gosched()
	}
}

func (s *spin) unlock() { s.held.Store(false) }

// ticket is another, of plain words and functions of sync/atomic.
type ticket struct{ next, serving uint32 }

func (t *ticket) lock() {
	mine := atomic.AddUint32(&t.next, 1) - 1
	for atomic.LoadUint32(&t.serving) != mine {
		runtime.Gosched()
	}
}

func (t *ticket) unlock() { atomic.StoreUint32(&t.serving, atomic.LoadUint32(&t.serving)+1) }

func init() {
	parts["mutex"] = func() {
		var mu sync.Mutex
		a := &account{}
		workers(3, func(_, round int) {
			if round%3 == 0 && !mu.TryLock() {
				return
			} else if round%3 != 0 {
				mu.Lock()
			}
			a.change(round)
			busy(a.read() & 63)
			mu.Unlock()
		})
	}
	parts["rwmutex"] = func() {
		var mu sync.RWMutex
		a := &account{}
		workers(4, func(worker, round int) {
			if worker == 0 || round%32 == 0 {
				mu.Lock()
				defer mu.Unlock()
				a.change(round)
			} else {
				mu.RLock()
				defer mu.RUnlock()
				busy(a.read() & 63)
			}
		})
	}
	parts["spinlock"] = func() {
		var s spin
		var t ticket
		a, b := &account{}, &account{}
		workers(3, func(_, round int) {
			s.lock()
			a.change(round)
			s.unlock()
			t.lock()
			b.change(round)
			t.unlock()
		})
	}
	parts["cond"] = func() {
		var mu sync.Mutex
		cond := sync.NewCond(&mu)
		queue := []*account{}
		workers(4, func(worker, round int) {
			mu.Lock()
			if worker%2 == 0 {
				for len(queue) > 8 {
					cond.Wait()
				}
				a := &account{}
				a.change(round)
				queue = append(queue, a)
			} else {
				for len(queue) == 0 {
					cond.Wait()
				}
				queue[0].change(round)
				queue = queue[1:]
			}
			mu.Unlock()
			cond.Broadcast()
		})
	}
	parts["once"] = func() {
		type lazy struct {
			once sync.Once
			a    *account
		}
		value := sync.OnceValue(func() *account { a := &account{}; a.change(1); return a })
		var current atomic.Pointer[lazy]
		current.Store(&lazy{})
		workers(4, func(worker, round int) {
			l := current.Load()
			l.once.Do(func() { l.a = &account{}; l.a.change(round) })
			busy((l.a.read() + value().read()) & 63)
			if worker == 0 && round%8 == 0 {
				current.Store(&lazy{})
			}
		})
	}
}
