package cache

import "testing"

// One goroutine, as in most tests of most caches: it passes under -race whatever the build.

func TestWhatWasSetIsFound(t *testing.T) {
	responses := New()
	if _, ok := responses.Get("a"); ok {
		t.Fatal("an empty cache has an answer")
	}
	responses.Set("a", Entry{PaymentID: "pay_1", Status: Charged})
	entry, ok := responses.Get("a")
	if !ok || entry.PaymentID != "pay_1" || entry.Status != Charged {
		t.Fatalf("got %+v, %v", entry, ok)
	}
}

func TestSettlingMarksThePaymentAndNothingElse(t *testing.T) {
	responses := New()
	responses.Set("a", Entry{PaymentID: "pay_1", Status: Charged})
	responses.Set("b", Entry{PaymentID: "pay_2", Status: Charged})
	if !responses.Settle("a") {
		t.Fatal("a payment that is there was not settled")
	}
	a, _ := responses.Get("a")
	b, _ := responses.Get("b")
	if a.Status != Settled || a.PaymentID != "pay_1" || b.Status != Charged {
		t.Fatalf("got %+v and %+v", a, b)
	}
}

func TestAForgottenPaymentIsGone(t *testing.T) {
	responses := New()
	responses.Set("a", Entry{})
	responses.Forget("a")
	if responses.Settle("a") || responses.Len() != 0 {
		t.Fatal("still there")
	}
}
