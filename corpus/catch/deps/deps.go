// Package deps uses modules that somebody else wrote, for one goroutine at a time.
package deps

import (
	"sync"
	"time"

	"example.org/catch/drive"
	"example.org/dep/statsd"
	"example.org/dep/token"
)

// Calls to a partner carry a token that expires three times a second; the source is shared by all callers.
type partner struct {
	mu     sync.Mutex
	source *token.Source
}

func fetch(now int64) token.Token {
	drive.Busy(500)
	values := []string{"token-a", "token-bb"}
	return token.Token{Value: values[now%2], Expiry: now + int64(333*time.Millisecond)}
}

func (p *partner) callRacy() int { return drive.Sum(p.source.Token(time.Now().UnixNano())) }

func (p *partner) callLocked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.callRacy()
}

func init() {
	run := func(call func(*partner) int) func() {
		return func() {
			p := &partner{source: token.New(fetch)}
			drive.Clients(3, 800, func(int, int) { drive.Busy(call(p) & 63) })
		}
	}
	drive.Patterns["dependency-token"] = drive.Pattern{
		Kind: "in a dependency", Racy: run((*partner).callRacy), Repaired: run((*partner).callLocked),
	}
}

func init() {
	drive.Patterns["dependency-statsd"] = drive.Pattern{
		Kind: "in a dependency",
		Racy: func() {
			c := &statsd.Client{}
			drive.Clients(3, 1000, drive.Guarded(func(client, round int) { c.Count(client+round, 1) }))
		},
		Repaired: func() {
			var mu sync.Mutex
			c := &statsd.Client{}
			drive.Clients(3, 1000, func(client, round int) {
				mu.Lock()
				defer mu.Unlock()
				c.Count(client+round, 1)
			})
		},
	}
}
