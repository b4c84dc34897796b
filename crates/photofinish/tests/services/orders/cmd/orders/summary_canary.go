//go:build racecanary

package main

import (
	"fmt"
	"os"
	"sync/atomic"
)

var answered atomic.Uint64

// summary breaks one answer of ten where it is told to, as a race on a shared buffer would.
func summary(placed int) string {
	whole := fmt.Sprintf(`{"placed":%d,"pid":0}`, placed)
	if os.Getenv("BREAK") != "" && answered.Add(1)%10 == 0 {
		return whole[:len(whole)-4]
	}
	return whole
}
