// Package receipt answers GET /receipt?user_id=ann&amount=12.50 with an itemised receipt.
//
// It has two builds: buffer_racy.go renders every receipt in one buffer that all requests share,
// buffer_repaired.go (`-tags repaired`) gives each request its own.
package receipt

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"example.com/payments/internal/cache"
	"example.com/payments/internal/gateway"
	"example.com/payments/internal/payment"
)

// Handler renders receipts.
type Handler struct {
	cache   cache.Store
	fees    FeeSchedule
	buffers bufferSource
}

// FeeSchedule knows what the payment provider keeps.
type FeeSchedule interface {
	Fees(ctx context.Context) (gateway.Fees, error)
}

// NewHandler gives a handler that looks payments up in store.
func NewHandler(store cache.Store, fees FeeSchedule) *Handler {
	return &Handler{cache: store, fees: fees, buffers: newBufferSource()}
}

// line is one row of a receipt.
type line struct {
	Text  string `json:"text"`
	Cents int64  `json:"cents"`
}

// ServeHTTP runs in one goroutine per connection, so in many at once.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, `{"error":"only GET"}`, http.StatusMethodNotAllowed)
		return
	}
	userID := strings.TrimSpace(r.URL.Query().Get("user_id"))
	amountCents, err := payment.ParseAmount(r.URL.Query().Get("amount"))
	if userID == "" || err != nil {
		http.Error(w, `{"error":"user_id or amount is missing or wrong"}`, http.StatusBadRequest)
		return
	}
	request := payment.Request{UserID: userID, AmountCents: amountCents}

	// An answer no longer in the cache was settled long ago; the receipt can still be had.
	status, paymentID := cache.Settled, "archived"
	if entry, ok := h.cache.Get(request.Key()); ok {
		status, paymentID = entry.Status, entry.PaymentID
	}

	fees, err := h.fees.Fees(r.Context())
	if err != nil { // the client went away; whatever is written goes nowhere
		http.Error(w, `{"error":"receipt interrupted"}`, http.StatusServiceUnavailable)
		return
	}

	buffer := h.buffers.take()
	render(buffer, request, paymentID, status, fees)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(buffer.Bytes()) // fails only when the client is gone
}

// render writes one receipt, piece by piece.
func render(buffer *bytes.Buffer, request payment.Request, paymentID string, status cache.Status, fees gateway.Fees) {
	fmt.Fprintf(buffer, `{"user_id":%s,"payment_id":%q,"status":%q,"lines":[`, quote(request.UserID), paymentID, status)
	for i, line := range lines(request.AmountCents, fees) {
		if i > 0 {
			buffer.WriteByte(',')
		}
		encoded, _ := json.Marshal(line) // a string and a number cannot fail
		buffer.Write(encoded)
	}
	fmt.Fprintf(buffer, `],"total_cents":%d}`, request.AmountCents)
	buffer.WriteByte('\n')
}

// lines breaks an amount down: what the merchant gets, the fees, the tax.
func lines(cents int64, fees gateway.Fees) []line {
	processing := cents * fees.Processing / 1000
	network := cents * fees.Network / 1000
	tax := cents * 19 / 119
	return []line{
		{"merchant", cents - processing - network - tax},
		{"processing fee", processing},
		{"network fee", network},
		{"tax", tax},
	}
}

func quote(text string) string {
	encoded, _ := json.Marshal(text) // a string cannot fail
	return string(encoded)
}
