package locks

import (
	"sync"

	"example.org/catch/drive"
)

// A quota is looked at before the lock is taken, to be quick about those who have used it up.
type quota struct {
	mu   sync.Mutex
	used int
	most int
}

func (q *quota) spendRacy(n int) bool {
	if q.used+n > q.most {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used += n
	return true
}

func (q *quota) spendRepaired(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used+n > q.most {
		return false
	}
	q.used += n
	return true
}

func (q *quota) renew() {
	q.mu.Lock()
	q.used = 0
	q.mu.Unlock()
}

func init() {
	run := func(spend func(*quota, int) bool) func() {
		return func() {
			q := &quota{most: 500}
			drive.Workers(3, func(worker, round int) {
				if !spend(q, 1) && worker == 0 && round%100 == 0 {
					q.renew()
				}
			})
		}
	}
	drive.Patterns["lock-partial-early-look"] = drive.Pattern{
		Kind: "lock: partial", Racy: run((*quota).spendRacy), Repaired: run((*quota).spendRepaired),
	}
}
