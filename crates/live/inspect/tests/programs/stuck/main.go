// stuck has two deadlocks and three leaks, and much that only looks like one. It prints what is what.
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

type account struct {
	name    string
	mu      sync.Mutex
	balance int
}

var (
	first, second sync.Mutex // globals, locked in both orders
	jobs          = make(chan int)
	shared        = map[string]*account{}
	registry      sync.Mutex
	config        sync.RWMutex
	results       = make(chan chan int, 1000)
)

func goid() int {
	var text [64]byte
	n := runtime.Stack(text[:], false)
	id, _ := strconv.Atoi(strings.Fields(string(text[:n]))[1])
	return id
}

func say(what string) { fmt.Printf("%s=%d\n", what, goid()) }

// Two accounts, each locked by one and wanted by the other.
//
//go:noinline
func transfer(from, to *account, amount int, turn *sync.WaitGroup) {
	from.mu.Lock()
	defer from.mu.Unlock()
	turn.Done()
	turn.Wait()
	to.mu.Lock()
	defer to.mu.Unlock()
	from.balance -= amount
	to.balance += amount
}

//go:noinline
func forwards(turn *sync.WaitGroup) {
	first.Lock()
	turn.Done()
	turn.Wait()
	second.Lock()
	shared["x"] = nil
	second.Unlock()
	first.Unlock()
}

//go:noinline
func backwards(turn *sync.WaitGroup) {
	second.Lock()
	turn.Done()
	turn.Wait()
	first.Lock()
	shared["y"] = nil
	first.Unlock()
	second.Unlock()
}

// Waits for one of the deadlocked locks, but is in no ring.
func bystander(of *account) {
	of.mu.Lock()
	of.mu.Unlock()
}

// The leak of every timeout: the answer comes when nobody waits any more.
func ask(n int) {
	answer := make(chan int)
	go func() { answer <- work(n) }()
	select {
	case <-answer:
	case <-time.After(time.Microsecond):
	}
}

//go:noinline
func work(n int) int { time.Sleep(20 * time.Millisecond); return n }

// Nobody will ever close it.
func abandon() {
	done := make(chan struct{})
	items := make([]chan struct{}, 3)
	for n := range items {
		items[n] = done
		go func() { <-done }()
	}
}

// Workers that wait for jobs: healthy, however many.
func worker() {
	for job := range jobs {
		_ = job
	}
}

// Waits for an answer that is on its way to somebody who has the channel: healthy.
func patient() {
	answer := make(chan int)
	results <- answer
	<-answer
}

// Waits for a lock that is held a long while by one who can go on: healthy.
func slow(ready chan bool) {
	registry.Lock()
	ready <- true
	time.Sleep(24 * time.Hour)
	registry.Unlock()
}

func impatient() { registry.Lock(); registry.Unlock() }

func main() {
	a, b := &account{name: "a"}, &account{name: "b"}
	shared["a"], shared["b"] = a, b
	var turn, turn2 sync.WaitGroup
	turn.Add(2)
	turn2.Add(2)
	go func() { say("ring1"); transfer(a, b, 1, &turn) }()
	go func() { say("ring1"); transfer(b, a, 2, &turn) }()
	go func() { say("ring2"); forwards(&turn2) }()
	go func() { say("ring2"); backwards(&turn2) }()
	time.Sleep(50 * time.Millisecond)
	go bystander(a)
	var left sync.WaitGroup
	left.Add(1)
	// On a stack that goes away: words that are left on one would hide the leaks.
	go func() {
		defer left.Done()
		for n := 0; n < 200; n++ {
			ask(n)
		}
		abandon()
	}()
	left.Wait()
	var never chan int
	go func() { <-never }()
	for n := 0; n < 100; n++ {
		go worker()
		go patient()
		go func() { <-time.After(24 * time.Hour) }()
	}
	ready := make(chan bool)
	go slow(ready)
	<-ready
	for n := 0; n < 10; n++ {
		go impatient()
	}
	config.RLock()
	go func() { config.Lock(); config.Unlock() }()
	text := make([]byte, 4<<20)
	for {
		time.Sleep(50 * time.Millisecond)
		dump := text[:runtime.Stack(text, true)]
		if !bytes.Contains(dump, []byte("[runnable")) && !bytes.Contains(dump, []byte("main.work(")) {
			break
		}
	}
	// What was here and is gone: stale words would hide the leaks.
	runtime.GC()
	fmt.Println("READY")
	time.Sleep(24 * time.Hour)
	config.RUnlock()
	close(jobs)
	for answer := range results {
		answer <- 1
	}
	runtime.KeepAlive(text)
}
