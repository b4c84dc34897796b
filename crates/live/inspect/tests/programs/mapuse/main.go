// mapuse uses maps in the ways that the compiler knows, and says which goroutine uses which.
//
// With "guarded", one goroutine writes a map and another reads it, under a lock; others read a variable's map and go
// through one. With "racy", two use one map at the same time: its keys are so large that an operation takes
// milliseconds, nearly all of it in the hash, and they begin so that the runtime's own check does not see it.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type key [16 << 20]byte

type cart struct {
	name  string
	lock  sync.Mutex
	items map[string]int
}

var (
	prices = map[int]int{}
	// With room for more than eight: in smaller maps keys are compared, not hashed.
	large  = make(map[key]int, 64)
	first  key
	second key
	sum    int
)

func id() string {
	buffer := make([]byte, 64)
	return strings.Fields(string(buffer[:runtime.Stack(buffer, false)]))[1]
}

//go:noinline
func (c *cart) add(name string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.items[name]++
}

//go:noinline
func (c *cart) count(name string) int {
	c.lock.Lock()
	n, ok := c.items[name]
	c.lock.Unlock()
	if !ok {
		return 0
	}
	return n
}

func names() []string {
	names := make([]string, 500)
	for i := range names {
		names[i] = "item " + strconv.Itoa(i)
	}
	return names
}

//go:noinline
func writer(c *cart, said func(string)) {
	said("writer=" + id())
	for names := names(); ; {
		for _, name := range names {
			c.add(name)
		}
	}
}

//go:noinline
func reader(c *cart, said func(string)) {
	said("reader=" + id())
	total := 0
	for names := names(); ; {
		for _, name := range names {
			total += c.count(name)
		}
		sum = total
	}
}

//go:noinline
func globalReader(said func(string)) {
	said("global=" + id())
	total := 0
	for {
		for i := 0; i < 500; i++ {
			total += prices[i]
		}
		sum = total
	}
}

//go:noinline
func walker(m map[int64]string, said func(string)) {
	said("walker=" + id())
	total := 0
	for {
		for k := range m {
			total += int(k)
		}
		sum = total
	}
}

// In each round both are in the map at once, the reader past the runtime's check before the writer sets its flag.
var begun, ended atomic.Int64

//go:noinline
func largeWriter(said func(string)) {
	said("writer=" + id())
	for round := int64(1); ; round++ {
		for begun.Load() < round {
			runtime.Gosched()
		}
		delete(large, first)
		ended.Store(round)
	}
}

//go:noinline
func largeReader(said func(string)) {
	said("reader=" + id())
	for round := int64(1); ; round++ {
		begun.Store(round)
		sum += large[second]
		for ended.Load() < round {
			runtime.Gosched()
		}
	}
}

func main() {
	var lock sync.Mutex
	said := func(text string) {
		lock.Lock()
		defer lock.Unlock()
		fmt.Println(text)
	}
	switch os.Args[1] {
	case "guarded":
		c := &cart{name: "cart", items: map[string]int{}}
		walked := map[int64]string{}
		for i := 0; i < 500; i++ {
			prices[i] = i
			walked[int64(i)] = "x"
		}
		fmt.Printf("items=%p\nprices=%p\nwalked=%p\n", c.items, prices, walked)
		go writer(c, said)
		go reader(c, said)
		go globalReader(said)
		go walker(walked, said)
	case "racy":
		large[*new(key)] = 1
		first[5], second[7] = 1, 1
		fmt.Printf("large=%p\n", large)
		go largeWriter(said)
		go largeReader(said)
	}
	time.Sleep(200 * time.Millisecond)
	said("READY")
	time.Sleep(time.Hour)
}
