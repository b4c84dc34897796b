package api

import (
	"container/heap"

	"example.org/catch/drive"
)

// Retries by the time they are due, in a heap that several schedulers pop from.
type retries []int

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i] < r[j] }
func (r retries) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *retries) Push(due any)      { *r = append(*r, due.(int)) }

func (r *retries) Pop() any {
	last := len(*r) - 1
	due := (*r)[last]
	*r = (*r)[:last]
	return due
}

func init() {
	register("api-heap", "container/heap", 3, 400, func() func(int, int) {
		due := &retries{}
		return func(worker, round int) {
			if due.Len() < 16 {
				heap.Push(due, (worker*31+round*17)%1000)
				return
			}
			drive.Busy(heap.Pop(due).(int) & 63)
		}
	})
}
