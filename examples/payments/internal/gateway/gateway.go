// Package gateway stands in for the payment provider on the other side of the internet: it takes
// its time, and now and then it fails.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"time"
)

// ErrUnavailable says that the provider failed; the customer may try again.
var ErrUnavailable = errors.New("payment gateway unavailable")

// Gateway is a simulated provider. It has no state, so any number of goroutines may use it.
type Gateway struct {
	Min, Max    time.Duration // how long a charge takes
	FailureRate float64       // share of charges that fail, 0 to 1
}

// Fees are the shares of an amount that the provider and the card network keep, in thousandths.
type Fees struct {
	Processing, Network int64
}

// Charge takes amountCents from the user and returns the provider's number for it.
func (g Gateway) Charge(ctx context.Context, userID string, amountCents int64) (string, error) {
	if err := wait(ctx, g.latency()); err != nil {
		return "", err
	}
	if rand.Float64() < g.FailureRate {
		return "", ErrUnavailable
	}
	return fmt.Sprintf("pay_%016x", rand.Uint64()), nil
}

// Fees asks for the fees of today. It takes a twentieth of the time of a charge.
func (g Gateway) Fees(ctx context.Context) (Fees, error) {
	if err := wait(ctx, g.latency()/20); err != nil {
		return Fees{}, err
	}
	return Fees{Processing: 14, Network: 3}, nil
}

func (g Gateway) latency() time.Duration {
	if g.Max <= g.Min {
		return g.Min
	}
	return g.Min + time.Duration(rand.Int63n(int64(g.Max-g.Min)))
}

func wait(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
