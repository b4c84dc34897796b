// Package meter prints what a program cost.
package meter

import (
	"fmt"
	"syscall"
	"time"
)

// Run runs f and prints wall milliseconds, CPU milliseconds and the peak of resident kibibytes.
func Run(f func()) {
	began := time.Now()
	f()
	wall := time.Since(began)
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	fmt.Println(wall.Milliseconds(), cpu.Milliseconds(), usage.Maxrss)
}
