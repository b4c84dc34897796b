// Command history_size asks how long the race detector remembers an access.
//
//	history_size once N       one goroutine writes a variable, makes N calls, then main reads it
//	history_size busy G N     G goroutines alive at once make N calls each, for the memory it takes
//
// Each call is one call, one read and one write of other memory. Prints the resident memory in KiB at its end;
// whether the race was reported is told by the detector.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var shared int

//go:noinline
func work(cell *int) { *cell++ }

func number(n int) int {
	value, err := strconv.Atoi(os.Args[n])
	if err != nil {
		panic(err)
	}
	return value
}

var finished bool

// Neither of these two is seen by the detector, so nothing orders the write before the read.
//
//go:norace
//go:noinline
func finish() { finished = true }

//go:norace
//go:noinline
func isFinished() bool { return finished }

func once(calls int) {
	go func() {
		shared = 1
		var cell int
		for range calls {
			work(&cell)
		}
		finish()
		select {}
	}()
	for !isFinished() {
		time.Sleep(time.Millisecond)
	}
	if shared != 1 {
		panic(shared)
	}
}

func busy(goroutines, calls int) {
	var start, end sync.WaitGroup
	start.Add(goroutines)
	end.Add(goroutines)
	for range goroutines {
		go func() {
			var cell int
			start.Done()
			start.Wait()
			for range calls {
				work(&cell)
			}
			// What a goroutine leaves behind when it ends is used by the next one.
			end.Done()
			end.Wait()
		}()
	}
	end.Wait()
}

func resident() string {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			return strings.Fields(line)[1]
		}
	}
	return "?"
}

func main() {
	switch os.Args[1] {
	case "once":
		once(number(2))
	case "busy":
		busy(number(2), number(3))
	}
	fmt.Println(resident())
}
