// Package waitgroups has wait groups that do not wait for what they should.
package waitgroups

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Adding inside the goroutine is too late: Wait may be over before any has begun.
func gatherRacy(n int) int {
	results := make([]int, n)
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		go func(i int) {
			all.Add(1)
			defer all.Done()
			results[i] = drive.Busy(100)
		}(i)
	}
	all.Wait()
	return total(results)
}

func gatherRepaired(n int) int {
	results := make([]int, n)
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			results[i] = drive.Busy(100)
		}(i)
	}
	all.Wait()
	return total(results)
}

func total(results []int) int {
	sum := 0
	for _, result := range results {
		sum += result
	}
	return sum
}

func init() {
	run := func(gather func(int) int) func() {
		return func() {
			drive.Every(200*time.Microsecond, func(round int) { drive.Busy(gather(4+round%4) & 63) })
		}
	}
	drive.Patterns["waitgroup-add-inside"] = drive.Pattern{
		Kind: "WaitGroup: Add in the wrong place", Racy: run(gatherRacy), Repaired: run(gatherRepaired),
	}
}
