// assembled waits in Go code that assembly called, which has no frame in the usual sense.
package main

import (
	"fmt"
	"time"
)

var never = make(chan struct{})

// Pushes and pops instead of making a frame.
func through(call func())

//go:noinline
func wait() { <-never }

func main() {
	go func() { through(wait) }()
	time.Sleep(100 * time.Millisecond)
	fmt.Println("READY")
	time.Sleep(24 * time.Hour)
}
