package kernels

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// etcd, leases: renewing one sets its expiry under the lessor's lock; a query for the time that is left reads it without.
type lease struct {
	mu     sync.RWMutex
	id     int64
	expiry time.Time
}

type lessor struct {
	mu     sync.Mutex
	leases []*lease
}

func (l *lessor) renew(at int, lock bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	renewed := l.leases[at%len(l.leases)]
	if lock {
		renewed.mu.Lock()
		defer renewed.mu.Unlock()
	}
	renewed.expiry = time.Now().Add(time.Minute)
}

func (l *lease) remainingRacy() time.Duration { return time.Until(l.expiry) }

func (l *lease) remainingLocked() time.Duration {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.remainingRacy()
}

func init() {
	run := func(remaining func(*lease) time.Duration, lock bool) func() {
		return func() {
			l := &lessor{leases: []*lease{{id: 1}, {id: 2}, {id: 3}}}
			drive.Clients(2, 250, func(client, round int) { l.renew(client+round, lock) })
			drive.Clients(2, 500, func(client, round int) {
				if remaining(l.leases[(client+round)%3]) > 0 {
					drive.Busy(50)
				}
			})
		}
	}
	drive.Patterns["kernel-etcd-lease"] = drive.Pattern{
		Kind:     "kernel: etcd",
		Racy:     run((*lease).remainingRacy, false),
		Repaired: run((*lease).remainingLocked, true),
	}
}
