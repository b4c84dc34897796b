package maps

import (
	"encoding/json"
	"sync"
	"time"

	"example.org/catch/drive"
)

// The status page encodes a map that health checks write: the access is deep in encoding/json and reflect.
type health struct {
	mu     sync.Mutex
	status map[string]string
}

func (h *health) report(check, status string) {
	h.mu.Lock()
	h.status[check] = status
	h.mu.Unlock()
}

func (h *health) pageRacy() int {
	page, _ := json.Marshal(h.status)
	return len(page)
}

func (h *health) pageRepaired() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pageRacy()
}

func init() {
	checks, states := []string{"db", "queue", "disk"}, []string{"ok", "slow", "down"}
	run := func(page func(*health) int) func() {
		return func() {
			h := &health{status: map[string]string{}}
			drive.Clients(2, 40, func(client, round int) { h.report(checks[(client+round)%3], states[round%3]) })
			drive.Every(4*time.Millisecond, func(int) { drive.Busy(page(h)) })
		}
	}
	drive.Patterns["map-via-library"] = drive.Pattern{
		Kind: "map: via a library", Racy: run((*health).pageRacy), Repaired: run((*health).pageRepaired),
	}
}
