// Program ordered does, for ever, what looks like a data race to somebody who watches memory from outside and is none:
//
//	ordered list | all | PART...
//
// Each file shows one family of such things. Its goroutines never end, and rest now and then, so that all parts can run
// side by side. A race build must report nothing either.
package main

import (
	"fmt"
	"os"
	"sort"
	"time"
)

// parts start goroutines and return.
var parts = map[string]func(){}

func main() {
	names := []string{}
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(os.Args) < 2 || os.Args[1] == "list" {
		for _, name := range names {
			fmt.Println(name)
		}
		return
	}
	chosen := os.Args[1:]
	if chosen[0] == "all" {
		chosen = names
	}
	for _, name := range chosen {
		part, ok := parts[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such part:", name)
			os.Exit(2)
		}
		part()
	}
	fmt.Println("READY")
	select {}
}

// workers starts n goroutines that call work again and again.
func workers(n int, work func(worker, round int)) {
	for worker := 0; worker < n; worker++ {
		go func(worker int) {
			for round := 0; ; round++ {
				work(worker, round)
				if round%16 == 0 {
					time.Sleep(300 * time.Microsecond)
				}
			}
		}(worker)
	}
}

// busy takes a little time.
//
//go:noinline
func busy(n int) int {
	sum := n
	for i := 0; i < n; i++ {
		sum = sum*31 + i
	}
	return sum
}
