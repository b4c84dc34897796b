package api

import (
	"sort"

	"example.org/catch/drive"
)

// The latencies of the last requests: a percentile sorts them in place, while requests go on writing theirs.
type latencies struct {
	window []int
}

func (l *latencies) observe(at, took int) { l.window[at%len(l.window)] = took }

func (l *latencies) p99() int {
	sort.Ints(l.window)
	return l.window[len(l.window)*99/100]
}

func init() {
	register("api-sort-in-place", "sort.Ints", 3, 300, func() func(int, int) {
		l := &latencies{window: make([]int, 256)}
		return func(worker, round int) {
			if worker == 0 && round%4 == 0 {
				drive.Busy(l.p99() & 63)
			} else {
				l.observe(round*7+worker, round*31%997)
			}
		}
	})
}
