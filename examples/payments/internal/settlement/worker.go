// Package settlement is the background job: it books payments a while after they were charged, and
// forgets answers that are too old to be asked for again.
package settlement

import (
	"context"
	"sync"
	"time"

	"example.com/payments/internal/cache"
)

// queueSize bounds the payments waiting for the worker; more are settled by the nightly run.
const queueSize = 1 << 15

// Worker settles payments. It shares the cache with the handlers.
type Worker struct {
	cache       cache.Store
	settleAfter time.Duration
	ttl         time.Duration

	charged chan job // waiting to be settled, oldest first
	settled chan job // waiting to be forgotten, oldest first
}

type job struct {
	key       cache.Key
	chargedAt time.Time
}

// NewWorker gives a worker that does nothing until Run. Payments are settled at the age of
// settleAfter and forgotten at the age of ttl.
func NewWorker(store cache.Store, settleAfter, ttl time.Duration) *Worker {
	return &Worker{
		cache:       store,
		settleAfter: settleAfter,
		ttl:         ttl,
		charged:     make(chan job, queueSize),
		settled:     make(chan job, queueSize),
	}
}

// Enqueue hands a payment over. It never blocks a customer: when the queue is full, the payment is
// left to the nightly run.
func (w *Worker) Enqueue(key cache.Key, chargedAt time.Time) {
	enqueue(w.charged, job{key: key, chargedAt: chargedAt})
}

// Run works until ctx ends.
//
// The queues are channels, so a *job* passes safely from handler to worker. The map behind the cache
// is not on the channel: that a handler uses it at the same moment, nothing prevents.
func (w *Worker) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		atAge(ctx, w.charged, w.settleAfter, w.settle)
	}()
	go func() {
		defer both.Done()
		atAge(ctx, w.settled, w.ttl, w.forget)
	}()
	both.Wait()
}

// settle books a payment; if the cache still knows it, it is to be forgotten later.
func (w *Worker) settle(job job) {
	if w.cache.Settle(job.key) {
		enqueue(w.settled, job)
	}
}

// forget drops an answer that nobody asks for any more.
func (w *Worker) forget(job job) {
	w.cache.Forget(job.key)
}

// atAge takes jobs, oldest first, and does each once it has reached the age.
func atAge(ctx context.Context, queue <-chan job, age time.Duration, do func(job)) {
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-queue:
			if !sleepUntil(ctx, next.chargedAt.Add(age)) {
				return
			}
			do(next)
		}
	}
}

// sleepUntil reports whether it slept its fill: ctx may end first.
func sleepUntil(ctx context.Context, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func enqueue(queue chan<- job, next job) {
	select {
	case queue <- next:
	default:
	}
}
