package maps

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Prices by country and article. The outer map is guarded, but the inner ones leave the lock with the reader.
type prices struct {
	mu        sync.RWMutex
	byCountry map[string]map[int]int
}

func (p *prices) change(country string, article, cents int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	inner := p.byCountry[country]
	if inner == nil {
		inner = map[int]int{}
		p.byCountry[country] = inner
	}
	inner[article] = cents
}

func (p *prices) of(country string) map[int]int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byCountry[country]
}

func (p *prices) getRacy(country string, article int) int { return p.of(country)[article] }

func (p *prices) getRepaired(country string, article int) int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byCountry[country][article]
}

func init() {
	countries := []string{"de", "fr", "se"}
	run := func(get func(*prices, string, int) int) func() {
		return func() {
			p := &prices{byCountry: map[string]map[int]int{}}
			drive.Every(15*time.Millisecond, func(round int) { p.change(countries[round%3], round%100, round) })
			drive.Clients(3, 800, func(client, round int) { drive.Busy(get(p, countries[client%3], round%100) & 63) })
		}
	}
	drive.Patterns["map-nested"] = drive.Pattern{
		Kind: "map: nested", Racy: run((*prices).getRacy), Repaired: run((*prices).getRepaired),
	}
}
