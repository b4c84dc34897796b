// Command mapsort counts, joins and sorts records in its own code.
package main

import (
	"sort"
	"strconv"
	"sync"

	"example.com/bench/meter"
)

type record struct {
	key   string
	group int
	score uint32
}

func work(seed uint32) int {
	records := make([]record, 4000)
	for i := range records {
		seed = seed*1664525 + 1013904223
		records[i] = record{key: strconv.Itoa(int(seed >> 20)), group: int(seed>>8) % 97, score: seed}
	}
	byKey := map[string][]int{}
	sums := map[int]uint64{}
	for i, r := range records {
		byKey[r.key] = append(byKey[r.key], i)
		sums[r.group] += uint64(r.score)
	}
	sort.Slice(records, func(a, b int) bool {
		if records[a].group != records[b].group {
			return sums[records[a].group] < sums[records[b].group]
		}
		return records[a].score < records[b].score
	})
	return len(byKey) + records[0].group
}

func main() {
	meter.Run(func() {
		var wg sync.WaitGroup
		for g := 0; g < 4; g++ {
			g := g
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; i < 25; i++ {
					work(uint32(g*1000 + i))
				}
			}()
		}
		wg.Wait()
	})
}
