package api

import (
	"container/list"

	"example.org/catch/drive"
)

// Pending webhooks in a list: put in by handlers, taken out by senders.
type webhooks struct{ pending *list.List }

func (w *webhooks) enqueue(id int) { w.pending.PushBack(id) }

func (w *webhooks) next() int {
	first := w.pending.Front()
	if first == nil {
		return 0
	}
	id, _ := w.pending.Remove(first).(int)
	return id
}

func init() {
	register("api-list", "list.List", 4, 500, func() func(int, int) {
		w := &webhooks{pending: list.New()}
		return func(worker, round int) {
			if worker%2 == 0 {
				w.enqueue(round)
			} else {
				drive.Busy(w.next() & 63)
			}
		}
	})
}
