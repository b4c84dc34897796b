package locks

import (
	"sync"

	"example.org/catch/drive"
)

// A session is locked by the request's own mutex: each request makes one, so it keeps nobody out.
type session struct {
	mu       sync.Mutex
	hits     int
	lastPath string
}

type request struct {
	mu   sync.Mutex
	path string
}

func (r *request) touchRacy(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.hits++
	s.lastPath = r.path
}

func (r *request) touchRepaired(s *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits++
	s.lastPath = r.path
}

func init() {
	paths := []string{"/cart", "/checkout", "/account"}
	run := func(touch func(*request, *session)) func() {
		return func() {
			s := &session{}
			drive.Clients(2, 400, func(client, round int) { touch(&request{path: paths[(client+round)%3]}, s) })
		}
	}
	drive.Patterns["lock-wrong-mutex-per-request"] = drive.Pattern{
		Kind: "lock: wrong mutex", Racy: run((*request).touchRacy), Repaired: run((*request).touchRepaired),
	}
}
