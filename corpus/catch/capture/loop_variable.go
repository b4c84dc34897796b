// Package capture has goroutines that share a variable with the function that started them.
package capture

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A notifier mails each customer of a batch. The loop variable is one variable for all rounds (before the
// module says go 1.22), so most mails go to the wrong customer.
type notifier struct {
	customers []string
	sent      [8]int
}

func (n *notifier) mail(slot int, customer string) {
	n.sent[slot%len(n.sent)] += drive.Sum(customer)
}

func (n *notifier) racy() {
	var all sync.WaitGroup
	for slot, customer := range n.customers {
		all.Add(1)
		slot := slot
		go func() {
			defer all.Done()
			n.mail(slot, customer)
		}()
	}
	all.Wait()
}

func (n *notifier) repaired() {
	var all sync.WaitGroup
	for slot, customer := range n.customers {
		all.Add(1)
		go func(slot int, customer string) {
			defer all.Done()
			n.mail(slot, customer)
		}(slot, customer)
	}
	all.Wait()
}

func init() {
	run := func(send func(*notifier)) func() {
		return func() {
			batch := &notifier{customers: []string{"ann", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}}
			drive.Every(300*time.Microsecond, func(int) { send(batch) })
		}
	}
	drive.Patterns["capture-loop-variable"] = drive.Pattern{
		Kind: "capture: loop variable", Racy: run((*notifier).racy), Repaired: run((*notifier).repaired),
	}
}
