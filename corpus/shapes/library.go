package main

import (
	"bytes"
	"container/list"
	"math/rand"
	"sort"
	"strings"
)

func init() {
	shapes["buffer"] = func() {
		var buffer bytes.Buffer
		write := func(int) {
			if buffer.Len() > 4000 {
				buffer.Reset()
			}
			buffer.WriteString("line")
		}
		both(write, write)
	}
	shapes["builder"] = func() {
		var builder strings.Builder
		both(func(int) { builder.WriteByte('x') }, func(int) { builder.WriteByte('y') })
	}
	shapes["random"] = func() {
		random := rand.New(rand.NewSource(1))
		both(func(int) { random.Intn(9) }, func(int) { random.Intn(7) })
	}
	shapes["sorted"] = func() {
		numbers := make([]int, 40)
		both(func(round int) { numbers[round%40] = round }, func(int) { sort.Ints(numbers) })
	}
	shapes["linked"] = func() {
		queue := list.New()
		both(func(round int) { queue.PushBack(round) }, func(int) { queue.Init() })
	}
}
