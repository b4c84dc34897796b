// churn never stands still: goroutines meet on channels, sleep, lock, grow their stacks, come and go,
// while the garbage collector runs. It counts what it does, so that a reader can see that it went on.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	meetings atomic.Int64
	table    sync.Mutex
	ages     = map[int]int{}
)

//go:noinline
func meet(in, out chan int) {
	for {
		out <- <-in + 1
		meetings.Add(1)
	}
}

//go:noinline
func grow(depth int) int {
	var room [64]int
	if depth == 0 {
		time.Sleep(time.Millisecond)
		return room[depth]
	}
	return grow(depth-1) + room[depth%64]
}

func grower() {
	for depth := 0; ; depth = (depth + 7) % 300 {
		done := make(chan int)
		go func() { done <- grow(depth) }()
		<-done
	}
}

func locker(n int) {
	for {
		table.Lock()
		ages[n]++
		table.Unlock()
		time.Sleep(time.Duration(n%5) * time.Millisecond)
	}
}

func main() {
	runtime.GOMAXPROCS(4)
	for ring := 0; ring < 100; ring++ {
		first := make(chan int)
		in := first
		for place := 0; place < 10; place++ {
			out := first
			if place < 9 {
				out = make(chan int)
			}
			go meet(in, out)
			in = out
		}
		go func() { first <- 0 }()
	}
	for n := 0; n < 50; n++ {
		go grower()
		go locker(n)
	}
	go func() {
		for {
			runtime.GC()
			time.Sleep(20 * time.Millisecond)
		}
	}()
	for meetings.Load() < 1000 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("READY")
	for {
		time.Sleep(10 * time.Millisecond)
		fmt.Println("meetings", meetings.Load())
	}
}
