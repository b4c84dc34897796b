package caches

import (
	"sync"

	"example.org/catch/drive"
)

// A cached page knows when it was last used, which the janitor compares: written after the lock was given back.
type page struct {
	body     string
	lastUsed int64
	hits     int
}

type pages struct {
	mu    sync.Mutex
	front *page
}

func (p *pages) serveRacy(now int64) int {
	p.mu.Lock()
	found := p.front
	p.mu.Unlock()
	found.lastUsed = now
	found.hits++
	return len(found.body)
}

func (p *pages) serveLocked(now int64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.front
	found.lastUsed = now
	found.hits++
	return len(found.body)
}

func (p *pages) janitor(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now-p.front.lastUsed > 1_000_000 {
		p.front = &page{body: p.front.body, lastUsed: now}
	}
}

func init() {
	run := func(serve func(*pages, int64) int) func() {
		return func() {
			p := &pages{front: &page{body: "<html>"}}
			drive.Clients(2, 1000, func(_, round int) { drive.Busy(serve(p, int64(round))) })
			drive.Clients(1, 50, func(_, round int) { p.janitor(int64(round)) })
		}
	}
	drive.Patterns["cache-last-used"] = drive.Pattern{
		Kind: "cache with TTL", Racy: run((*pages).serveRacy), Repaired: run((*pages).serveLocked),
	}
}
