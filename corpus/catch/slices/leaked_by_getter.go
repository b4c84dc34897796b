package slices

import (
	"sync"

	"example.org/catch/drive"
)

// A leader board. Both methods lock, but the getter hands out the very elements that updates change.
type board struct {
	mu     sync.Mutex
	scores []int
}

func (b *board) update(player, points int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scores[player%len(b.scores)] += points
}

func (b *board) leaked() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.scores
}

func (b *board) copied() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]int(nil), b.scores...)
}

func highest(scores []int) int {
	most := 0
	for _, score := range scores {
		if score > most {
			most = score
		}
	}
	return most
}

func init() {
	run := func(scores func(*board) []int) func() {
		return func() {
			b := &board{scores: make([]int, 16)}
			drive.Clients(2, 1000, func(client, round int) { b.update(client+round, round&7) })
			drive.Clients(2, 1000, func(int, int) { drive.Busy(highest(scores(b)) & 63) })
		}
	}
	drive.Patterns["slice-leaked-by-getter"] = drive.Pattern{
		Kind: "slice: elements", Racy: run((*board).leaked), Repaired: run((*board).copied),
	}
}
