package locks

import (
	"sync"

	"example.org/catch/drive"
)

// Transfers lock the account that pays; the one that is paid is changed under the payer's lock.
type purse struct {
	mu    sync.Mutex
	cents int
}

func transferRacy(from, to *purse, cents int) {
	from.mu.Lock()
	defer from.mu.Unlock()
	from.cents -= cents
	to.cents += cents
}

func transferRepaired(from, to *purse, cents int) {
	from.mu.Lock()
	from.cents -= cents
	from.mu.Unlock()
	to.mu.Lock()
	to.cents += cents
	to.mu.Unlock()
}

func init() {
	run := func(transfer func(from, to *purse, cents int)) func() {
		return func() {
			purses := make([]purse, 4)
			drive.Clients(3, 2500, func(client, round int) {
				from := (client + round) % len(purses)
				transfer(&purses[from], &purses[(from+1)%len(purses)], round&15)
			})
		}
	}
	drive.Patterns["lock-wrong-mutex-transfer"] = drive.Pattern{
		Kind: "lock: wrong mutex", Racy: run(transferRacy), Repaired: run(transferRepaired),
	}
}
