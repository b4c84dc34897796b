// Package order has statements in the wrong order.
package order

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A tenant is put into the registry first and filled in afterwards.
type tenant struct {
	name  string
	limit int
	keys  []string
}

type registry struct {
	mu      sync.RWMutex
	tenants [8]*tenant
}

func (r *registry) publish(at int, t *tenant) {
	r.mu.Lock()
	r.tenants[at%len(r.tenants)] = t
	r.mu.Unlock()
}

func (r *registry) get(at int) *tenant {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.tenants[at%len(r.tenants)]
}

func (r *registry) createRacy(at int) {
	t := &tenant{}
	r.publish(at, t)
	drive.Busy(500)
	t.name = "acme"
	t.limit = at
	t.keys = append(t.keys, "k1")
}

func (r *registry) createRepaired(at int) {
	t := &tenant{name: "acme", limit: at, keys: []string{"k1"}}
	drive.Busy(500)
	r.publish(at, t)
}

func init() {
	run := func(create func(*registry, int)) func() {
		return func() {
			r := &registry{}
			drive.Every(5*time.Millisecond, func(round int) { create(r, round) })
			drive.Workers(2, func(_, round int) {
				if t := r.get(round); t != nil {
					drive.Busy((t.limit + len(t.keys)) & 63)
				}
			})
		}
	}
	drive.Patterns["order-published-early"] = drive.Pattern{
		Kind: "order of statements", Racy: run((*registry).createRacy), Repaired: run((*registry).createRepaired),
	}
}
