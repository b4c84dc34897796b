package metrics

import (
	"bytes"
	"log"
	"sync"
	"time"

	"example.org/catch/drive"
)

// Lines are logged through log.Logger, which locks; the buffer behind it is read by a shipper, which does not.
type shipper struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	log    *log.Logger
}

// Write is what the repaired logger writes through.
func (s *shipper) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.Write(line)
}

func (s *shipper) shipRacy() int {
	n := s.buffer.Len()
	s.buffer.Reset()
	return n
}

func (s *shipper) shipLocked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shipRacy()
}

func init() {
	start := func(s *shipper, ship func(*shipper) int) {
		drive.Clients(3, 500, drive.Guarded(func(_, round int) { s.log.Printf("order %d paid", round) }))
		drive.Every(20*time.Millisecond, func(int) { drive.Busy(ship(s) & 63) })
	}
	drive.Patterns["logging-buffer"] = drive.Pattern{
		Kind: "metrics and logging",
		Racy: func() {
			s := &shipper{}
			s.log = log.New(&s.buffer, "", log.LstdFlags)
			start(s, (*shipper).shipRacy)
		},
		Repaired: func() {
			s := &shipper{}
			s.log = log.New(s, "", log.LstdFlags)
			start(s, (*shipper).shipLocked)
		},
	}
}
