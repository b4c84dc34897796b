// Package channels mixes messages with memory that both sides use.
package channels

import (
	"context"
	"errors"
	"time"

	"example.org/catch/drive"
)

// A future's result is written by its goroutine and announced by a channel. Whoever stops waiting at the
// deadline writes an error into the same fields.
type future struct {
	value int
	err   error
	done  chan struct{}
}

var errLate = errors.New("deadline passed")

func (f *future) start(work int) {
	go func() {
		f.value, f.err = drive.Busy(work), nil
		close(f.done)
	}()
}

func (f *future) waitRacy(ctx context.Context) (int, error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		f.value, f.err = 0, errLate
	}
	return f.value, f.err
}

func (f *future) waitRepaired(ctx context.Context) (int, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return 0, errLate
	}
}

func init() {
	run := func(wait func(*future, context.Context) (int, error)) func() {
		return func() {
			drive.Clients(3, 700, func(_, round int) {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Microsecond)
				defer cancel()
				f := &future{done: make(chan struct{})}
				f.start(100_000 + round%100*1000)
				if value, err := wait(f, ctx); err == nil {
					drive.Busy(value & 63)
				}
			})
		}
	}
	drive.Patterns["channel-future-deadline"] = drive.Pattern{
		Kind: "channel: mixed with memory", Racy: run((*future).waitRacy), Repaired: run((*future).waitRepaired),
	}
}
