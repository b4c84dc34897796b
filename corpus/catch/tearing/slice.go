package tearing

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// The healthy backends, replaced as a whole: a slice is three words, and a reader may have one's pointer and
// the other's length.
type pool struct {
	mu      sync.RWMutex
	healthy []uint32
}

func (p *pool) pick(n int) uint32 {
	healthy := p.healthy
	if len(healthy) == 0 {
		return 0
	}
	return healthy[n%len(healthy)]
}

func (p *pool) pickLocked(n int) uint32 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.pick(n)
}

func (p *pool) check(round int) {
	// The longer one first, so that whatever a reader gets lies within it.
	p.healthy = make([]uint32, 4, 8)[:2+round%3]
}

func (p *pool) checkLocked(round int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.check(round)
}

func init() {
	run := func(pick func(*pool, int) uint32, check func(*pool, int)) func() {
		return func() {
			p := &pool{}
			drive.Clients(4, 1000, func(_, round int) { drive.Busy(int(pick(p, round))) })
			drive.Every(200*time.Millisecond, func(round int) { check(p, round) })
		}
	}
	drive.Patterns["tearing-slice"] = drive.Pattern{
		Kind:     "tearing: slice",
		Racy:     run((*pool).pick, (*pool).check),
		Repaired: run((*pool).pickLocked, (*pool).checkLocked),
	}
}
