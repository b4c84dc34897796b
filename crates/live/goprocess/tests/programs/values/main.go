// values parks goroutines with arguments and locals of many kinds and prints, as
// GOROUTINE FUNCTION NAME = VALUE, what each holds: the truth that a reader of its memory is compared with. Values
// are written as the reader writes them.
package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

var (
	never = make(chan struct{})
	ready = make(chan struct{})
	sink  atomic.Int64
	print sync.Mutex
)

func goid() int {
	var text [64]byte
	n := runtime.Stack(text[:], false)
	id, _ := strconv.Atoi(strings.Fields(string(text[:n]))[1])
	return id
}

// Says what a variable of the caller holds.
func say(function, name, format string, values ...any) {
	print.Lock()
	fmt.Printf("TRUTH %d main.%s %s = %s\n", goid(), function, name, fmt.Sprintf(format, values...))
	print.Unlock()
}

func park() {
	ready <- struct{}{}
	<-never
}

type color uint8
type celsius float64

type point struct{ X, Y int }

type order struct {
	Customer string
	Cents    int64
	Items    map[string]int
	at       point
	next     *order
}

type shape interface{ area() float64 }

func (p point) area() float64  { return float64(p.X * p.Y) }
func (o *order) area() float64 { return float64(o.Cents) }

//go:noinline
func numbers(flag bool, tiny int8, small uint16, word int32, big uint64, real float64, half float32, pair complex128, hue color, warm celsius) {
	say("numbers", "flag", "%v", flag)
	say("numbers", "tiny", "%d", tiny)
	say("numbers", "small", "%d", small)
	say("numbers", "word", "%d", word)
	say("numbers", "big", "%d", big)
	say("numbers", "real", "%v", real)
	say("numbers", "half", "%v", half)
	say("numbers", "pair", "%v", pair)
	say("numbers", "hue", "%d", hue)
	say("numbers", "warm", "%v", float64(warm))
	park()
	if flag {
		sink.Add(int64(tiny) + int64(small) + int64(word) + int64(big) + int64(real) + int64(half) + int64(real2(pair)) + int64(hue) + int64(warm))
	}
}

//go:noinline
func real2(c complex128) float64 { return real(c) + imag(c) }

//go:noinline
func texts(plain, empty, long, odd string, bytes []byte, none []byte, list []string, numbers []int32, fixed [3]int16) {
	say("texts", "plain", "%q", plain)
	say("texts", "empty", "%q", empty)
	say("texts", "long", "%q…+%d more", long[:64], len(long)-64)
	say("texts", "odd", "%q", odd)
	say("texts", "bytes", "[]uint8 len: %d, cap: %d, [104,101,121]", len(bytes), cap(bytes))
	say("texts", "none", "[]uint8 nil")
	say("texts", "list", `[]string len: %d, cap: %d, ["alpha","beta",%q]`, len(list), cap(list), plain)
	say("texts", "numbers", "[]int32 len: %d, cap: %d, [%d,%d]", len(numbers), cap(numbers), numbers[0], numbers[1])
	say("texts", "fixed", "[3]int16 [%d,%d,%d]", fixed[0], fixed[1], fixed[2])
	park()
	sink.Add(int64(len(plain) + len(empty) + len(long) + len(odd) + len(bytes) + len(none) + len(list) + len(numbers)))
	for _, text := range append(list, plain, empty, long, odd, string(bytes), string(none)) {
		sink.Add(int64(len(text)))
		if len(text) > 0 {
			sink.Add(int64(text[0]))
		}
	}
	for _, n := range numbers {
		sink.Add(int64(n))
	}
	for _, n := range fixed {
		sink.Add(int64(n))
	}
}

//go:noinline
func structures(o *order, p point, nothing *order, boxed any, drawn shape, byPointer shape, problem error, fine error, wrapped error) {
	say("structures", "o", `*main.order {Customer: "ACME-77", Cents: 1999, Items: map[string]int len: 2, ["…`)
	say("structures", "p", "main.point {X: %d, Y: %d}", p.X, p.Y)
	say("structures", "nothing", "*main.order nil")
	say("structures", "boxed", "interface {}(int) %d", boxed)
	say("structures", "drawn", "main.shape(main.point) {X: 3, Y: 4}")
	say("structures", "byPointer", `main.shape(*main.order) *{Customer: "ACME-77", Cents: 1999, Items: map[string]int len: 2…`)
	say("structures", "problem", "error(*errors.errorString) %q", problem.Error())
	say("structures", "fine", "error nil")
	say("structures", "wrapped", "error(*fs.PathError) *{Op: \"open\", Path: \"/nonexistent\", Err: error(syscall.Errno)…")
	park()
	sink.Add(o.Cents + int64(p.X) + int64(p.Y) + int64(drawn.area()+byPointer.area()) + int64(boxed.(int)))
	if nothing != nil || fine != nil || problem.Error() == wrapped.Error() {
		sink.Add(1)
	}
}

//go:noinline
func collections(ages map[string]int, many map[int]int, absent map[string]int, sends chan<- int, full chan string, handler func(int) int, plain func(point) float64, byKey map[point]*order) {
	say("collections", "ages", `map[string]int len: %d, ["ann": %d]`, len(ages), ages["ann"])
	say("collections", "many", "map[int]int len: %d, […", len(many))
	say("collections", "absent", "map[string]int nil")
	say("collections", "sends", "chan<- int %p len: %d, cap: %d", sends, len(sends), cap(sends))
	say("collections", "full", "chan string %p len: %d, cap: %d", full, len(full), cap(full))
	say("collections", "handler", "func(int) int main.main.func1")
	say("collections", "plain", "func(main.point) float64 main.point.area")
	say("collections", "byKey", "map[main.point]*main.order len: %d, [{X: 1, Y: 2}: *{Customer: \"ACME-77\"…", len(byKey))
	park()
	sink.Add(int64(len(ages) + len(many) + len(absent) + len(sends) + len(full) + handler(1) + int(plain(point{1, 2})) + len(byKey)))
	for _, age := range ages {
		sink.Add(int64(age))
	}
	for key, age := range many {
		sink.Add(int64(age + key))
	}
	for key, o := range byKey {
		sink.Add(int64(key.X) + o.Cents)
	}
	sends <- <-map[bool]chan int{true: make(chan int)}[true]
	full <- "x"
}

//go:noinline
func times(wait time.Duration, when time.Time, zero time.Time, month time.Month, raw unsafe.Pointer, address uintptr) {
	say("times", "wait", "time.Duration(%s)", wait)
	say("times", "when", "time.Time(%s)", when.UTC().Format("2006-01-02T15:04:05.999999999Z"))
	say("times", "zero", "time.Time(0001-01-01T00:00:00Z)")
	say("times", "month", "%d", int(month))
	say("times", "raw", "unsafe.Pointer(%p)", raw)
	say("times", "address", "%#x", address)
	park()
	sink.Add(int64(wait) + when.UnixNano() + zero.Unix() + int64(month) + int64(uintptr(raw)) + int64(address))
}

// Locals of every fate: on the heap, on the stack, in a register, dead.
//
//go:noinline
func locals(seed int) {
	total := int64(seed)*1000 + sink.Load()
	escaped := seed + 1
	words := []string{"alpha", "beta", strconv.Itoa(seed)}
	var large [20]int
	for i := range large {
		large[i] = seed * i
	}
	dead := strings.Repeat("d", seed)
	used := len(dead)
	go func() { escaped += 0; <-never }()
	say("locals", "seed", "%d", seed)
	say("locals", "total", "%d", total)
	say("locals", "escaped", "%d", escaped)
	say("locals", "words", `[]string len: 3, cap: 3, ["alpha","beta","%d"]`, seed)
	say("locals", "large", "[20]int [0,%d,%d,%d,…", seed, 2*seed, 3*seed)
	say("locals", "dead", "%q", strings.Repeat("d", seed))
	say("locals", "used", "%d", used)
	park()
	for _, word := range words {
		sink.Add(int64(word[len(word)-1]))
	}
	for _, n := range large {
		sink.Add(int64(n))
	}
	sink.Add(total + int64(escaped) + int64(used))
}

// Inlined, twice over.
func outer(n int, label string) int { return inner(n*2, label) + n }
func inner(m int, name string) int {
	say("inner", "m", "%d", m)
	say("inner", "name", "%q", name)
	park()
	sink.Add(int64(m) + int64(len(name)) + int64(name[0]))
	return m
}

//go:noinline
func inlines(n int) {
	say("inlines", "n", "%d", n)
	say("outer", "n", "%d", n)
	say("outer", "label", "%q", "in")
	sink.Add(int64(outer(n, "in") + n))
}

// Slots that several variables may share: their lives do not meet.
//
//go:noinline
func shares(n int) {
	if n > 0 {
		var first [16]int
		for i := range first {
			first[i] = n + i
		}
		sink.Add(int64(spread(&first)))
	}
	var second [16]int
	for i := range second {
		second[i] = n * i
	}
	say("shares", "n", "%d", n)
	say("shares", "second", "[16]int [0,%d,%d,%d,…", n, 2*n, 3*n)
	park()
	sink.Add(int64(spread(&second) + n))
}

//go:noinline
func spread(numbers *[16]int) (sum int) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

// Spilled, dead, and its place used again.
//
//go:noinline
func reuses(a, b int) (sum int) {
	x := work(a)
	y := work(b)
	sum = work(x + y)
	z := work(sum)
	w := work(z)
	say("reuses", "x", "%d", work(a))
	say("reuses", "y", "%d", work(b))
	say("reuses", "z", "%d", z)
	say("reuses", "w", "%d", w)
	v := work(w + z)
	say("reuses", "v", "%d", v)
	park()
	return v + w + z
}

//go:noinline
func work(n int) int { return n*7 + 1 }

type list[T any] struct {
	items []T
	last  T
}

//go:noinline
func (l *list[T]) wait(item T, n int) {
	l.items = append(l.items, item)
	l.last = item
	say("(*list[...]).wait", "n", "%d", n)
	park()
	sink.Add(int64(n + len(l.items)))
}

func main() {
	many := map[int]int{}
	for n := 0; n < 1000; n++ {
		many[n] = n * n
	}
	full := make(chan string, 4)
	full <- "a"
	full <- "b"
	handler := func(n int) int { return n + len(os.Args) }
	next := &order{Customer: "ACME-77", Cents: 1999, Items: map[string]int{"bolt": 3, "nut": 9}, at: point{3, 4}}
	_, wrapped := os.Open("/nonexistent")
	_ = math.Pi
	bodies := []func(){
		func() { numbers(true, -5, 65535, -70000, 1<<63+1, 2.5, -0.25, complex(1, -2), 7, 36.6) },
		func() {
			texts("needle-7f3a", "", strings.Repeat("long ", 40), "tab\t\"quote\" \x00\xff é", []byte("hey"), nil,
				[]string{"alpha", "beta", "needle-7f3a"}, []int32{-1, 2}, [3]int16{-1, 0, 1})
		},
		func() {
			structures(next, point{3, 4}, nil, 42, point{3, 4}, next, errors.New("no such thing"), nil, wrapped)
		},
		func() {
			collections(map[string]int{"ann": 31}, many, nil, make(chan int), full, handler, point.area, map[point]*order{{1, 2}: next})
		},
		func() {
			times(90*time.Second, time.Unix(1700000000, 123456789), time.Time{}, time.March, unsafe.Pointer(next), 12345)
		},
		func() { locals(9) },
		func() { inlines(21) },
		func() { shares(5) },
		func() { sink.Add(int64(reuses(3, 4))) },
		func() { (&list[string]{}).wait("text", 77) },
		func() { (&list[point]{}).wait(point{5, 6}, 78) },
	}
	for _, body := range bodies {
		go body()
	}
	for range bodies {
		<-ready
	}
	fmt.Println("READY")
	time.Sleep(24 * time.Hour)
}
