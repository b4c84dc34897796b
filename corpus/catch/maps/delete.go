package maps

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Baskets that were abandoned are swept now and then; the sweeper takes another lock than the customers.
type baskets struct {
	mu      sync.Mutex
	sweepMu sync.Mutex
	touched map[int]int64
}

func (b *baskets) touch(customer int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touched[customer] = time.Now().UnixNano()
}

func (b *baskets) sweep(lock *sync.Mutex, customer int) {
	lock.Lock()
	defer lock.Unlock()
	delete(b.touched, customer)
}

func init() {
	run := func(lock func(*baskets) *sync.Mutex) func() {
		return func() {
			b := &baskets{touched: map[int]int64{}}
			drive.Clients(2, 250, func(client, round int) { b.touch((client*17 + round) % 50) })
			drive.Every(30*time.Millisecond, func(round int) { b.sweep(lock(b), round%50) })
		}
	}
	drive.Patterns["map-delete"] = drive.Pattern{
		Kind:     "map: delete",
		Racy:     run(func(b *baskets) *sync.Mutex { return &b.sweepMu }),
		Repaired: run(func(b *baskets) *sync.Mutex { return &b.mu }),
	}
}
