// Package api breaks the contract of the standard library's types: one goroutine at a time.
// The accesses are in the library, the culprit is here.
package api

import (
	"sync"

	"example.org/catch/drive"
)

// register adds a pattern whose racy program does work without a lock, and whose repaired one with it. A library type in
// a state that nobody foresaw may panic, which a server's handlers survive.
func register(name, kind string, n, perSecond int, start func() func(worker, round int)) {
	drive.Patterns[name] = drive.Pattern{
		Kind: "API contract: " + kind,
		Racy: func() { drive.Clients(n, perSecond, drive.Guarded(start())) },
		Repaired: func() {
			var mu sync.Mutex
			work := start()
			drive.Clients(n, perSecond, func(worker, round int) {
				mu.Lock()
				defer mu.Unlock()
				work(worker, round)
			})
		},
	}
}
