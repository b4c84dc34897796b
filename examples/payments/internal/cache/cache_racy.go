//go:build !repaired

package cache

// Responses is the cache: a bare map.
//
// A Go map may be read by many goroutines at once, but not while one of them writes. The handlers
// and the settlement worker do both. Mostly nothing happens. Sometimes the runtime notices and ends
// the process ("fatal error: concurrent map read and map write", which no recover() catches), and
// sometimes an entry is lost or found under the wrong key.
type Responses map[Key]Entry

// New gives an empty cache.
func New() Responses {
	return make(Responses)
}

// Get looks up a payment.
func (r Responses) Get(key Key) (Entry, bool) {
	entry, ok := r[key]
	return entry, ok
}

// Set remembers a payment.
func (r Responses) Set(key Key, entry Entry) {
	r[key] = entry
}

// Settle marks a payment as settled and reports whether it was still there.
func (r Responses) Settle(key Key) bool {
	entry, ok := r[key]
	if ok {
		entry.Status = Settled
		r[key] = entry
	}
	return ok
}

// Forget drops a payment.
func (r Responses) Forget(key Key) {
	delete(r, key)
}

// Len is the number of payments remembered.
func (r Responses) Len() int {
	return len(r)
}
