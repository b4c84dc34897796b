// Package tearing has values of two or three words, of which a reader may get one word old and one new.
package tearing

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// The status line of a service: a string is a pointer and a length.
type status struct {
	text string
	safe atomic.Pointer[string]
}

var texts = []string{"serving", "draining connections", "starting up", "ok"}

func init() {
	drive.Patterns["tearing-string"] = drive.Pattern{
		Kind: "tearing: string",
		Racy: func() {
			s := &status{text: texts[0]}
			drive.Clients(3, 2500, func(int, int) { drive.Busy(drive.Sum(s.text) & 63) })
			drive.Every(50*time.Millisecond, func(round int) { s.text = texts[round%4] })
		},
		Repaired: func() {
			s := &status{}
			s.safe.Store(&texts[0])
			drive.Clients(3, 2500, func(int, int) { drive.Busy(drive.Sum(*s.safe.Load()) & 63) })
			drive.Every(50*time.Millisecond, func(round int) { s.safe.Store(&texts[round%4]) })
		},
	}
}
