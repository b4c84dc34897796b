package main

import (
	"sync"
	"sync/atomic"
)

// figures are kept by atomic operations of all sizes and spellings; on amd64 their loads are plain moves.
type figures struct {
	count   int64
	level   uint32
	total   atomic.Int64
	ready   atomic.Bool
	current atomic.Pointer[account]
	value   atomic.Value
	bits    atomic.Uint32
}

var global struct {
	count int64
	state uint32
}

func init() {
	parts["atomics"] = func() {
		f := &figures{}
		f.current.Store(&account{})
		f.value.Store([]int{1})
		workers(4, func(worker, round int) {
			atomic.AddInt64(&f.count, 1)
			atomic.StoreUint32(&f.level, uint32(round))
			atomic.SwapUint32(&global.state, uint32(round))
			atomic.StoreInt64(&global.count, int64(round))
			f.total.Add(atomic.LoadInt64(&f.count) + int64(atomic.LoadUint32(&f.level)))
			f.total.Store(atomic.LoadInt64(&global.count) + int64(atomic.LoadUint32(&global.state)))
			f.ready.Store(!f.ready.Load())
			f.bits.CompareAndSwap(f.bits.Load(), uint32(round))
			sum := f.current.Load().read() + len(f.value.Load().([]int)) + int(f.total.Load())
			if worker == 0 {
				a := &account{}
				a.change(round)
				f.current.Store(a)
				f.value.Store(make([]int, 1+round%5))
			}
			busy(sum & 31)
		})
	}
	parts["publication"] = func() {
		// Written plainly, then published by an atomic store; read only after an atomic load said so.
		type mailbox struct {
			full atomic.Bool
			text [4]string
			more *account
		}
		boxes := make([]mailbox, 4)
		workers(2, func(worker, round int) {
			box := &boxes[worker*2+round%2]
			if !box.full.Load() {
				box.text[round%4] = names[round%4]
				box.more = &account{balance: round}
				box.full.Store(true)
			}
		})
		workers(2, func(worker, round int) {
			box := &boxes[worker*2+round%2]
			if box.full.Load() {
				busy((len(box.text[round%4]) + box.more.balance) & 31)
				box.more = nil
				box.full.Store(false)
			}
		})
	}
	parts["countdown"] = func() {
		// The last to finish, by a counter, reads what all wrote.
		workers(2, func(_, round int) {
			var left atomic.Int32
			var done sync.WaitGroup
			results := make([]int, 3)
			left.Store(3)
			done.Add(3)
			for i := range results {
				go func(i int) {
					defer done.Done()
					results[i] = busy(round % 20)
					if left.Add(-1) == 0 {
						results[0] += results[1] + results[2]
					}
				}(i)
			}
			done.Wait()
		})
	}
}
