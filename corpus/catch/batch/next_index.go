package batch

import (
	"sync"
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// Workers take the next index of a batch from a counter that they share.
type invoices struct {
	amounts []int
	next    int
	safe    atomic.Int64
}

func (i *invoices) takeRacy() int {
	taken := i.next
	i.next++
	return taken
}

func (i *invoices) takeRepaired() int { return int(i.safe.Add(1) - 1) }

func (i *invoices) sendAll(take func(*invoices) int) int {
	var sums [3]int
	var all sync.WaitGroup
	for worker := range sums {
		all.Add(1)
		go func(worker int) {
			defer all.Done()
			for at := take(i); at < len(i.amounts); at = take(i) {
				sums[worker] += i.amounts[at]
				drive.Busy(300)
			}
		}(worker)
	}
	all.Wait()
	return sums[0] + sums[1] + sums[2]
}

func init() {
	run := func(take func(*invoices) int) func() {
		return func() {
			drive.Every(2*time.Millisecond, func(int) {
				i := &invoices{amounts: make([]int, 100)}
				drive.Busy(i.sendAll(take) & 63)
			})
		}
	}
	drive.Patterns["batch-next-index"] = drive.Pattern{
		Kind: "batch counter", Racy: run((*invoices).takeRacy), Repaired: run((*invoices).takeRepaired),
	}
}
