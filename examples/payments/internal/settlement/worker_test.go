package settlement

import (
	"testing"
	"time"

	"example.com/payments/internal/cache"
)

// The worker's steps, one after the other in the goroutine of the test. Run, which does them beside
// the handlers, is what no test of the racy build covers.

func TestAPaymentIsSettledAndThenForgotten(t *testing.T) {
	responses := cache.New()
	worker := NewWorker(responses, time.Second, time.Minute)
	responses.Set("a", cache.Entry{Status: cache.Charged})
	worker.Enqueue("a", time.Now())

	worker.settle(<-worker.charged)
	if entry, _ := responses.Get("a"); entry.Status != cache.Settled {
		t.Fatal("not settled")
	}
	worker.forget(<-worker.settled)
	if responses.Len() != 0 {
		t.Fatal("not forgotten")
	}
}

func TestAPaymentThatIsGoneIsNotSettled(t *testing.T) {
	worker := NewWorker(cache.New(), time.Second, time.Minute)
	worker.settle(job{key: "a"})
	if len(worker.settled) != 0 {
		t.Fatal("queued to be forgotten")
	}
}

func TestAFullQueueDoesNotHoldACustomerUp(t *testing.T) {
	worker := NewWorker(cache.New(), time.Second, time.Minute)
	for i := 0; i < queueSize+10; i++ {
		worker.Enqueue("a", time.Now())
	}
	if len(worker.charged) != queueSize {
		t.Fatalf("%d queued", len(worker.charged))
	}
}
