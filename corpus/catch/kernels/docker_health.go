package kernels

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Docker, container health: the probe's goroutine locks the health record, inspect copies the whole state with
// only the container's own lock held.
type healthRecord struct {
	mu      sync.Mutex
	status  string
	streak  int
	started time.Time
}

type container struct {
	mu     sync.Mutex
	name   string
	health *healthRecord
}

func (h *healthRecord) probe(round int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if round%4 == 0 {
		h.status, h.streak = "unhealthy", h.streak+1
	} else {
		h.status, h.streak = "healthy", 0
	}
}

func (c *container) inspectRacy() (string, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health.status, c.health.streak
}

func (c *container) inspectRepaired() (string, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.health.mu.Lock()
	defer c.health.mu.Unlock()
	return c.health.status, c.health.streak
}

func init() {
	run := func(inspect func(*container) (string, int)) func() {
		return func() {
			c := &container{name: "web", health: &healthRecord{status: "starting"}}
			drive.Every(100*time.Millisecond, func(round int) { c.health.probe(round) })
			drive.Clients(2, 800, func(int, int) {
				status, streak := inspect(c)
				drive.Busy(drive.Sum(status) & 63 * (streak + 1))
			})
		}
	}
	drive.Patterns["kernel-docker-health"] = drive.Pattern{
		Kind: "kernel: docker", Racy: run((*container).inspectRacy), Repaired: run((*container).inspectRepaired),
	}
}
