// locks holds locks in every way people do, with somebody waiting for each, and prints who holds what: LOCK NAME waiter=N
// holders=N,N evidence=WORD. Some goroutines only look like holders.
package main

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

type shop struct {
	name string
	mu   sync.Mutex
	n    int
}

var (
	never  = make(chan struct{})
	global sync.Mutex
	loops  [3]sync.Mutex
)

func goid() int {
	var text [64]byte
	n := runtime.Stack(text[:], false)
	id, _ := strconv.Atoi(strings.Fields(string(text[:n]))[1])
	return id
}

//go:noinline
func deferred(mu *sync.Mutex, ready chan<- int) {
	mu.Lock()
	defer mu.Unlock()
	ready <- goid()
	<-never
}

//go:noinline
func deferredGlobal(ready chan<- int) {
	global.Lock()
	defer global.Unlock()
	ready <- goid()
	<-never
}

//go:noinline
func (s *shop) deferredField(ready chan<- int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ready <- goid()
	<-never
	s.n++
}

//go:noinline
func deferredInLoop(ready chan<- int) {
	for n := range loops {
		loops[n].Lock()
		defer loops[n].Unlock()
	}
	ready <- goid()
	<-never
}

//go:noinline
func deferredClosure(mu *sync.Mutex, ready chan<- int) {
	mu.Lock()
	defer func() {
		mu.Unlock()
	}()
	ready <- goid()
	<-never
}

//go:noinline
func plain(mu *sync.Mutex, ready chan<- int) {
	mu.Lock()
	ready <- goid()
	<-never
	mu.Unlock()
}

//go:noinline
func reader(rw *sync.RWMutex, ready chan<- int) {
	rw.RLock()
	defer rw.RUnlock()
	ready <- goid()
	<-never
}

//go:noinline
func writer(rw *sync.RWMutex, ready chan<- int) {
	rw.Lock()
	defer rw.Unlock()
	ready <- goid()
	<-never
}

// Has it no longer, though it will unlock it when it returns.
//
//go:noinline
func letGo(mu *sync.Mutex, ready chan<- int) {
	mu.Lock()
	defer mu.Unlock()
	mu.Unlock()
	ready <- goid()
	<-never
	mu.Lock()
}

// Has it not yet.
//
//go:noinline
func notYet(mu *sync.Mutex, ready chan<- int) {
	defer mu.Unlock()
	ready <- goid()
	<-never
	mu.Lock()
}

//go:noinline
func wants(mu *sync.Mutex, ready chan<- int) {
	ready <- goid()
	mu.Lock()
	mu.Unlock()
}

func start(body func(ready chan<- int)) int {
	ready := make(chan int)
	go body(ready)
	return <-ready
}

func say(name string, waiter int, evidence string, holders ...int) {
	ids := make([]string, len(holders))
	for n, id := range holders {
		ids[n] = strconv.Itoa(id)
	}
	fmt.Printf("LOCK %s waiter=%d holders=%s evidence=%s\n", name, waiter, strings.Join(ids, ","), evidence)
}

func main() {
	waits := func(mu *sync.Mutex) int { return start(func(ready chan<- int) { wants(mu, ready) }) }
	one := func(name, evidence string, mu *sync.Mutex, hold func(mu *sync.Mutex, ready chan<- int)) {
		id := start(func(ready chan<- int) { hold(mu, ready) })
		say(name, waits(mu), evidence, id)
	}
	one("deferred", "proved", new(sync.Mutex), deferred)
	one("closure", "proved", new(sync.Mutex), deferredClosure)
	one("plain", "likely", new(sync.Mutex), plain)
	id := start(deferredGlobal)
	say("global", waits(&global), "proved", id)
	s := &shop{name: "corner"}
	id = start(s.deferredField)
	say("field", waits(&s.mu), "proved", id)
	id = start(deferredInLoop)
	for n := range loops {
		say("loop"+strconv.Itoa(n), waits(&loops[n]), "proved", id)
	}
	rw := new(sync.RWMutex)
	readers := []int{}
	for n := 0; n < 3; n++ {
		readers = append(readers, start(func(ready chan<- int) { reader(rw, ready) }))
	}
	write := start(func(ready chan<- int) { ready <- goid(); rw.Lock(); rw.Unlock() })
	say("readers", write, "proved", readers...)
	written := new(sync.RWMutex)
	id = start(func(ready chan<- int) { writer(written, ready) })
	read := start(func(ready chan<- int) { ready <- goid(); written.RLock(); written.RUnlock() })
	say("writer", read, "proved", id)

	// One holds it; two look as if they did.
	busy := new(sync.Mutex)
	start(func(ready chan<- int) { letGo(busy, ready) })
	start(func(ready chan<- int) { notYet(busy, ready) })
	one("busy", "proved", busy, deferred)

	text := make([]byte, 1<<20)
	for {
		time.Sleep(50 * time.Millisecond)
		if !bytes.Contains(text[:runtime.Stack(text, true)], []byte("[runnable")) {
			break
		}
	}
	fmt.Println("READY")
	time.Sleep(24 * time.Hour)
}
