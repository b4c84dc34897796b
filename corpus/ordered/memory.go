package main

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// node makes lists that the collector marks while they change.
type node struct {
	next  *node
	value any
	room  [6]*node
}

//go:noinline
func climb(depth int, total *int) int {
	var room [48]int
	room[depth%48] = depth
	*total += room[depth%48]
	if depth == 0 {
		return *total
	}
	defer func() { *total-- }()
	return climb(depth-1, total) + room[depth%48]
}

func init() {
	parts["collector"] = func() {
		debug.SetGCPercent(20)
		var mu sync.Mutex
		head := &node{}
		workers(3, func(_, round int) {
			mu.Lock()
			head = &node{next: head, value: round}
			head.room[round%6] = head.next
			if round%200 == 0 {
				head = &node{}
			}
			for at, n := head, 0; at != nil && n < 20; at, n = at.next, n+1 {
				at.value = round
				at.room[n%6] = nil
			}
			mu.Unlock()
		})
		workers(1, func(_, round int) {
			runtime.GC()
			if round%8 == 0 {
				debug.FreeOSMemory()
			}
		})
	}
	parts["reuse"] = func() {
		// Freed memory is another's at once, of the same size and in the same place.
		workers(4, func(_, round int) {
			for i := 0; i < 8; i++ {
				a := &account{balance: i}
				a.change(round)
				b := make([]byte, 64+i)
				b[i]++
				c := [][]int{make([]int, 4), make([]int, 9)}
				c[1][i]++
				busy(a.balance + len(b) + len(c))
			}
		})
	}
	parts["finalizers"] = func() {
		var ended atomic.Int64
		workers(2, func(_, round int) {
			a := &account{}
			a.change(round)
			runtime.SetFinalizer(a, func(a *account) { a.change(1); ended.Add(int64(a.balance)) })
			a.change(round)
			if round%64 == 0 {
				runtime.GC()
			}
		})
	}
	parts["stacks"] = func() {
		// Stacks grow, move, shrink and are given to new goroutines; pointers lead into them.
		workers(3, func(_, round int) {
			total := 0
			climb(round%120+1, &total)
			done := make(chan int)
			go func() {
				mine := 0
				climb(round%60+1, &mine)
				done <- mine
			}()
			busy((<-done + total) & 31)
			if round%100 == 0 {
				runtime.GC()
			}
		})
	}
	parts["pools"] = func() {
		pool := sync.Pool{New: func() any { return &account{} }}
		var kept sync.Map
		workers(4, func(worker, round int) {
			a := pool.Get().(*account)
			a.change(round)
			pool.Put(a)
			kept.Store(worker, &node{value: round})
			n, _ := kept.LoadOrStore(round%8+10, &node{value: round})
			if n.(*node).value == nil {
				panic("lost")
			}
			if round%8 == 0 {
				kept.Delete(round%8 + 10)
				kept.Range(func(_, v any) bool { return v.(*node).value != nil })
			}
		})
	}
	parts["grown"] = func() {
		// Read by many, grown by one who lets nobody else in.
		var mu sync.RWMutex
		list, texts := []account{{}}, [][]byte{[]byte("x")}
		workers(4, func(worker, round int) {
			if worker > 0 {
				mu.RLock()
				all := append([]account(nil), list...)
				text := string(texts[round%len(texts)])
				var boxed any = list[round%len(list)]
				mu.RUnlock()
				all[0].change(round)
				busy((len(all) + len(text) + boxed.(account).balance) & 31)
				return
			}
			mu.Lock()
			list = append(list, account{balance: round})
			list[0] = list[len(list)-1]
			texts = append(texts, []byte(names[round%4]))
			if len(list) > 40 {
				list, texts = list[:1:1], texts[:1:1]
			}
			mu.Unlock()
		})
	}
}
