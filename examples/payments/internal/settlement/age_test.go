package settlement

import (
	"context"
	"testing"
	"time"

	"example.com/payments/internal/cache"
)

func TestJobsAreDoneInOrderAndNotBeforeTheirAge(t *testing.T) {
	const age = 20 * time.Millisecond
	queue := make(chan job, 3)
	start := time.Now()
	for _, key := range []string{"a", "b", "c"} {
		queue <- job{key: cache.Key(key), chargedAt: start}
	}
	ctx, stop := context.WithCancel(context.Background())
	var done []job
	atAge(ctx, queue, age, func(next job) {
		if waited := time.Since(start); waited < age {
			t.Errorf("%s after %v", next.key, waited)
		}
		if done = append(done, next); len(done) == 3 {
			stop()
		}
	})
	if done[0].key != "a" || done[1].key != "b" || done[2].key != "c" {
		t.Fatalf("%v", done)
	}
}
