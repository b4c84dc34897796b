// Package errvar has errors kept where several goroutines find them.
package errvar

import (
	"errors"
	"sync"
	"time"

	"example.org/catch/drive"
)

// A client remembers its last error for the health check.
type upstream struct {
	mu      sync.Mutex
	lastErr error
	calls   [4]int
}

var errTimeout, errRefused = errors.New("timeout"), errors.New("connection refused")

func (u *upstream) call(worker, round int, fail func(error)) {
	u.calls[worker]++
	switch round % 50 {
	case 7:
		fail(errTimeout)
	case 31:
		fail(errRefused)
	}
}

func (u *upstream) failRacy(err error) { u.lastErr = err }

func (u *upstream) failLocked(err error) {
	u.mu.Lock()
	u.lastErr = err
	u.mu.Unlock()
}

func (u *upstream) isHealthyRacy() bool { return u.lastErr == nil || u.lastErr == errRefused }

func (u *upstream) isHealthyLocked() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.isHealthyRacy()
}

func init() {
	run := func(fail func(*upstream, error), isHealthy func(*upstream) bool) func() {
		return func() {
			u := &upstream{}
			drive.Clients(3, 1000, func(worker, round int) {
				u.call(worker, round, func(err error) { fail(u, err) })
			})
			drive.Every(10*time.Millisecond, func(int) {
				if isHealthy(u) {
					drive.Busy(30)
				}
			})
		}
	}
	drive.Patterns["error-last"] = drive.Pattern{
		Kind:     "error variable",
		Racy:     run((*upstream).failRacy, (*upstream).isHealthyRacy),
		Repaired: run((*upstream).failLocked, (*upstream).isHealthyLocked),
	}
}
