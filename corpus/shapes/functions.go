package main

import (
	"sync/atomic"
	"time"
)

type tally struct {
	hits, misses int
	state        uint32
	last         any
	label        string
	block        [60]int
	links        [6]*int
}

func (t *tally) hit() { t.hits++ }

func (t *tally) value() int { return t.hits }

//go:noinline
func (t *tally) add(n int) { t.misses += n }

type outer struct{ *tally }

type adder interface{ add(n int) }

type ring[T any] struct {
	items [8]T
	at    int
}

//go:noinline
func (r *ring[T]) push(item T) {
	r.items[r.at&7] = item
	r.at++
}

var shared tally

//go:noinline
func deferred(round int) {
	defer func() { shared.misses++ }()
	if round < 0 {
		panic("never")
	}
}

//go:noinline
func run(f func(int), round int) { f(round) }

//go:noinline
func first(round int) { shared.misses = round }

//go:noinline
func second(round int) int { return shared.misses + round }

//go:noinline
func set(t *tally, round int) { t.last, t.label = round, names[round%2] }

//go:noinline
func get(t *tally) (any, string) { return t.last, t.label }

var names = []string{"one", "another"}

//go:noinline
func store(t *tally, block *[60]int) { t.block = *block }

//go:noinline
func load(t *tally) [60]int { return t.block }

func init() {
	shapes["plain"] = func() { both(first, func(round int) { second(round) }) }
	shapes["closure"] = func() {
		count := 0
		go func() {
			for round := 0; ; round++ {
				count++
				pause(round)
			}
		}()
		go func() {
			for round := 0; ; round++ {
				if count < 0 {
					panic("never")
				}
				pause(round)
			}
		}()
	}
	shapes["inlined"] = func() {
		both(func(int) { shared.hit() }, func(int) { pause(shared.value() & 7) })
	}
	shapes["wrapped"] = func() {
		t := &tally{}
		both(func(round int) { go t.add(round); time.Sleep(time.Millisecond) }, func(round int) { t.add(round) })
	}
	shapes["bound"] = func() {
		t := &tally{}
		add := t.add
		both(func(round int) { run(add, round) }, func(round int) { run(add, round) })
	}
	shapes["promoted"] = func() {
		var a adder = outer{&tally{}}
		both(func(round int) { a.add(round) }, func(round int) { a.add(-round) })
	}
	shapes["generic"] = func() {
		r := &ring[*int]{}
		both(func(int) { r.push(nil) }, func(int) { r.push(nil) })
	}
	shapes["deferred"] = func() { both(deferred, deferred) }
	shapes["words"] = func() {
		t := &tally{}
		both(func(round int) { set(t, round) }, func(int) { get(t) })
	}
	shapes["block"] = func() {
		t := &tally{}
		both(func(round int) { store(t, &[60]int{round}) }, func(int) { load(t) })
	}
	shapes["mixed"] = func() {
		t := &tally{}
		step := uint32(1)
		both(func(int) { bump(t, &step) }, func(round int) { reset(t, round) })
	}
}

//go:noinline
func bump(t *tally, step *uint32) { atomic.AddUint32(&t.state, *step) }

//go:noinline
func reset(t *tally, round int) { t.state = uint32(round) }
