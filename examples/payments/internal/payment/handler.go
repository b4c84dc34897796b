// Package payment answers POST /process-payment.
package payment

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"example.com/payments/internal/cache"
	"example.com/payments/internal/gateway"
)

// Charger takes the money.
type Charger interface {
	Charge(ctx context.Context, userID string, amountCents int64) (string, error)
}

// Settler books payments later.
type Settler interface {
	Enqueue(key cache.Key, chargedAt time.Time)
}

// Handler takes payments. The cache in front of the gateway makes a payment that is sent twice
// (same Idempotency-Key, or same user and amount) one payment.
type Handler struct {
	Cache   cache.Store
	Gateway Charger
	Settler Settler
}

// answer is what the client gets.
type answer struct {
	PaymentID string       `json:"payment_id"`
	UserID    string       `json:"user_id"`
	Amount    float64      `json:"amount"`
	Status    cache.Status `json:"status"`
	Repeated  bool         `json:"repeated,omitempty"`
}

// ServeHTTP runs in one goroutine per connection, so in many at once.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeError(w, http.StatusMethodNotAllowed, "only POST")
		return
	}
	request, err := ReadRequest(r.Body)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	key := request.Key()
	if given := r.Header.Get("Idempotency-Key"); given != "" {
		key = cache.Key("key/" + given)
	}

	if entry, ok := h.Cache.Get(key); ok {
		writeJSON(w, http.StatusOK, toAnswer(entry, true))
		return
	}
	entry, err := h.charge(r.Context(), request)
	switch {
	case errors.Is(err, gateway.ErrUnavailable):
		writeError(w, http.StatusBadGateway, err.Error())
		return
	case err != nil: // the client went away; whatever is written goes nowhere
		writeError(w, http.StatusServiceUnavailable, "payment interrupted")
		return
	}
	h.Cache.Set(key, entry)
	h.Settler.Enqueue(key, entry.ChargedAt)
	writeJSON(w, http.StatusOK, toAnswer(entry, false))
}

func (h *Handler) charge(ctx context.Context, request Request) (cache.Entry, error) {
	paymentID, err := h.Gateway.Charge(ctx, request.UserID, request.AmountCents)
	if err != nil {
		return cache.Entry{}, err
	}
	return cache.Entry{
		PaymentID:   paymentID,
		UserID:      request.UserID,
		AmountCents: request.AmountCents,
		Status:      cache.Charged,
		ChargedAt:   time.Now(),
	}, nil
}

func toAnswer(entry cache.Entry, repeated bool) answer {
	return answer{
		PaymentID: entry.PaymentID,
		UserID:    entry.UserID,
		Amount:    float64(entry.AmountCents) / 100,
		Status:    entry.Status,
		Repeated:  repeated,
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the client is gone
}

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}
