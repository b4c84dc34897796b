// Command racy does without the order that correct has: each part is a race that a light build must
// still report.
package main

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"example.org/dep/bus"
	"example.org/dep/lazy"
)

var parts = map[string]func(){
	"once-without-once": func() {
		value, done := 0, false
		both(func() { value, done = 1, true }, func() {
			if done {
				value = 2
			}
		})
		_ = value
	},
	"map": func() {
		var mu sync.Mutex
		m := map[string]int{}
		both(func() { mu.Lock(); m["a"] = 1; mu.Unlock() }, func() { _ = m["a"] })
	},
	"map-in-library": func() {
		h := http.Header{}
		both(func() { h.Set("A", "1") }, func() { _ = h.Get("A") })
	},
	"append": func() {
		var s []int
		both(func() { s = append(s, 1) }, func() { s = append(s, 2) })
	},
	"bytes-buffer": func() {
		var b bytes.Buffer
		both(func() { b.WriteString("one") }, func() { b.WriteString("two") })
	},
	"strings-builder": func() {
		var b strings.Builder
		both(func() { fmt.Fprintf(&b, "%d", 1) }, func() { b.WriteByte('2') })
	},
	"shared-rand": func() {
		r := rand.New(rand.NewSource(1))
		both(func() { _ = r.Intn(9) }, func() { _ = r.Intn(9) })
	},
	"checksum": func() {
		b := make([]byte, 64)
		table := crc32.MakeTable(0x12345678)
		both(func() { _ = crc32.Checksum(b, table) }, func() { copy(b, bytes.Repeat([]byte{1}, len(b))) })
	},
	"subscriber": func() {
		var b bus.Bus
		total := 0
		for i := 0; i < 2; i++ {
			b.Subscribe(func(v any) { total += v.(int) })
		}
		b.Publish(1)
	},
	"handler": func() {
		hits := 0
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			hits++
			time.Sleep(5 * time.Millisecond)
		}))
		get := func() {
			if r, err := http.Get(s.URL); err == nil {
				io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		}
		both(get, get)
		s.Close()
	},
	"published-too-early": func() {
		type config struct{ n int }
		var box lazy.Box[config]
		both(func() { c := &config{}; box.Put(c); c.n = 1 }, func() {
			for box.Take() == nil {
				time.Sleep(time.Millisecond)
			}
			_ = box.Take().n
		})
	},
	"captured-err": func() {
		var err error
		both(func() { _, err = os.Open("/nonexistent/a") }, func() { _, err = os.Open("/nonexistent/b") })
		_ = err
	},
}

// both runs a and b at the same time, as far as the detector can tell.
func both(a, b func()) {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); a() }()
	go func() { defer wg.Done(); b() }()
	wg.Wait()
}

func main() {
	if len(os.Args) > 1 && os.Args[1] != "list" {
		parts[os.Args[1]]()
		return
	}
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Println(strings.Join(names, "\n"))
}
