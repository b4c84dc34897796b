// Package atomics has words that some touch atomically and others do not.
package atomics

import (
	"sync/atomic"

	"example.org/catch/drive"
)

// In-flight requests are counted atomically; the health check reads the number plainly, and the reset of a test
// helper that came along writes it so.
type inflight struct {
	n    int64
	peak int64
}

func (i *inflight) begin() { atomic.AddInt64(&i.n, 1) }
func (i *inflight) end()   { atomic.AddInt64(&i.n, -1) }

func (i *inflight) sampleRacy() {
	if i.n < 0 {
		i.n = 0
	}
	if i.n > i.peak {
		i.peak = i.n
	}
}

func (i *inflight) sampleRepaired() {
	if n := atomic.LoadInt64(&i.n); n > atomic.LoadInt64(&i.peak) {
		atomic.StoreInt64(&i.peak, n)
	}
}

func init() {
	run := func(sample func(*inflight)) func() {
		return func() {
			i := &inflight{}
			drive.Workers(3, func(worker, round int) {
				if worker == 0 {
					sample(i)
					return
				}
				i.begin()
				drive.Busy(50)
				i.end()
			})
		}
	}
	drive.Patterns["atomic-plain-read"] = drive.Pattern{
		Kind: "atomics: partial", Racy: run((*inflight).sampleRacy), Repaired: run((*inflight).sampleRepaired),
	}
}
