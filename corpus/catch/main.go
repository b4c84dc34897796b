// Program catch runs one racy pattern, or its repaired twin, under its own load until it is killed.
//
//	catch PATTERN racy|repaired
//	catch list [-v]
//
// Each pattern is in a file of its own. Work between accesses is what a service does between
// them: a little arithmetic, a short sleep. To each line on its standard input it answers `WORK n`, the rounds
// of work done so far.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"

	_ "example.org/catch/api"
	_ "example.org/catch/atomics"
	_ "example.org/catch/batch"
	_ "example.org/catch/caches"
	_ "example.org/catch/capture"
	_ "example.org/catch/cases"
	_ "example.org/catch/channels"
	_ "example.org/catch/config"
	_ "example.org/catch/contexts"
	_ "example.org/catch/deps"
	"example.org/catch/drive"
	_ "example.org/catch/errvar"
	_ "example.org/catch/globals"
	_ "example.org/catch/kernels"
	_ "example.org/catch/locks"
	_ "example.org/catch/maps"
	_ "example.org/catch/metrics"
	_ "example.org/catch/order"
	_ "example.org/catch/pools"
	_ "example.org/catch/shutdown"
	_ "example.org/catch/slices"
	_ "example.org/catch/tearing"
	_ "example.org/catch/unseen"
	_ "example.org/catch/waitgroups"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "list" {
		list(len(os.Args) > 2)
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: catch PATTERN racy|repaired")
		os.Exit(2)
	}
	chosen, ok := drive.Patterns[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such pattern")
		os.Exit(2)
	}
	if os.Args[2] == "racy" {
		chosen.Racy()
	} else {
		chosen.Repaired()
	}
	fmt.Println("READY")
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		fmt.Println("WORK", drive.Work())
	}
	select {}
}

// list prints the names; if wanted with the kind, and with why Go's detector seldom sees the race.
func list(isLong bool) {
	names := []string{}
	for name := range drive.Patterns {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if isLong {
			name += "\t" + drive.Patterns[name].Kind + "\t" + drive.Patterns[name].Unseen
		}
		fmt.Println(name)
	}
}

// workers starts n goroutines that call work again and again.
func workers(n int, work func(worker, round int)) { drive.Workers(n, work) }

func busy(n int) int { return drive.Busy(n) }
