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

// Each call from another depth is another pair of stacks, and so another report.
//
//go:noinline
func touch(depth int, where *int) {
	if depth > 0 {
		touch(depth-1, where)
		return
	}
	*where++
}

// race makes exactly one report: two goroutines that nothing orders, at a depth not used before.
func race(n int) {
	where := new(spot)
	fields := []*int{&where.a, &where.b, &where.c, &where.d}
	var group sync.WaitGroup
	group.Add(2)
	for range 2 {
		go func() {
			touch(n, fields[n%4])
			group.Done()
		}()
	}
	group.Wait()
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
		case "deaf": // ignores TERM
			signal.Ignore(syscall.SIGTERM)
			fmt.Fprintln(os.Stderr, "ready")
			time.Sleep(time.Hour)
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
		case "loop": // races for ever
			for i := 0; ; i++ {
				race(i % 4000)
				if i%8 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		default:
			fmt.Fprintln(os.Stderr, "racer: what is", word)
			os.Exit(99)
		}
	}
}
