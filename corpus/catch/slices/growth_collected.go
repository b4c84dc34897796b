package slices

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

type line struct{ item, cents int }

// An invoice is put together by a goroutine for each item; each appends its line to the one slice.
func invoiceRacy(n int) []line {
	lines := make([]line, 0, 4)
	var all sync.WaitGroup
	for item := 0; item < n; item++ {
		all.Add(1)
		go func(item int) {
			defer all.Done()
			cents := drive.Busy(200 + item)
			lines = append(lines, line{item, cents})
		}(item)
	}
	all.Wait()
	return lines
}

func invoiceRepaired(n int) []line {
	lines := make([]line, n)
	var all sync.WaitGroup
	for item := 0; item < n; item++ {
		all.Add(1)
		go func(item int) {
			defer all.Done()
			lines[item] = line{item, drive.Busy(200 + item)}
		}(item)
	}
	all.Wait()
	return lines
}

func init() {
	run := func(invoice func(int) []line) func() {
		return func() {
			drive.Every(400*time.Microsecond, func(round int) { drive.Busy(len(invoice(6 + round%5))) })
		}
	}
	drive.Patterns["slice-growth-collected"] = drive.Pattern{
		Kind: "slice: growth", Racy: run(invoiceRacy), Repaired: run(invoiceRepaired),
	}
}
