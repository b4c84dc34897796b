package batch

import "testing"

// It passes, also under -race: one payment follows the other.
func TestEachPaymentIsInTheBatch(t *testing.T) {
	batch := New()
	for i := 0; i < 100; i++ {
		batch.Add(Payment{Merchant: "m", Cents: 5})
	}
	if got, want := batch.Summary(), "100 payments, 5.00 in all"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
