package order

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// A connection to the mail server is made when the first mail is sent, and dropped when it is idle.
type mailer struct {
	mu   sync.Mutex
	conn *connection
}

type connection struct {
	sent int
	host string
}

func (m *mailer) instanceRacy() *connection {
	if m.conn == nil {
		fresh := &connection{host: "mail.example.org"}
		drive.Busy(200)
		m.conn = fresh
	}
	return m.conn
}

func (m *mailer) instanceLocked() *connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.instanceRacy()
}

func (m *mailer) drop() {
	m.mu.Lock()
	m.conn = nil
	m.mu.Unlock()
}

func init() {
	run := func(instance func(*mailer) *connection) func() {
		return func() {
			m := &mailer{}
			drive.Clients(3, 1000, func(int, int) {
				if conn := instance(m); conn != nil {
					drive.Sum(conn.host)
				}
			})
			drive.Every(200*time.Millisecond, func(int) { m.drop() })
		}
	}
	drive.Patterns["order-lazy-singleton"] = drive.Pattern{
		Kind: "order of statements: lazy singleton", Racy: run((*mailer).instanceRacy), Repaired: run((*mailer).instanceLocked),
	}
}
