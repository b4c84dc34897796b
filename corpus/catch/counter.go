package main

import (
	"sync"
	"sync/atomic"

	"example.org/catch/drive"
)

// A counter of requests, incremented by all handlers.
type stats struct {
	mu       sync.Mutex
	requests int64
	total    atomic.Int64
	words    uint64
}

func (s *stats) countRacy() { s.requests++ }

func (s *stats) countLocked() {
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
}

var served stats

func init() {
	drive.Patterns["counter"] = drive.Pattern{
		Kind: "atomics: missing",
		Racy: func() { workers(4, func(int, int) { served.countRacy() }) },
		Repaired: func() {
			workers(4, func(worker, round int) {
				served.countLocked()
				if worker%2 == 0 {
					served.total.Add(1)
					atomic.AddUint64(&served.words, 1)
				} else if served.total.Load()+int64(atomic.LoadUint64(&served.words)) < 0 {
					panic("counted backwards")
				}
				if round%100 == 0 {
					served.total.Store(1)
					atomic.StoreUint64(&served.words, 1)
				}
			})
		},
	}
}
