package locks

import (
	"sync"

	"example.org/catch/drive"
)

// A token bucket: tokens and the time of the last refill, taken by all handlers, guarded by nothing.
type bucket struct {
	mu     sync.Mutex
	tokens int
	last   int64
	denied int
}

func (b *bucket) take(now int64) bool {
	if passed := now - b.last; passed > 100 {
		b.tokens = min(b.tokens+int(passed/100), 1000)
		b.last = now
	}
	if b.tokens == 0 {
		b.denied++
		return false
	}
	b.tokens--
	return true
}

func (b *bucket) takeLocked(now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.take(now)
}

func init() {
	run := func(take func(*bucket, int64) bool) func() {
		return func() {
			b := &bucket{}
			drive.Workers(3, func(_, round int) {
				if take(b, int64(round)*37) {
					drive.Busy(50)
				}
			})
		}
	}
	drive.Patterns["lock-missing-rate-limiter"] = drive.Pattern{
		Kind: "lock: missing", Racy: run((*bucket).take), Repaired: run((*bucket).takeLocked),
	}
}
