// Package lazy makes values once, and publishes them with atomic operations.
package lazy

import (
	"sync"
	"sync/atomic"
)

// Cell holds a value that is made at the first Get.
type Cell[T any] struct {
	once sync.Once
	make func() T
	v    T
}

// New returns a cell; make runs once.
func New[T any](make func() T) *Cell[T] { return &Cell[T]{make: make} }

// Get is inlined as far as the atomic load of the fast path.
func (c *Cell[T]) Get() T {
	c.once.Do(c.fill)
	return c.v
}

func (c *Cell[T]) fill() { c.v = c.make() }

// Box publishes whole values.
type Box[T any] struct{ p atomic.Pointer[T] }

// Put publishes v.
func (b *Box[T]) Put(v *T) { b.p.Store(v) }

// Take returns what was published last.
func (b *Box[T]) Take() *T { return b.p.Load() }

// Ints is an instance of Box made here, uninstrumented, which other packages may end up linked with.
var Ints Box[int]

// PutInt uses it.
func PutInt(v *int) { Ints.Put(v) }

// Flag says that something is ready.
type Flag struct{ v uint32 }

// Raise is a bare store unless the compiler is kept from it.
func (f *Flag) Raise() { atomic.StoreUint32(&f.v, 1) }

// Up is a bare load unless the compiler is kept from it.
func (f *Flag) Up() bool { return atomic.LoadUint32(&f.v) == 1 }

// Wait spins in here, where nothing is inlined into the caller.
//
//go:noinline
func (f *Flag) Wait(yield func()) {
	for !f.Up() {
		yield()
	}
}

// Announce raises in here.
//
//go:noinline
func (f *Flag) Announce() { f.Raise() }

// Answer is made once for everybody.
var Answer = sync.OnceValue(func() map[string]int { return map[string]int{"answer": 42} })

// Names is a registry like those that many packages keep.
var Names sync.Map

// Intern returns the first value stored for name.
func Intern(name string, v any) any {
	got, _ := Names.LoadOrStore(name, v)
	return got
}
