package order

import (
	"sync/atomic"

	"example.org/catch/drive"
)

// A warm-up sets the flag that it is ready, then the tables: the flag is atomic, and one line too early.
type warmup struct {
	ready  atomic.Bool
	tables *[16]int
	built  int
}

func (w *warmup) buildRacy(round int) {
	w.ready.Store(true)
	w.tables = &[16]int{round}
	w.built = round
}

func (w *warmup) buildRepaired(round int) {
	w.tables = &[16]int{round}
	w.built = round
	w.ready.Store(true)
}

func (w *warmup) lookup(n int) int {
	if !w.ready.Load() || w.tables == nil {
		return 0
	}
	return w.tables[n%16] + w.built
}

func init() {
	run := func(build func(*warmup, int)) func() {
		return func() {
			drive.Clients(2, 1500, func(_, round int) {
				w := &warmup{}
				asked := make(chan struct{})
				go func() {
					for i := 0; i < 40; i++ {
						drive.Busy(w.lookup(i) & 31)
					}
					close(asked)
				}()
				drive.Busy(200)
				build(w, round)
				<-asked
			})
		}
	}
	drive.Patterns["order-ready-flag"] = drive.Pattern{
		Kind: "order of statements", Racy: run((*warmup).buildRacy), Repaired: run((*warmup).buildRepaired),
	}
}
