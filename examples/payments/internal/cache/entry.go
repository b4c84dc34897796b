// Package cache keeps the answers to payments, so that a customer who presses the button twice
// pays once.
//
// There are two of it. cache_racy.go is what the service is built with: a map, read and written by
// whichever goroutine happens to need it. cache_repaired.go (`-tags repaired`) has the same methods
// behind an RWMutex. Callers do not see the difference, which is how such a thing goes unnoticed.
package cache

import "time"

// Key names a payment: what the client sent as Idempotency-Key, or else user and amount.
type Key string

// Status says how far a payment has come.
type Status string

// The life of a payment.
const (
	Charged Status = "charged" // the gateway took the money
	Settled Status = "settled" // the settlement worker booked it
)

// Entry is one remembered answer.
type Entry struct {
	PaymentID   string
	UserID      string
	AmountCents int64
	Status      Status
	ChargedAt   time.Time
}
