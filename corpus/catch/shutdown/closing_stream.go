package shutdown

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Subscribers come and go. Close marks the stream and empties its queue, while the sender checks the mark and appends.
type stream struct {
	mu     sync.Mutex
	closed bool
	queue  []int
}

func (s *stream) sendRacy(event int) bool {
	if s.closed {
		return false
	}
	if len(s.queue) < 32 {
		s.queue = append(s.queue, event)
	}
	return true
}

func (s *stream) closeRacy() {
	s.closed = true
	s.queue = s.queue[:0]
}

func (s *stream) sendLocked(event int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendRacy(event)
}

func (s *stream) closeLocked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeRacy()
}

func init() {
	run := func(send func(*stream, int) bool, end func(*stream)) func() {
		return func() {
			drive.Clients(2, 150, func(_, round int) {
				s := &stream{}
				sent := make(chan struct{})
				go func() {
					for event := 0; send(s, event); event++ {
						drive.Busy(200)
					}
					close(sent)
				}()
				time.Sleep(100 * time.Microsecond)
				end(s)
				select {
				case <-sent:
				case <-time.After(time.Second):
				}
			})
		}
	}
	drive.Patterns["shutdown-closing-stream"] = drive.Pattern{
		Kind:     "shutdown flag",
		Racy:     run((*stream).sendRacy, (*stream).closeRacy),
		Repaired: run((*stream).sendLocked, (*stream).closeLocked),
	}
}
