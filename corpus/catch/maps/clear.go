package maps

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Login attempts by address are forgotten by the half second: the map is emptied in place.
type attempts struct {
	mu        sync.Mutex
	byAddress map[uint32]int
}

func (a *attempts) count(address uint32) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byAddress[address]++
	return a.byAddress[address]
}

func (a *attempts) forgetRacy() { clear(a.byAddress) }

func (a *attempts) forgetRepaired() {
	a.mu.Lock()
	clear(a.byAddress)
	a.mu.Unlock()
}

func init() {
	run := func(forget func(*attempts)) func() {
		return func() {
			a := &attempts{byAddress: map[uint32]int{}}
			drive.Clients(3, 400, func(client, round int) { drive.Busy(a.count(uint32(client*31+round)%97) & 63) })
			drive.Every(200*time.Millisecond, func(int) { forget(a) })
		}
	}
	drive.Patterns["map-clear"] = drive.Pattern{
		Kind: "map: clear", Racy: run((*attempts).forgetRacy), Repaired: run((*attempts).forgetRepaired),
	}
}
