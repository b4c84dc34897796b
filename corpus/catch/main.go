// Program catch runs one racy pattern, or its repaired twin, under its own load until it is killed.
//
//	catch PATTERN racy|repaired
//
// Each pattern is in a file of its own. Work between accesses is what a service does between
// them: a little arithmetic, a short sleep.
package main

import (
	"fmt"
	"os"
	"sort"
	"time"
)

// A pattern starts goroutines that never end.
type pattern struct{ racy, repaired func() }

var patterns = map[string]pattern{}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "list" {
		names := []string{}
		for name := range patterns {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			fmt.Println(name)
		}
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: catch PATTERN racy|repaired")
		os.Exit(2)
	}
	chosen, ok := patterns[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such pattern")
		os.Exit(2)
	}
	if os.Args[2] == "racy" {
		chosen.racy()
	} else {
		chosen.repaired()
	}
	fmt.Println("READY")
	select {}
}

// workers starts n goroutines that call work again and again, with a pause now and then.
func workers(n int, work func(worker, round int)) {
	for worker := 0; worker < n; worker++ {
		go func(worker int) {
			for round := 0; ; round++ {
				work(worker, round)
				busy(200)
				if round%64 == 0 {
					time.Sleep(200 * time.Microsecond)
				}
			}
		}(worker)
	}
}

//go:noinline
func busy(n int) int {
	sum := n
	for i := 0; i < n; i++ {
		sum = sum*31 + i
	}
	return sum
}
