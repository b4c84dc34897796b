package main

import (
	"maps"
	"reflect"
	"time"
)

var (
	numbers = []int{}
	texts   = make([]byte, 4000)
)

//go:noinline
func grow(round int) {
	if len(numbers) > 64 {
		numbers = nil
	}
	numbers = append(numbers, round)
}

//go:noinline
func fill(round int) {
	for i := range texts {
		texts[i] = byte(round)
	}
}

//go:noinline
func duplicate() []byte { return append([]byte(nil), texts...) }

//go:noinline
func copied(room []byte) int { return copy(room, texts) }

//go:noinline
func asText() string { return string(texts[:40]) }

// Writers come seldom: the runtime ends a program whose maps race too visibly.
func seldom(write func(round int)) func(int) {
	return func(round int) {
		write(round)
		time.Sleep(3 * time.Millisecond)
	}
}

func init() {
	shapes["append"] = func() { both(grow, grow) }
	shapes["copy"] = func() {
		room := make([]byte, 4000)
		both(fill, func(int) { copied(room) })
	}
	shapes["duplicate"] = func() { both(fill, func(int) { duplicate() }) }
	shapes["text"] = func() { both(fill, func(int) { asText() }) }

	byName, byNumber := map[string]int{"a": 1}, map[[2]int]int{{1, 2}: 3}
	for i := 0; i < 100; i++ {
		byNumber[[2]int{i, i}] = i
	}
	shapes["mapstring"] = func() {
		both(seldom(func(round int) { byName["a"] = round }), func(int) { lookup(byName) })
	}
	shapes["mapstruct"] = func() {
		both(seldom(func(round int) { byNumber[[2]int{1, round & 15}] = round }), func(round int) { probe(byNumber, round) })
	}
	shapes["mapdelete"] = func() {
		both(seldom(func(round int) { delete(byNumber, [2]int{1, 2}) }), func(round int) { probe(byNumber, round) })
	}
	shapes["mapiterate"] = func() {
		both(seldom(func(round int) { byNumber[[2]int{1, 2}] = round }), func(int) { sum(byNumber) })
	}
	shapes["mapclone"] = func() {
		both(seldom(func(round int) { byNumber[[2]int{1, 2}] = round }), func(int) { clone(byNumber) })
	}
	shapes["mapreflect"] = func() {
		value := reflect.ValueOf(byName)
		key, one := reflect.ValueOf("a"), reflect.ValueOf(1)
		both(seldom(func(int) { value.SetMapIndex(key, one) }), func(int) { value.MapIndex(key) })
	}
}

//go:noinline
func lookup(m map[string]int) int { return m["a"] }

//go:noinline
func probe(m map[[2]int]int, round int) int { return m[[2]int{1, round & 15}] }

//go:noinline
func sum(m map[[2]int]int) int {
	total := 0
	for _, n := range m {
		total += n
	}
	return total
}

//go:noinline
func clone(m map[[2]int]int) map[[2]int]int { return maps.Clone(m) }
