package config

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// Credentials are rotated twice a second, by replacing a pointer; a handful of requests a second are signed with them.
type credentials struct {
	id     int
	secret [32]byte
}

type vault struct {
	current *credentials
	safe    atomic.Pointer[credentials]
}

func (v *vault) rotateRacy(round int)     { v.current = &credentials{id: round} }
func (v *vault) rotateRepaired(round int) { v.safe.Store(&credentials{id: round}) }
func (v *vault) signRacy() int            { return v.current.id + int(v.current.secret[0]) }

func (v *vault) signRepaired() int {
	current := v.safe.Load()
	return current.id + int(current.secret[0])
}

func init() {
	run := func(rotate func(*vault, int), sign func(*vault) int) func() {
		return func() {
			v := &vault{}
			rotate(v, 0)
			drive.Clients(2, 150, func(int, int) { drive.Busy(sign(v) & 63) })
			drive.Every(500*time.Millisecond, func(round int) { rotate(v, round) })
		}
	}
	drive.Patterns["config-seldom"] = drive.Pattern{
		Kind:     "configuration reload",
		Racy:     run((*vault).rotateRacy, (*vault).signRacy),
		Repaired: run((*vault).rotateRepaired, (*vault).signRepaired),
	}
}
