// Package slices has slices whose header, elements or spare room several goroutines use.
package slices

import (
	"sync"

	"example.org/catch/drive"
)

// An audit trail keeps the last entries. Handlers append to it; each appended header may be lost to another's.
type trail struct {
	mu      sync.Mutex
	entries []int
}

func (t *trail) addRacy(entry int) {
	if len(t.entries) >= 4096 {
		t.entries = t.entries[:0]
	}
	t.entries = append(t.entries, entry)
}

func (t *trail) addLocked(entry int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.entries) >= 4096 {
		t.entries = t.entries[:0]
	}
	t.entries = append(t.entries, entry)
}

func init() {
	run := func(add func(*trail, int)) func() {
		return func() {
			t := &trail{entries: make([]int, 0, 8192)}
			drive.Clients(3, 3000, func(_, round int) { add(t, round) })
		}
	}
	drive.Patterns["slice-append-shared"] = drive.Pattern{
		Kind: "slice: header", Racy: run((*trail).addRacy), Repaired: run((*trail).addLocked),
	}
}
