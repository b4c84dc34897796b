// Package unseen has races that Go's detector seldom sees.
//
// It knows only that one thing happened before another. Where every goroutine passes through one lock (a log's), one
// channel (a limiter's) or one atomic counter right before and right after the racy access, the detector takes
// that for order, unless two goroutines are in the gap between at the same moment, which is a microsecond wide.
// Nothing keeps them out of it, though. Whoever holds a thread in the gap makes it wide, and sees the other.
package unseen

import (
	"sync"
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// rates are changed four times a second, and read by two clients 150 times a second each.
func run(change func(round int), read func() int) {
	drive.Every(250*time.Millisecond, change)
	drive.Clients(2, 150, func(int, int) { drive.Busy(read() & 63) })
}

// An audit log that everyone writes to, before and after.
type auditLog struct {
	mu    sync.Mutex
	lines int
}

func (a *auditLog) line() {
	a.mu.Lock()
	a.lines++
	a.mu.Unlock()
}

type rates struct {
	mu     sync.Mutex
	log    auditLog
	euro   int
	dollar int
}

func (r *rates) change(round int) {
	r.log.line()
	r.euro = round
	r.dollar = round * 2
	r.log.line()
}

func (r *rates) quote() int {
	r.log.line()
	quoted := r.euro + r.dollar
	r.log.line()
	return quoted
}

// A limiter lets four requests in: each takes a place in a channel, and gives it back.
type limited struct {
	mu      sync.Mutex
	places  chan struct{}
	discard int
}

func (l *limited) change(round int) {
	l.places <- struct{}{}
	l.discard = round
	<-l.places
}

func (l *limited) read() int {
	l.places <- struct{}{}
	value := l.discard
	<-l.places
	return value
}

// Requests in flight are counted by an atomic counter, as metrics are.
type counted struct {
	mu       sync.Mutex
	inflight atomic.Int64
	theme    int
}

func (c *counted) change(round int) {
	c.inflight.Add(1)
	c.theme = round
	c.inflight.Add(-1)
}

func (c *counted) read() int {
	c.inflight.Add(1)
	value := c.theme
	c.inflight.Add(-1)
	return value
}

// locked does the same under a lock of its own.
func locked(mu *sync.Mutex, change func(int), read func() int) (func(int), func() int) {
	return func(round int) {
			mu.Lock()
			defer mu.Unlock()
			change(round)
		}, func() int {
			mu.Lock()
			defer mu.Unlock()
			return read()
		}
}

func init() {
	drive.Patterns["unseen-audit-log"] = drive.Pattern{
		Kind:     "lock: missing",
		Unseen:   "the log's mutex orders what it does not guard",
		Racy:     func() { r := &rates{}; run(r.change, r.quote) },
		Repaired: func() { r := &rates{}; run(locked(&r.mu, r.change, r.quote)) },
	}
	drive.Patterns["unseen-limiter"] = drive.Pattern{
		Kind:   "channel: mixed with memory",
		Unseen: "the limiter's channel lets four in at once, and orders them in the detector's eyes",
		Racy:   func() { l := &limited{places: make(chan struct{}, 4)}; run(l.change, l.read) },
		Repaired: func() {
			l := &limited{places: make(chan struct{}, 4)}
			run(locked(&l.mu, l.change, l.read))
		},
	}
	drive.Patterns["unseen-inflight-counter"] = drive.Pattern{
		Kind:     "atomics: partial",
		Unseen:   "an atomic counter of requests orders them in the detector's eyes",
		Racy:     func() { c := &counted{}; run(c.change, c.read) },
		Repaired: func() { c := &counted{}; run(locked(&c.mu, c.change, c.read)) },
	}
}
