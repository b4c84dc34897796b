// herd is what is looked at: N goroutines that wait in five ways on stacks of some depth, and one thread
// of the kernel's real-time class, where that is allowed, that wakes each half millisecond and keeps the
// longest time that it did not. That longest time is what a look costs the program: a stop of all threads
// shows in it, and so does a busy machine, which the control shows too.
//
// It prints its number of goroutines and READY; on each line of its input, the longest gap since the last one.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const tick = 500 * time.Microsecond

var (
	longest  atomic.Int64
	sends    = make(chan int)
	receives = make(chan int)
	never    = make(chan struct{})
	lock     sync.Mutex
)

//go:noinline
func nest(depth int, wait func()) int {
	if depth == 0 {
		wait()
		return 0
	}
	return nest(depth-1, wait) + 1
}

func watch() {
	runtime.LockOSThread()
	priority := struct{ value int32 }{10}
	// SCHED_FIFO; without the right to it, the control shows what is lost.
	syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&priority)))
	sleep := syscall.NsecToTimespec(int64(tick))
	last := time.Now()
	for {
		syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&sleep)), 0, 0)
		now := time.Now()
		if gap := int64(now.Sub(last) - tick); gap > longest.Load() {
			longest.Store(gap)
		}
		last = now
	}
}

func main() {
	n := flag.Int("n", 1000, "goroutines")
	depth := flag.Int("depth", 5, "calls on each stack")
	flag.Parse()
	if runtime.GOMAXPROCS(0) < 4 {
		runtime.GOMAXPROCS(4) // one for the watching thread to come back to
	}
	lock.Lock()
	waits := []func(){
		func() { sends <- 1 },
		func() { <-receives },
		func() {
			select {
			case <-never:
			case <-receives:
			}
		},
		func() { lock.Lock() },
		func() { time.Sleep(24 * time.Hour) },
	}
	for i := 0; i < *n; i++ {
		go nest(*depth, waits[i%len(waits)])
	}
	time.Sleep(time.Second + time.Duration(*n)*5*time.Microsecond)
	go watch()
	time.Sleep(100 * time.Millisecond)
	fmt.Println(runtime.NumGoroutine())
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		fmt.Printf("%.3f\n", float64(longest.Swap(0))/1e6)
	}
}
