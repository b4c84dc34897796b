// Package metrics has figures and logs that nobody thought worth a lock.
package metrics

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Latencies by bucket: each request increments one, the scrape adds them up.
type histogram struct {
	mu      sync.Mutex
	buckets [12]uint64
	sum     float64
}

func (h *histogram) observeRacy(ms int) {
	at := 0
	for ms > 1 && at < len(h.buckets)-1 {
		ms >>= 1
		at++
	}
	h.buckets[at]++
	h.sum += float64(ms)
}

func (h *histogram) observeLocked(ms int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.observeRacy(ms)
}

func (h *histogram) scrape() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := uint64(0)
	for _, n := range h.buckets {
		all += n
	}
	return all
}

func init() {
	run := func(observe func(*histogram, int)) func() {
		return func() {
			h := &histogram{}
			drive.Clients(3, 1500, func(_, round int) { observe(h, round*37%3000) })
			drive.Every(time.Second, func(int) { drive.Busy(int(h.scrape() & 63)) })
		}
	}
	drive.Patterns["metrics-histogram"] = drive.Pattern{
		Kind: "metrics and logging", Racy: run((*histogram).observeRacy), Repaired: run((*histogram).observeLocked),
	}
}
