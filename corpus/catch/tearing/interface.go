package tearing

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A tariff is swapped while prices are computed: an interface is a type and a pointer, and one type's method may be called
// on the other's value.
type tariff interface{ price(units int) int }

type flat struct{ cents, minimum int }

type stepped struct{ cents, step int }

func (f *flat) price(int) int          { return max(f.cents, f.minimum) }
func (s *stepped) price(units int) int { return units * s.cents / (s.step + 1) }

type pricing struct {
	mu     sync.RWMutex
	tariff tariff
}

func (p *pricing) price(units int) int { return p.tariff.price(units) }

func (p *pricing) priceLocked(units int) int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.price(units)
}

func (p *pricing) swap(round int) {
	if round%2 == 0 {
		p.tariff = &stepped{cents: 3, step: round & 7}
	} else {
		p.tariff = &flat{cents: 100, minimum: 50}
	}
}

func (p *pricing) swapLocked(round int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swap(round)
}

func init() {
	run := func(price func(*pricing, int) int, swap func(*pricing, int)) func() {
		return func() {
			p := &pricing{tariff: &flat{cents: 100}}
			drive.Workers(2, func(_, round int) { drive.Busy(price(p, round) & 63) })
			drive.Every(100*time.Millisecond, func(round int) { swap(p, round) })
		}
	}
	drive.Patterns["tearing-interface"] = drive.Pattern{
		Kind:     "tearing: interface",
		Racy:     run((*pricing).price, (*pricing).swap),
		Repaired: run((*pricing).priceLocked, (*pricing).swapLocked),
	}
}
