package locks

import (
	"sync"
	"sync/atomic"

	"example.org/catch/drive"
)

// The signing key is made when it is first needed, and again when it has been used often: looked at without the lock,
// made with it.
type signingKey struct {
	id   int
	salt [4]uint64
}

type signer struct {
	mu   sync.Mutex
	key  *signingKey
	safe atomic.Pointer[signingKey]
	made int
}

func (s *signer) make() *signingKey {
	s.made++
	return &signingKey{id: s.made, salt: [4]uint64{uint64(s.made)}}
}

func (s *signer) signRacy(round int) int {
	if s.key == nil || s.key.id < round/500 {
		s.mu.Lock()
		if s.key == nil || s.key.id < round/500 {
			s.key = s.make()
		}
		s.mu.Unlock()
	}
	return int(s.key.salt[0])
}

func (s *signer) signRepaired(round int) int {
	key := s.safe.Load()
	if key == nil || key.id < round/500 {
		s.mu.Lock()
		if key = s.safe.Load(); key == nil || key.id < round/500 {
			key = s.make()
			s.safe.Store(key)
		}
		s.mu.Unlock()
	}
	return int(key.salt[0])
}

func init() {
	run := func(sign func(*signer, int) int) func() {
		return func() {
			s := &signer{}
			drive.Clients(3, 2000, func(_, round int) { drive.Busy(sign(s, round) & 63) })
		}
	}
	drive.Patterns["lock-double-checked"] = drive.Pattern{
		Kind: "lock: double-checked", Racy: run((*signer).signRacy), Repaired: run((*signer).signRepaired),
	}
}
