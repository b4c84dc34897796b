//go:build repaired

package cache

import "sync"

// Responses is the cache: a map behind a lock. The map is reachable only through the methods, so
// nobody can forget to take it. (Why an RWMutex and not a Mutex or a sync.Map: run the benchmarks
// in bench_test.go.)
type Responses struct {
	mu      sync.RWMutex
	entries map[Key]Entry
}

// New gives an empty cache.
func New() *Responses {
	return &Responses{entries: make(map[Key]Entry)}
}

// Get looks up a payment.
func (r *Responses) Get(key Key) (Entry, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	entry, ok := r.entries[key]
	return entry, ok
}

// Set remembers a payment.
func (r *Responses) Set(key Key, entry Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[key] = entry
}

// Settle marks a payment as settled and reports whether it was still there. Looking and marking
// happen under one lock: with Get and Set, a payment stored in between would be overwritten.
func (r *Responses) Settle(key Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, ok := r.entries[key]
	if ok {
		entry.Status = Settled
		r.entries[key] = entry
	}
	return ok
}

// Forget drops a payment.
func (r *Responses) Forget(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.entries, key)
}

// Len is the number of payments remembered.
func (r *Responses) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.entries)
}
