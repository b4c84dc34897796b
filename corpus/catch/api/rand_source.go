package api

import (
	"math/rand"

	"example.org/catch/drive"
)

// A backoff with jitter: the generator has its own source, which is not safe to share, so that tests can seed it.
type backoff struct{ random *rand.Rand }

func (b *backoff) pause(attempt int) int {
	base := 1 << (attempt % 6)
	return base + b.random.Intn(base)
}

func init() {
	register("api-rand-backoff", "rand.Rand", 2, 300, func() func(int, int) {
		b := &backoff{random: rand.New(rand.NewSource(17))}
		return func(_, round int) { drive.Busy(b.pause(round)) }
	})
}
