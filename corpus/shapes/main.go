// Program shapes races in as many ways as a report can be shaped: through closures, wrappers, inlined and generic
// functions, the runtime's own functions on maps and memory, and types of the library.
//
//	shapes list | SHAPE
//
// Built as usual and watched by `photofinish catch`, or built with -race: the finding must be the same one.
package main

import (
	"fmt"
	"os"
	"sort"
	"time"
)

// shapes start goroutines that never end.
var shapes = map[string]func(){}

func main() {
	if len(os.Args) > 1 && shapes[os.Args[1]] != nil {
		shapes[os.Args[1]]()
		fmt.Println("READY")
		select {}
	}
	names := []string{}
	for name := range shapes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println(name)
	}
}

// pause lets others run.
//
//go:noinline
func pause(round int) int {
	sum := round
	for i := 0; i < 100; i++ {
		sum = sum*31 + i
	}
	if round%64 == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	return sum
}

// both runs one and the other for ever.
func both(one, other func(round int)) {
	for _, side := range []func(int){one, other} {
		side := side
		go func() {
			for round := 0; ; round++ {
				side(round)
				pause(round)
			}
		}()
	}
}
