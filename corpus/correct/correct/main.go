// Command correct runs pieces of correct concurrent code, in which no detector may find a race.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"
)

// parts by name; each is run several times.
var parts = map[string]func(){}

func add(name string, part func()) bool { parts[name] = part; return true }

// later is long enough for another goroutine to have finished, without anything that orders the two.
func later() { time.Sleep(2 * time.Millisecond) }

func main() {
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	rounds := 5
	if len(os.Args) > 2 {
		rounds, _ = strconv.Atoi(os.Args[2])
	}
	switch {
	case len(os.Args) > 1 && os.Args[1] == "list":
		for _, name := range names {
			fmt.Println(name)
		}
		return
	case len(os.Args) > 1 && os.Args[1] != "all":
		names = []string{os.Args[1]}
	}
	for _, name := range names {
		part, ok := parts[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no part", name)
			os.Exit(2)
		}
		fmt.Fprintln(os.Stderr, "part", name)
		for round := 0; round < rounds; round++ {
			part()
		}
	}
}
