package atomics

import (
	"sync/atomic"

	"example.org/catch/drive"
)

// Identifiers are drawn from a sequence by ++, which is three steps and no lock.
type sequence struct {
	next uint64
	safe atomic.Uint64
}

func (s *sequence) drawRacy() uint64 {
	s.next++
	return s.next
}

func (s *sequence) drawRepaired() uint64 { return s.safe.Add(1) }

func init() {
	run := func(draw func(*sequence) uint64) func() {
		return func() {
			s := &sequence{}
			drive.Clients(3, 4000, func(int, int) { drive.Busy(int(draw(s) & 127)) })
		}
	}
	drive.Patterns["atomic-missing-sequence"] = drive.Pattern{
		Kind: "atomics: missing", Racy: run((*sequence).drawRacy), Repaired: run((*sequence).drawRepaired),
	}
}
