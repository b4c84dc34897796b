// Package locks has locks that are there, and do not help.
package locks

import (
	"sync"

	"example.org/catch/drive"
)

// A meter counts requests. Its method has a value receiver: each call locks a copy of the mutex.
type meter struct {
	mu    sync.Mutex
	count *int
}

func (m meter) addRacy() {
	m.mu.Lock()
	defer m.mu.Unlock()
	*m.count++
}

func (m *meter) addRepaired() {
	m.mu.Lock()
	defer m.mu.Unlock()
	*m.count++
}

func init() {
	drive.Patterns["lock-value-receiver"] = drive.Pattern{
		Kind: "lock: value receiver",
		Racy: func() {
			m := meter{count: new(int)}
			drive.Workers(3, func(int, int) { m.addRacy() })
		},
		Repaired: func() {
			m := meter{count: new(int)}
			drive.Workers(3, func(int, int) { m.addRepaired() })
		},
	}
}
