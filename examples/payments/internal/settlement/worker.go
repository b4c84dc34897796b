// Package settlement is the background job: it books payments a while after they were charged, and
// forgets answers that are too old to be asked for again.
package settlement

import (
	"context"
	"time"

	"example.com/payments/internal/cache"
)

// queueSize bounds the payments waiting for the worker; more are settled by the nightly run.
const queueSize = 4096

// tick is how often the worker looks at what is due.
const tick = 50 * time.Millisecond

// Worker settles payments. It shares the cache with the handlers.
type Worker struct {
	cache       cache.Store
	settleAfter time.Duration
	ttl         time.Duration

	queue chan job

	// Both oldest first, and touched by Run's goroutine alone.
	charged, settled []job
}

type job struct {
	key       cache.Key
	chargedAt time.Time
}

// NewWorker gives a worker that does nothing until Run. Payments are settled at the age of
// settleAfter and forgotten at the age of ttl.
func NewWorker(store cache.Store, settleAfter, ttl time.Duration) *Worker {
	return &Worker{cache: store, settleAfter: settleAfter, ttl: ttl, queue: make(chan job, queueSize)}
}

// Enqueue hands a payment over. It never blocks a customer: when the queue is full, the payment is
// left to the nightly run.
func (w *Worker) Enqueue(key cache.Key, chargedAt time.Time) {
	select {
	case w.queue <- job{key: key, chargedAt: chargedAt}:
	default:
	}
}

// Run works until ctx ends.
//
// The queue is a channel, so a *job* passes safely from handler to worker. The map behind Cache is
// not on the channel: that another handler uses it at the same moment, nothing prevents.
func (w *Worker) Run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-w.queue:
			w.charged = append(w.charged, next)
		case now := <-ticker.C:
			w.settleDue(now)
			w.forgetDue(now)
		}
	}
}

// settleDue books the payments that are old enough; those that the cache still knows will be forgotten later.
func (w *Worker) settleDue(now time.Time) {
	due, rest := split(w.charged, now.Add(-w.settleAfter))
	w.charged = rest
	for _, job := range due {
		if w.cache.Settle(job.key) {
			w.settled = append(w.settled, job)
		}
	}
}

// forgetDue drops the answers that nobody asks for any more.
func (w *Worker) forgetDue(now time.Time) {
	due, rest := split(w.settled, now.Add(-w.ttl))
	w.settled = rest
	for _, job := range due {
		w.cache.Forget(job.key)
	}
}

// split cuts jobs, oldest first, into those charged before limit and the others.
func split(jobs []job, limit time.Time) (due, rest []job) {
	for i, job := range jobs {
		if job.chargedAt.After(limit) {
			return jobs[:i], jobs[i:]
		}
	}
	return jobs, nil
}
