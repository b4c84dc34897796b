// Package config has configurations that are loaded again while they are used.
package config

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A struct is assigned over the one in use, five times a second; requests read two of its fields.
type limits struct {
	perSecond int
	burst     int
	window    time.Duration
	name      string
}

type limiter struct {
	mu     sync.RWMutex
	limits limits
}

func (l *limiter) reloadRacy(round int) {
	l.limits = limits{perSecond: round, burst: round * 2, window: time.Second, name: "api"}
}

func (l *limiter) reloadLocked(round int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reloadRacy(round)
}

func (l *limiter) allowsRacy(n int) bool {
	return n < l.limits.perSecond+l.limits.burst
}

func (l *limiter) allowsLocked(n int) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.allowsRacy(n)
}

func init() {
	run := func(reload func(*limiter, int), allows func(*limiter, int) bool) func() {
		return func() {
			l := &limiter{}
			drive.Clients(3, 2000, func(_, round int) {
				if allows(l, round) {
					drive.Busy(60)
				}
			})
			drive.Every(200*time.Millisecond, func(round int) { reload(l, round) })
		}
	}
	drive.Patterns["config-in-place"] = drive.Pattern{
		Kind:     "configuration reload",
		Racy:     run((*limiter).reloadRacy, (*limiter).allowsRacy),
		Repaired: run((*limiter).reloadLocked, (*limiter).allowsLocked),
	}
}
