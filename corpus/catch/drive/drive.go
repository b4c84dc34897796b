// Package drive holds the patterns, the load they are under, and the count of the work they do.
//
// Nothing here orders one goroutine's work after another's: each counts in a word of its own.
package drive

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Pattern is a racy program and its repaired twin. Both start goroutines that never end.
type Pattern struct {
	// Kind is the pattern of the taxonomy.
	Kind string
	// Unseen says why Go's own detector seldom sees the race; empty if it does.
	Unseen string
	// The two programs.
	Racy, Repaired func()
}

// Patterns by name.
var Patterns = map[string]Pattern{}

// A counter fills a cache line, so that counting costs nobody else anything.
type counter struct {
	atomic.Int64
	_ [56]byte
}

var (
	mu       sync.Mutex
	counters []*counter
)

// Tally returns a counter of rounds of work, for one goroutine alone.
func Tally() *atomic.Int64 {
	mu.Lock()
	defer mu.Unlock()
	counters = append(counters, new(counter))
	return &counters[len(counters)-1].Int64
}

// Work is the number of rounds done so far.
func Work() int64 {
	mu.Lock()
	defer mu.Unlock()
	var sum int64
	for _, counter := range counters {
		sum += counter.Load()
	}
	return sum
}

// Workers starts n goroutines that do work again and again, with a little arithmetic between and a pause
// now and then.
func Workers(n int, work func(worker, round int)) {
	for worker := 0; worker < n; worker++ {
		worker, rounds := worker, Tally()
		go func() {
			for round := 0; ; round++ {
				work(worker, round)
				rounds.Add(1)
				Busy(200)
				if round%64 == 0 {
					time.Sleep(200 * time.Microsecond)
				}
			}
		}()
	}
}

// Clients starts n goroutines that do work about perSecond times a second each.
func Clients(n, perSecond int, work func(client, round int)) {
	for client := 0; client < n; client++ {
		client, rounds := client, Tally()
		go func() {
			for round := 0; ; round++ {
				work(client, round)
				rounds.Add(1)
				Busy(50)
				time.Sleep(time.Second / time.Duration(perSecond))
			}
		}()
	}
}

// Every starts a goroutine that does work once in each period.
func Every(period time.Duration, work func(round int)) {
	rounds := Tally()
	go func() {
		for round := 0; ; round++ {
			work(round)
			rounds.Add(1)
			time.Sleep(period)
		}
	}()
}

// Guarded does work and survives its panic, as a server's handlers do.
func Guarded(work func(worker, round int)) func(worker, round int) {
	return func(worker, round int) {
		defer func() { _ = recover() }()
		work(worker, round)
	}
}

// Busy works for about n nanoseconds.
//
//go:noinline
func Busy(n int) int {
	sum := n
	for i := 0; i < n; i++ {
		sum = sum*31 + i
	}
	return sum
}

// Sum reads every byte of a text.
//
//go:noinline
func Sum(text string) int {
	sum := len(text)
	for i := 0; i < len(text); i++ {
		sum += int(text[i])
	}
	return sum
}
