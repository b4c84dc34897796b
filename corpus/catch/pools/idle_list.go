// Package pools has connections that are handed around.
package pools

import (
	"sync"

	"example.org/catch/drive"
)

// Idle connections are a stack; the number of open ones beside it is counted by each who opens or closes one.
type conn struct {
	id   int
	used int
}

type pool struct {
	mu   sync.Mutex
	idle []*conn
	open int
}

func (p *pool) get(count func(int)) *conn {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		taken := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return taken
	}
	p.mu.Unlock()
	count(1)
	return &conn{}
}

func (p *pool) put(c *conn, count func(int)) {
	c.used++
	if c.used%8 == 0 {
		count(-1)
		return
	}
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
}

func (p *pool) countRacy(n int) { p.open += n }

func (p *pool) countLocked(n int) {
	p.mu.Lock()
	p.open += n
	p.mu.Unlock()
}

func init() {
	run := func(count func(*pool, int)) func() {
		return func() {
			p := &pool{}
			add := func(n int) { count(p, n) }
			drive.Clients(4, 1500, func(int, int) {
				c := p.get(add)
				drive.Busy(300)
				p.put(c, add)
			})
		}
	}
	drive.Patterns["pool-open-count"] = drive.Pattern{
		Kind: "connection pool", Racy: run((*pool).countRacy), Repaired: run((*pool).countLocked),
	}
}
