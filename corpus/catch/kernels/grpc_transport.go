package kernels

import (
	"errors"
	"sync"
	"time"

	"example.org/catch/drive"
)

// gRPC, an address's connection: the reason why it broke is written when it is torn down, and read by calls that
// wait for a transport, behind a state that is looked at under the lock a moment before.
type addrConn struct {
	mu      sync.Mutex
	state   int
	lastErr error
	backoff int
}

var errBroken, errGoAway = errors.New("transport is closing"), errors.New("go away")

func (a *addrConn) currentState() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

func (a *addrConn) pickRacy() error {
	if a.currentState() == 3 {
		return a.lastErr
	}
	return nil
}

func (a *addrConn) pickRepaired() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == 3 {
		return a.lastErr
	}
	return nil
}

func (a *addrConn) fail(round int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = 3
	a.lastErr = errBroken
	if round%2 == 0 {
		a.lastErr = errGoAway
	}
	a.backoff = round & 7
}

func (a *addrConn) connect() {
	a.mu.Lock()
	a.state = 1
	a.mu.Unlock()
}

func init() {
	run := func(pick func(*addrConn) error) func() {
		return func() {
			a := &addrConn{}
			drive.Clients(3, 1200, func(int, int) {
				if pick(a) == errGoAway {
					drive.Busy(80)
				}
			})
			drive.Every(60*time.Millisecond, func(round int) {
				if a.fail(round); round%10 == 0 {
					a.connect()
				}
			})
		}
	}
	drive.Patterns["kernel-grpc-addrconn"] = drive.Pattern{
		Kind: "kernel: grpc", Racy: run((*addrConn).pickRacy), Repaired: run((*addrConn).pickRepaired),
	}
}
