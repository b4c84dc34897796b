// Package maps has maps that are used without, or with half, a lock. Rates are low enough for the runtime, which ends a
// program when it notices, to notice seldom.
package maps

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Stock by article: a nightly import writes, the shop reads.
var (
	stock   = map[int]int{1: 5, 2: 7, 3: 1}
	stockMu sync.RWMutex
)

func init() {
	drive.Patterns["map-plain"] = drive.Pattern{
		Kind: "map: plain",
		Racy: func() {
			drive.Every(25*time.Millisecond, func(round int) { stock[round%64] = round })
			drive.Clients(2, 500, func(_, round int) { drive.Busy(stock[round%64] & 63) })
		},
		Repaired: func() {
			drive.Every(25*time.Millisecond, func(round int) {
				stockMu.Lock()
				stock[round%64] = round
				stockMu.Unlock()
			})
			drive.Clients(2, 500, func(_, round int) {
				stockMu.RLock()
				n := stock[round%64]
				stockMu.RUnlock()
				drive.Busy(n & 63)
			})
		},
	}
}
