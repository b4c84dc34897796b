//go:build repaired || crowded

package cache

import (
	"strconv"
	"sync"
	"testing"
)

// The test that was missing: on the racy build, -race would fail it at once (and without -race the
// runtime would often kill it), so it is there with the repair only.
func TestManyGoroutinesMayShareTheCache(t *testing.T) {
	responses := New()
	var all sync.WaitGroup
	for worker := 0; worker < 16; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 500; i++ {
				key := Key(strconv.Itoa(i % 50))
				responses.Set(key, Entry{PaymentID: string(key)})
				if entry, ok := responses.Get(key); ok && entry.PaymentID != string(key) {
					t.Errorf("key %s has the answer of %s", key, entry.PaymentID)
				}
				responses.Settle(key)
				if i%97 == 0 {
					responses.Forget(key)
				}
			}
		}()
	}
	all.Wait()
}
