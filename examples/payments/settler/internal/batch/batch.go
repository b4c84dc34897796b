// Package batch is what goes to the bank at the end of the day.
//
// It has two builds: lines_racy.go adds a line without a lock, lines_repaired.go (`-tags repaired`) with one.
package batch

import "fmt"

// Payment is what one job settles.
type Payment struct {
	Merchant string `json:"merchant"`
	Cents    int64  `json:"cents"`
}

// Batch collects the payments of a day. All goroutines of the worker add to it.
type Batch struct {
	lines lines
}

// New gives an empty batch.
func New() *Batch {
	return &Batch{}
}

// Summary says what is in it.
func (b *Batch) Summary() string {
	payments, cents := b.lines.total()
	return fmt.Sprintf("%d payments, %d.%02d in all", payments, cents/100, cents%100)
}
