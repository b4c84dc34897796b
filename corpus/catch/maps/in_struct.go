package maps

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Feature flags of tenants. Set locks; the fast path was written by somebody else.
type flags struct {
	mu       sync.Mutex
	byTenant map[string]bool
}

func (f *flags) set(tenant string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byTenant[tenant] = on
}

func (f *flags) isOnRacy(tenant string) bool {
	on, known := f.byTenant[tenant]
	return known && on
}

func (f *flags) isOnLocked(tenant string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.isOnRacy(tenant)
}

func init() {
	tenants := []string{"acme", "globex", "initech", "umbrella"}
	run := func(isOn func(*flags, string) bool) func() {
		return func() {
			f := &flags{byTenant: map[string]bool{}}
			drive.Every(100*time.Millisecond, func(round int) { f.set(tenants[round%4], round%3 == 0) })
			drive.Clients(3, 1000, func(_, round int) {
				if isOn(f, tenants[round%4]) {
					drive.Busy(100)
				}
			})
		}
	}
	drive.Patterns["map-in-struct"] = drive.Pattern{
		Kind: "map: in a struct", Racy: run((*flags).isOnRacy), Repaired: run((*flags).isOnLocked),
	}
}
