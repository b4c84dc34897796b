package main

import (
	"fmt"
	"sync"
	"time"

	"example.org/catch/drive"
)

// Sessions by user, written at login and looked up by each request.
type registry struct {
	mu       sync.RWMutex
	sessions map[string]int
}

var names [64]string

func (r *registry) login(user string, round int) { r.sessions[user] = round }

func (r *registry) lookup(user string) int { return r.sessions[user] }

func (r *registry) oldest() int {
	least := 0
	for _, round := range r.sessions {
		if round < least {
			least = round
		}
	}
	return least
}

func newRegistry() *registry {
	r := &registry{sessions: map[string]int{}}
	for i := range names {
		names[i] = fmt.Sprintf("user-%d", i)
		r.sessions[names[i]] = i
	}
	return r
}

func init() {
	drive.Patterns["registry"] = drive.Pattern{
		Kind: "map: in a struct",
		// The writer locks; the readers forgot to. The runtime notices now and then and ends the program,
		// so neither comes often.
		Racy: func() {
			r := newRegistry()
			go func() {
				for round := 0; ; round++ {
					r.mu.Lock()
					r.login(names[round%64], round)
					r.mu.Unlock()
					time.Sleep(5 * time.Millisecond)
				}
			}()
			for reader := 0; reader < 2; reader++ {
				go func() {
					for round := 0; ; round++ {
						r.lookup(names[round%64])
						time.Sleep(200 * time.Microsecond)
					}
				}()
			}
		},
		Repaired: func() {
			r := newRegistry()
			workers(4, func(worker, round int) {
				if worker == 0 {
					r.mu.Lock()
					r.login(names[round%64], round)
					r.mu.Unlock()
				} else {
					r.mu.RLock()
					if round%16 == 0 {
						r.oldest()
					}
					r.lookup(names[round%64])
					r.mu.RUnlock()
				}
			})
		},
	}
}
