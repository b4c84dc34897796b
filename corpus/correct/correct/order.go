package main

// What orders two accesses: sync and sync/atomic, used here and in a dependency.

import (
	"runtime"
	"sync"
	"sync/atomic"

	"example.org/dep/bus"
	"example.org/dep/lazy"
	"example.org/dep/spin"
)

var _ = add("once", func() {
	var once sync.Once
	value := 0
	go once.Do(func() { value = 1 })
	later()
	once.Do(func() { value = 2 })
	_ = value + 1
})

var _ = add("once-value", func() {
	get := sync.OnceValue(func() *int { v := 3; return &v })
	go get()
	later()
	*get() += 0
})

var _ = add("dep-once", func() {
	cell := lazy.New(func() []int { return []int{1, 2, 3} })
	go cell.Get()
	later()
	if cell.Get()[2] != 3 {
		panic("lazy")
	}
	go lazy.Answer()
	later()
	if lazy.Answer()["answer"] != 42 {
		panic("answer")
	}
})

var _ = add("dep-flag", func() {
	var flag lazy.Flag
	value := 0
	go func() { value = 7; flag.Announce() }()
	flag.Wait(runtime.Gosched)
	if value != 7 {
		panic("flag")
	}
})

var _ = add("dep-flag-inlined", func() {
	var flag lazy.Flag
	value := 0
	go func() { value = 7; flag.Raise() }()
	for !flag.Up() {
		runtime.Gosched()
	}
	if value != 7 {
		panic("flag")
	}
})

var _ = add("dep-box", func() {
	var strings lazy.Box[string]
	go func() { s := "here"; strings.Put(&s) }()
	later()
	if s := strings.Take(); s != nil && *s != "here" {
		panic("box")
	}
	go func() { n := 5; lazy.PutInt(&n) }()
	later()
	if n := lazy.Ints.Take(); n != nil && *n != 5 {
		panic("ints")
	}
})

var _ = add("dep-registry", func() {
	type entry struct{ n int }
	go func() { lazy.Intern("entry", &entry{n: 1}) }()
	later()
	if v, ok := lazy.Names.Load("entry"); ok && v.(*entry).n != 1 {
		panic("registry")
	}
	_ = lazy.Intern("entry", &entry{n: 1}).(*entry).n
	lazy.Names.Delete("entry")
})

var _ = add("dep-locks", func() {
	var (
		lock   spin.Lock
		ticket spin.Ticket
		wg     sync.WaitGroup
		a, b   int
	)
	for g := 0; g < 4; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 50; i++ {
				lock.Lock()
				a++
				lock.Unlock()
				ticket.Lock()
				b++
				ticket.Unlock()
			}
		}()
	}
	wg.Wait()
	if a != 200 || b != 200 {
		panic("locks")
	}
})

var _ = add("dep-ring", func() {
	type item struct{ n int }
	var ring spin.Ring[*item]
	go func() {
		for i := 0; i < 100; i++ {
			for it := (&item{n: i}); !ring.Push(it); {
				runtime.Gosched()
			}
		}
	}()
	for i := 0; i < 100; {
		if it, ok := ring.Pop(); ok {
			if it.n != i {
				panic("ring")
			}
			i++
		} else {
			runtime.Gosched()
		}
	}
})

var _ = add("dep-bus", func() {
	var b bus.Bus
	var mu sync.Mutex
	total := 0
	for i := 0; i < 4; i++ {
		b.Subscribe(func(v any) { mu.Lock(); total += v.(int); mu.Unlock() })
	}
	b.Publish(bus.Ones(0xff))
	if total != 32 {
		panic("bus")
	}
})

var _ = add("dep-queue", func() {
	q := bus.NewQueue()
	go func() {
		for i := 0; i < 50; i++ {
			v := i
			q.Put(&v)
		}
	}()
	for i := 0; i < 50; i++ {
		if *q.Get().(*int) != i {
			panic("queue")
		}
	}
})

var _ = add("atomic-value", func() {
	var value atomic.Value
	var flag atomic.Bool
	plain := 0
	go func() { value.Store([]int{4}); plain = 9; flag.Store(true) }()
	later()
	if s, ok := value.Load().([]int); ok && s[0] != 4 {
		panic("value")
	}
	if flag.Load() && plain != 9 {
		panic("flag")
	}
})

var _ = add("atomic-pointer", func() {
	type config struct{ name string }
	var current atomic.Pointer[config]
	go current.Store(&config{name: "a"})
	later()
	if c := current.Load(); c != nil && c.name != "a" {
		panic("pointer")
	}
})

var _ = add("atomic-counter", func() {
	var left atomic.Int32
	values := make([]int, 4)
	left.Store(4)
	done := make(chan struct{})
	for g := range values {
		g := g
		go func() {
			values[g] = g
			if left.Add(-1) == 0 { // the last one sees what all the others wrote
				sum := 0
				for _, v := range values {
					sum += v
				}
				if sum != 6 {
					panic("sum")
				}
				close(done)
			}
		}()
	}
	<-done
})

var _ = add("sync-map", func() {
	var m sync.Map
	go func() { v := 5; m.Store("a", &v) }()
	later()
	if v, ok := m.Load("a"); ok && *v.(*int) != 5 {
		panic("map")
	}
	go func() { v := 6; m.Store("a", &v); m.Store("b", &v) }()
	later()
	m.Range(func(_, v any) bool { return *v.(*int) > 0 })
	m.CompareAndDelete("a", nil)
})

var _ = add("pool", func() {
	pool := sync.Pool{New: func() any { return new([8]int) }}
	var wg sync.WaitGroup
	for g := 0; g < 4; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 300; i++ {
				b := pool.Get().(*[8]int)
				b[i%8]++
				pool.Put(b)
			}
		}()
	}
	wg.Wait()
})

var _ = add("rwmutex", func() {
	var mu sync.RWMutex
	m := map[int]int{}
	var wg sync.WaitGroup
	for g := 0; g < 4; g++ {
		g := g
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 50; i++ {
				if i%10 == g {
					mu.Lock()
					m[i] = g
					mu.Unlock()
				} else if mu.TryRLock() {
					_ = m[i]
					mu.RUnlock()
				}
			}
		}()
	}
	wg.Wait()
})

var _ = add("cond", func() {
	var mu sync.Mutex
	cond := sync.NewCond(&mu)
	ready := 0
	for g := 0; g < 3; g++ {
		go func() { mu.Lock(); ready++; mu.Unlock(); cond.Broadcast() }()
	}
	mu.Lock()
	for ready < 3 {
		cond.Wait()
	}
	mu.Unlock()
	_ = ready
})
