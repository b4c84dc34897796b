package main

import (
	"fmt"
	"sync"

	"example.org/catch/drive"
)

// A job that is handed from goroutine to goroutine and used again, as pools do.
type job struct {
	id     int
	words  []string
	result map[string]int
	next   *job
}

func (j *job) work() {
	j.id++
	j.words = append(j.words[:0], "a", "b", fmt.Sprint(j.id))
	for _, word := range j.words {
		j.result[word] = j.id
	}
	if len(j.result) > 100 {
		j.result = map[string]int{}
	}
}

func init() {
	drive.Patterns["handoff"] = drive.Pattern{
		Kind: "channel: mixed with memory",
		// The job is sent on and then touched once more.
		Racy: func() {
			jobs := make(chan *job, 8)
			for i := 0; i < 8; i++ {
				jobs <- &job{result: map[string]int{}}
			}
			workers(3, func(int, int) {
				j := <-jobs
				j.id++
				jobs <- j
				j.id--
			})
		},
		Repaired: func() {
			jobs := make(chan *job, 8)
			pool := sync.Pool{New: func() any { return &job{result: map[string]int{}} }}
			var once sync.Once
			var done sync.WaitGroup
			for i := 0; i < 8; i++ {
				jobs <- &job{result: map[string]int{}}
			}
			workers(4, func(worker, round int) {
				once.Do(func() { fmt.Println("first") })
				j := <-jobs
				j.work()
				jobs <- j
				spare := pool.Get().(*job)
				spare.work()
				pool.Put(spare)
				if round%32 == 0 {
					sums := make([]int, 4)
					done := &sync.WaitGroup{}
					for i := range sums {
						i := i
						done.Add(1)
						go func() { defer done.Done(); sums[i%4] += busy(10) }()
					}
					done.Wait()
					deep(round%200 + 1)
				}
			})
			done.Wait()
		},
	}
}

// deep makes the stack grow, which moves it.
//
//go:noinline
func deep(n int) int {
	var room [64]int
	room[n%64] = n
	if n == 0 {
		return room[0]
	}
	return deep(n-1) + room[n%64]
}
