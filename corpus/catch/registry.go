package main

import (
	"fmt"
	"sync"
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
	patterns["registry"] = pattern{
		// The writer locks; the readers forgot to. The runtime notices now and then and would end the
		// program, so writes are rare.
		racy: func() {
			r := newRegistry()
			workers(3, func(worker, round int) {
				if worker == 0 {
					if round%512 == 0 {
						r.mu.Lock()
						r.login(names[round/512%64], round)
						r.mu.Unlock()
					}
				} else {
					r.lookup(names[round%64])
				}
			})
		},
		repaired: func() {
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
