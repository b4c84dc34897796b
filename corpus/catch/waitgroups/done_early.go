package waitgroups

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// An uploader says Done when the parts are sent, and fills in their checksums afterwards.
type upload struct {
	mu    sync.Mutex
	parts []int
	sums  []uint32
}

func (u *upload) part(i int) {
	drive.Busy(200)
	u.mu.Lock()
	u.parts = append(u.parts, i)
	u.mu.Unlock()
}

func (u *upload) sendRacy(n int) uint32 {
	u.sums = make([]uint32, n)
	var all sync.WaitGroup
	all.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			u.part(i)
			all.Done()
			u.sums[i] = uint32(drive.Busy(50))
		}(i)
	}
	all.Wait()
	return u.sum()
}

func (u *upload) sendRepaired(n int) uint32 {
	u.sums = make([]uint32, n)
	var all sync.WaitGroup
	all.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			defer all.Done()
			u.part(i)
			u.sums[i] = uint32(drive.Busy(50))
		}(i)
	}
	all.Wait()
	return u.sum()
}

func (u *upload) sum() uint32 {
	all := uint32(0)
	for _, sum := range u.sums {
		all ^= sum
	}
	return all
}

func init() {
	run := func(send func(*upload, int) uint32) func() {
		return func() {
			drive.Every(500*time.Microsecond, func(round int) { drive.Busy(int(send(&upload{}, 3+round%3)) & 63) })
		}
	}
	drive.Patterns["waitgroup-done-early"] = drive.Pattern{
		Kind: "WaitGroup: Done too early", Racy: run((*upload).sendRacy), Repaired: run((*upload).sendRepaired),
	}
}
