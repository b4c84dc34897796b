package maps

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A scrape walks through all gauges while requests set them.
type gauges struct {
	mu     sync.Mutex
	byName map[string]int
}

var gaugeNames = []string{"queue", "inflight", "workers", "conns", "heap", "files", "retries", "age"}

func (g *gauges) set(name string, value int) {
	g.mu.Lock()
	g.byName[name] = value
	g.mu.Unlock()
}

func (g *gauges) scrapeRacy() int {
	sum := 0
	for name, value := range g.byName {
		sum += len(name) + value
	}
	return sum
}

func (g *gauges) scrapeRepaired() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.scrapeRacy()
}

func init() {
	run := func(scrape func(*gauges) int) func() {
		return func() {
			g := &gauges{byName: map[string]int{}}
			drive.Clients(2, 100, func(client, round int) { g.set(gaugeNames[(client+round)%8], round) })
			drive.Every(10*time.Millisecond, func(int) { drive.Busy(scrape(g) & 63) })
		}
	}
	drive.Patterns["map-iterate"] = drive.Pattern{
		Kind: "map: iterate against write", Racy: run((*gauges).scrapeRacy), Repaired: run((*gauges).scrapeRepaired),
	}
}
