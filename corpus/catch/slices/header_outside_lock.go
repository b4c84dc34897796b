package slices

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// The routes of a gateway. Whoever changes them locks; the handlers measure them before they lock.
type routes struct {
	mu   sync.Mutex
	list []string
}

func (r *routes) replace(round int) {
	fresh := make([]string, 2+round%3)
	for i := range fresh {
		fresh[i] = "/orders"
	}
	r.mu.Lock()
	r.list = fresh
	r.mu.Unlock()
}

func (r *routes) pickRacy(n int) string {
	if len(r.list) == 0 {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[n%len(r.list)]
}

func (r *routes) pickRepaired(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 {
		return ""
	}
	return r.list[n%len(r.list)]
}

func init() {
	run := func(pick func(*routes, int) string) func() {
		return func() {
			r := &routes{}
			drive.Every(150*time.Millisecond, r.replace)
			drive.Clients(3, 2000, func(_, round int) { drive.Sum(pick(r, round)) })
		}
	}
	drive.Patterns["slice-header-outside-lock"] = drive.Pattern{
		Kind: "slice: header", Racy: run((*routes).pickRacy), Repaired: run((*routes).pickRepaired),
	}
}
