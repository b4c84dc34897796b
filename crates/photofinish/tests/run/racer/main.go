// Command racer races on demand: a program with a known number of races, fatal errors and ends,
// for the tests of `photofinish run`.
//
// Its arguments are words, done in order; see the cases below.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type spot struct{ a, b, c, d int }

// The bits of path choose a way through these two, and so a stack that no other path has: the
// detector reports each pair of stacks once.
//
//go:noinline
func left(depth, path int, where *int) {
	if depth == 0 {
		*where++
	} else if path&1 == 0 {
		left(depth-1, path>>1, where)
	} else {
		right(depth-1, path>>1, where)
	}
}

//go:noinline
func right(depth, path int, where *int) {
	if depth == 0 {
		*where++
	} else if path&1 == 0 {
		left(depth-1, path>>1, where)
	} else {
		right(depth-1, path>>1, where)
	}
}

// Told of each report once it is printed, where a test wants to know.
var ledger *os.File

// race makes exactly one report: two goroutines that nothing orders, on a path not used before.
func race(path int) {
	where := new(spot)
	fields := []*int{&where.a, &where.b, &where.c, &where.d}
	var group sync.WaitGroup
	group.Add(2)
	for range 2 {
		go func() {
			left(12, path, fields[path%4])
			group.Done()
		}()
	}
	group.Wait()
	if ledger != nil {
		ledger.Write([]byte{'.'})
	}
}

//go:noinline
func mapFatal() {
	shared := map[int]int{}
	for range 4 {
		go func() {
			for n := 0; ; n++ {
				shared[n%8] = n
			}
		}()
	}
	select {}
}

func main() {
	words := os.Args[1:]
	for n := 0; n < len(words); n++ {
		word, value, _ := strings.Cut(words[n], "=")
		number, _ := strconv.Atoi(value)
		switch word {
		case "races": // so many reports, as fast as it goes
			for i := range number {
				race(i)
			}
		case "slowly": // so many reports, a few milliseconds apart
			for i := range number {
				race(i)
				time.Sleep(3 * time.Millisecond)
			}
		case "say":
			fmt.Fprintln(os.Stderr, value)
		case "out":
			fmt.Println(value)
		case "flood": // so many MiB of stderr
			line := []byte(strings.Repeat("0123456789abcdef", 4)[:63] + "\n")
			block := []byte(strings.Repeat(string(line), 1<<14))
			for range number {
				os.Stderr.Write(block)
			}
		case "await": // until a file is there
			for _, err := os.Stat(value); err != nil; _, err = os.Stat(value) {
				time.Sleep(5 * time.Millisecond)
			}
		case "sleep":
			time.Sleep(time.Duration(number) * time.Millisecond)
		case "exit":
			os.Exit(number)
		case "panic":
			panic(value)
		case "map":
			mapFatal()
		case "kill": // ends itself by a signal
			syscall.Kill(os.Getpid(), syscall.Signal(number))
			time.Sleep(time.Minute)
		case "trap": // says which signals come, until one is TERM
			signals := make(chan os.Signal, 16)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
				syscall.SIGINT, syscall.SIGWINCH, syscall.SIGQUIT)
			fmt.Fprintln(os.Stderr, "ready")
			for s := range signals {
				fmt.Fprintln(os.Stderr, "got", s)
				if s == syscall.SIGTERM {
					break
				}
			}
		case "deaf": // ignores TERM, for so many milliseconds, or for good
			signal.Ignore(syscall.SIGTERM)
			fmt.Fprintln(os.Stderr, "ready")
			if number == 0 {
				time.Sleep(time.Hour)
			}
			time.Sleep(time.Duration(number) * time.Millisecond)
		case "child": // the rest in a child process, whose stderr is elsewhere
			command := exec.Command(os.Args[0], words[n+1:]...)
			command.Run()
			return
		case "orphan": // the rest in a process that outlives this one
			command := exec.Command(os.Args[0], words[n+1:]...)
			command.Stderr = os.Stderr
			command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			command.Start()
			return
		case "once": // goes on only the first time, told by a file
			file, err := os.OpenFile(value, os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return
			}
			file.Close()
		case "stdin":
			io.Copy(os.Stderr, os.Stdin)
		case "env":
			fmt.Fprintln(os.Stderr, os.Getenv(value))
		case "ledger":
			ledger, _ = os.OpenFile(value, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		default:
			fmt.Fprintln(os.Stderr, "racer: what is", word)
			os.Exit(99)
		}
	}
}
