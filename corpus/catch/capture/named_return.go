package capture

import (
	"time"

	"example.org/catch/drive"
)

// A quote is asked for with a deadline. The goroutine that asks assigns the named result, while the function returns
// at the deadline and so assigns it, too.
type rates struct{ base int }

func (r *rates) ask(currency int) int { return r.base + drive.Busy(100+currency%2_000)&1023 }

func (r *rates) quoteRacy(currency int) (rate int) {
	done := make(chan struct{})
	go func() {
		rate = r.ask(currency)
		close(done)
	}()
	select {
	case <-done:
		return rate
	case <-time.After(time.Duration(currency%3) * time.Microsecond):
		return r.base
	}
}

func (r *rates) quoteRepaired(currency int) (rate int) {
	answer := make(chan int, 1)
	go func() { answer <- r.ask(currency) }()
	select {
	case rate = <-answer:
		return rate
	case <-time.After(time.Duration(currency%3) * time.Microsecond):
		return r.base
	}
}

func init() {
	run := func(quote func(*rates, int) int) func() {
		return func() {
			r := &rates{base: 100}
			drive.Clients(3, 1000, func(client, round int) { drive.Busy(quote(r, client*31+round) & 255) })
		}
	}
	drive.Patterns["capture-named-return"] = drive.Pattern{
		Kind: "capture: named return", Racy: run((*rates).quoteRacy), Repaired: run((*rates).quoteRepaired),
	}
}
