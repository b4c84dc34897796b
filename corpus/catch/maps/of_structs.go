package maps

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Accounts by number, structs as values: a booking reads one, changes the copy and puts it back.
type account struct {
	cents   int
	changed time.Time
	owner   string
}

type accounts struct {
	mu    sync.Mutex
	byNum map[string]account
}

var numbers = []string{"DE01", "DE02", "FR01", "SE01", "SE02"}

func (a *accounts) book(number string, cents int) {
	booked := a.byNum[number]
	booked.cents += cents
	booked.changed = time.Now()
	a.byNum[number] = booked
}

func (a *accounts) bookLocked(number string, cents int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.book(number, cents)
}

func init() {
	run := func(book func(*accounts, string, int)) func() {
		return func() {
			a := &accounts{byNum: map[string]account{}}
			drive.Clients(4, 50, func(client, round int) { book(a, numbers[(client+round)%5], round) })
		}
	}
	drive.Patterns["map-of-structs"] = drive.Pattern{
		Kind: "map: of structs", Racy: run((*accounts).book), Repaired: run((*accounts).bookLocked),
	}
}
