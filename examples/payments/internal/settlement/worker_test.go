package settlement

import (
	"testing"
	"time"

	"example.com/payments/internal/cache"
)

// The worker's steps, one after the other in the goroutine of the test. Run, which does them beside
// the handlers, is what no test here covers.

func TestAPaymentIsSettledOnceItIsOldEnough(t *testing.T) {
	responses := cache.New()
	worker := NewWorker(responses, time.Second, time.Minute)
	start := time.Now()
	responses.Set("a", cache.Entry{Status: cache.Charged})
	worker.Enqueue("a", start)
	worker.charged = append(worker.charged, <-worker.queue)

	worker.settleDue(start.Add(999 * time.Millisecond))
	if entry, _ := responses.Get("a"); entry.Status != cache.Charged {
		t.Fatal("settled too early")
	}
	worker.settleDue(start.Add(time.Second))
	if entry, _ := responses.Get("a"); entry.Status != cache.Settled {
		t.Fatal("not settled")
	}
	worker.forgetDue(start.Add(59 * time.Second))
	if responses.Len() != 1 {
		t.Fatal("forgotten too early")
	}
	worker.forgetDue(start.Add(time.Minute))
	if responses.Len() != 0 {
		t.Fatal("never forgotten")
	}
}

func TestAFullQueueDoesNotHoldACustomerUp(t *testing.T) {
	worker := NewWorker(cache.New(), time.Second, time.Minute)
	for i := 0; i < queueSize+10; i++ {
		worker.Enqueue("a", time.Now())
	}
	if len(worker.queue) != queueSize {
		t.Fatalf("%d queued", len(worker.queue))
	}
}
