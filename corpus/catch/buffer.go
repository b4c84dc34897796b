package main

import (
	"bytes"
	"math/rand"
	"sync"
	"time"

	"example.org/catch/drive"
)

// A buffer and a generator of random numbers, kept to save allocations, shared by mistake.
type shared struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	random *rand.Rand
}

//go:noinline
func (s *shared) render(round int) int {
	s.buffer.Reset()
	s.buffer.WriteString("receipt ")
	s.buffer.WriteByte(byte('a' + round%26))
	return s.buffer.Len()
}

func init() {
	drive.Patterns["buffer"] = drive.Pattern{
		Kind: "API contract: bytes.Buffer",
		Racy: func() {
			s := &shared{}
			workers(3, func(_, round int) { s.render(round) })
		},
		Repaired: func() {
			s := &shared{}
			workers(3, func(_, round int) {
				s.mu.Lock()
				s.render(round)
				s.mu.Unlock()
			})
		},
	}
	drive.Patterns["random"] = drive.Pattern{
		Kind: "API contract: rand.Rand",
		Racy: func() {
			s := &shared{random: rand.New(rand.NewSource(1))}
			workers(3, func(int, int) { busy(s.random.Intn(100)) })
		},
		Repaired: func() {
			s := &shared{random: rand.New(rand.NewSource(1))}
			workers(3, func(int, int) {
				s.mu.Lock()
				n := s.random.Intn(100)
				s.mu.Unlock()
				busy(n)
			})
		},
	}
	drive.Patterns["cold"] = drive.Pattern{
		Kind: "configuration reload",
		// A setting written five times a second, read in a cold path.
		Racy: func() {
			workers(2, func(_, round int) { readLevel(round) })
			go func() {
				for n := 0; ; n++ {
					setLevel(n)
					time.Sleep(200 * time.Millisecond)
				}
			}()
		},
		Repaired: func() {
			var mu sync.RWMutex
			workers(2, func(_, round int) {
				mu.RLock()
				readLevel(round)
				mu.RUnlock()
			})
			go func() {
				for n := 0; ; n++ {
					mu.Lock()
					setLevel(n)
					mu.Unlock()
					time.Sleep(200 * time.Millisecond)
				}
			}()
		},
	}
}

var level int

//go:noinline
func setLevel(n int) { level = n }

//go:noinline
func readLevel(round int) int { return level + round }
