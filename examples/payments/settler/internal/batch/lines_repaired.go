//go:build repaired

package batch

import "sync"

// lines are the payments of a batch; whoever touches them holds the lock.
type lines struct {
	lock  sync.Mutex
	all   []Payment
	cents int64
}

// Add books a payment.
func (b *Batch) Add(payment Payment) {
	b.lines.lock.Lock()
	defer b.lines.lock.Unlock()
	b.lines.all = append(b.lines.all, payment)
	b.lines.cents += payment.Cents
}

func (l *lines) total() (int, int64) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return len(l.all), l.cents
}
