package cache

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// Three ways to repair the cache, at three shares of writes:
//
//	go test -tags repaired -bench . -cpu 1,2,4 ./internal/cache

// store is the part of a cache that the benchmark drives.
type store interface {
	Get(Key) (Entry, bool)
	Set(Key, Entry)
}

type mutexStore struct {
	mu      sync.Mutex
	entries map[Key]Entry
}

func (s *mutexStore) Get(key Key) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.entries[key]
	return entry, ok
}

func (s *mutexStore) Set(key Key, entry Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[key] = entry
}

type rwMutexStore struct {
	mu      sync.RWMutex
	entries map[Key]Entry
}

func (s *rwMutexStore) Get(key Key) (Entry, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	entry, ok := s.entries[key]
	return entry, ok
}

func (s *rwMutexStore) Set(key Key, entry Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[key] = entry
}

type syncMapStore struct{ entries sync.Map }

func (s *syncMapStore) Get(key Key) (Entry, bool) {
	value, ok := s.entries.Load(key)
	if !ok {
		return Entry{}, false
	}
	return value.(Entry), true
}

func (s *syncMapStore) Set(key Key, entry Entry) { s.entries.Store(key, entry) }

func BenchmarkCache(b *testing.B) {
	stores := []struct {
		name string
		make func() store
	}{
		{"Mutex", func() store { return &mutexStore{entries: map[Key]Entry{}} }},
		{"RWMutex", func() store { return &rwMutexStore{entries: map[Key]Entry{}} }},
		{"SyncMap", func() store { return &syncMapStore{} }},
	}
	for _, writePercent := range []uint64{1, 10, 50} {
		for _, candidate := range stores {
			name := fmt.Sprintf("writes=%d%%/%s", writePercent, candidate.name)
			candidate := candidate
			writePercent := writePercent
			b.Run(name, func(b *testing.B) { drive(b, candidate.make(), writePercent) })
		}
	}
}

// drive has all procs read and write 1,000 payments that are already there.
func drive(b *testing.B, cache store, writePercent uint64) {
	keys := make([]Key, 1000)
	for i := range keys {
		keys[i] = Key("user-" + strconv.Itoa(i) + "/1999")
		cache.Set(keys[i], Entry{PaymentID: "pay", Status: Charged})
	}
	var seeds atomic.Uint64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		// A private xorshift: a shared random source would be the bottleneck.
		random := seeds.Add(1) * 0x9e3779b97f4a7c15
		for pb.Next() {
			random ^= random << 13
			random ^= random >> 7
			random ^= random << 17
			key := keys[random%1000]
			if (random>>32)%100 < writePercent {
				cache.Set(key, Entry{PaymentID: "pay", Status: Charged})
			} else {
				cache.Get(key)
			}
		}
	})
}
