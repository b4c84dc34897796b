// Package batch has jobs in many parts whose progress is counted.
package batch

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// An import counts the rows it has done; a progress bar reads the counter.
type importer struct {
	done   int
	failed int
	safe   atomic.Int64
}

func (i *importer) rowRacy(row int) {
	drive.Busy(100)
	if row%97 == 0 {
		i.failed++
	}
	i.done++
}

func (i *importer) rowRepaired(row int) {
	drive.Busy(100)
	i.safe.Add(1)
}

func init() {
	drive.Patterns["batch-progress"] = drive.Pattern{
		Kind: "batch counter",
		Racy: func() {
			i := &importer{}
			drive.Workers(1, func(_, round int) { i.rowRacy(round) })
			drive.Every(20*time.Millisecond, func(int) { drive.Busy((i.done + i.failed) & 63) })
		},
		Repaired: func() {
			i := &importer{}
			drive.Workers(1, func(_, round int) { i.rowRepaired(round) })
			drive.Every(20*time.Millisecond, func(int) { drive.Busy(int(i.safe.Load() & 63)) })
		},
	}
}
