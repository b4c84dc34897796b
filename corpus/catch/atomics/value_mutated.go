package atomics

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// A snapshot is published through atomic.Pointer as it should be, and then repaired in place, since it is only one field.
type snapshot struct {
	version int
	weights [4]int
}

type balancer struct{ current atomic.Pointer[snapshot] }

func (b *balancer) adjustRacy(round int) {
	current := b.current.Load()
	current.weights[round%4] = round
	current.version++
}

func (b *balancer) adjustRepaired(round int) {
	changed := *b.current.Load()
	changed.weights[round%4] = round
	changed.version++
	b.current.Store(&changed)
}

func (b *balancer) pick(n int) int {
	current := b.current.Load()
	return current.weights[n%4] + current.version
}

func init() {
	run := func(adjust func(*balancer, int)) func() {
		return func() {
			b := &balancer{}
			b.current.Store(&snapshot{})
			drive.Clients(3, 2000, func(_, round int) { drive.Busy(b.pick(round) & 63) })
			drive.Every(120*time.Millisecond, func(round int) { adjust(b, round) })
		}
	}
	drive.Patterns["atomic-snapshot-mutated"] = drive.Pattern{
		Kind: "atomics: content mutated", Racy: run((*balancer).adjustRacy), Repaired: run((*balancer).adjustRepaired),
	}
}
