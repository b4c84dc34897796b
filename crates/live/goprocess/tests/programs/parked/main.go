// parked starts goroutines that wait in every way there is, and prints what the runtime says of them:
// the truth that a reader of its memory is compared with. Between DUMP and END stands the output of
// runtime.Stack for all goroutines, taken when all but the main one stood still.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

var (
	sends    = make(chan int)
	receives = make(chan int)
	never    = make(chan struct{})
	nilChan  chan int
	mutex    sync.Mutex
	rwmutex  sync.RWMutex
	group    sync.WaitGroup
	condLock sync.Mutex
	cond     = sync.NewCond(&condLock)
	pipe     [2]int
	reader   *os.File
	writer   *os.File // kept, lest it be collected and closed
)

type ring[T any] struct{ values []T }

//go:noinline
func (r *ring[T]) take(from chan T) { r.values = append(r.values, <-from) }

type waiter interface{ wait(int) }

type byValue struct{ name string }

//go:noinline
func (v byValue) wait(int) { <-never }

// Inlined, twice over.
func inlined(n int) int { return twice(n) + 1 }
func twice(n int) int   { <-never; return 2 * n }

//go:noinline
func caller(n int) int { return inlined(n) + 2 }

//go:noinline
func deep(n int) int {
	if n == 0 {
		<-never
		return 0
	}
	return deep(n-1) + 1
}

func receive(n int) { <-receives }
func send(n int)    { sends <- n }

func selects() {
	select {
	case sends <- 1:
	case <-receives:
	case <-never:
	}
}

func deferred() {
	defer func() {
		recover()
		<-never
	}()
	panic("on purpose")
}

// How many goroutines there are besides the main one.
func start() int {
	mutex.Lock()
	rwmutex.Lock()
	group.Add(1)
	syscall.Pipe(pipe[:])
	reader, writer, _ = os.Pipe()
	bodies := []func(){
		selects,
		func() { mutex.Lock() },
		func() { rwmutex.RLock() },
		func() { rwmutex.Lock() },
		func() { group.Wait() },
		func() { condLock.Lock(); cond.Wait() },
		func() { time.Sleep(24 * time.Hour) },
		func() { <-nilChan },
		func() { nilChan <- 1 },
		func() { select {} },
		func() { caller(3) },
		func() { deep(200) },
		func() { deep(99) },
		func() { (&ring[string]{}).take(make(chan string)) },
		func() { var w waiter = &byValue{"x"}; w.wait(1) },
		func() { runtime.LockOSThread(); <-never },
		func() { var b [1]byte; syscall.Read(pipe[0], b[:]) },
		func() { var b [1]byte; reader.Read(b[:]) },
		deferred,
	}
	for _, body := range bodies {
		go body()
	}
	for n := 0; n < 3; n++ {
		go receive(n)
		go send(n)
	}
	go byValue{"method value"}.wait(2)
	pprof.Do(context.Background(), pprof.Labels("tenant", "eu-7", "kind", "labelled"), func(context.Context) {
		go receive(9)
	})
	more := extra()
	return len(bodies) + 3*2 + 2 + more
}

func dump() []byte {
	text := make([]byte, 1<<20)
	return text[:runtime.Stack(text, true)]
}

// Whether nothing but the main goroutine can run.
func isStill(text []byte, want int) bool {
	n := bytes.Count(text, []byte("goroutine "))
	return n > want && !bytes.Contains(text, []byte("[runnable")) && bytes.Count(text, []byte("[running")) == 1
}

func main() {
	want := start()
	var text []byte
	for still := 0; still < 3; {
		time.Sleep(5 * time.Millisecond)
		before := text
		text = dump()
		if isStill(text, want) && bytes.Equal(before, text) {
			still++
		} else {
			still = 0
		}
	}
	fmt.Printf("mutex=%p rwmutex=%p group=%p cond=%p sends=%p\n", &mutex, &rwmutex, &group, cond, sends)
	fmt.Printf("DUMP\n%sEND\nREADY\n", text)
	<-never
}
