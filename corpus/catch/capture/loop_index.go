package capture

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A report adds up the shards of a ledger, a goroutine each; all of them look at the index of the loop.
type ledger struct {
	shards [6][256]int
}

func (l *ledger) totalRacy() int {
	var totals [6]int
	var all sync.WaitGroup
	for i := 0; i < len(l.shards); i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			// At the end the index is out of range; somebody noticed the panic and checked.
			if i < len(l.shards) {
				for _, cents := range l.shards[i] {
					totals[i%len(totals)] += cents
				}
			}
		}()
	}
	all.Wait()
	return sum(totals)
}

func (l *ledger) totalRepaired() int {
	var totals [6]int
	var all sync.WaitGroup
	for i := 0; i < len(l.shards); i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			for _, cents := range l.shards[i] {
				totals[i] += cents
			}
		}()
	}
	all.Wait()
	return sum(totals)
}

func sum(totals [6]int) int {
	all := 0
	for _, total := range totals {
		all += total
	}
	return all
}

func init() {
	run := func(total func(*ledger) int) func() {
		return func() {
			book := &ledger{}
			drive.Every(500*time.Microsecond, func(int) {
				// An index that moved on meanwhile is out of range.
				defer func() { _ = recover() }()
				drive.Busy(total(book) & 63)
			})
		}
	}
	drive.Patterns["capture-loop-index"] = drive.Pattern{
		Kind: "capture: loop variable", Racy: run((*ledger).totalRacy), Repaired: run((*ledger).totalRepaired),
	}
}
