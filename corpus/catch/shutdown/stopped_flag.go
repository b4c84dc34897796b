// Package shutdown has flags that say that it is over.
package shutdown

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// A worker looks at a plain flag in each round; pause and resume set it from elsewhere, four times a second.
type worker struct {
	paused bool
	safe   atomic.Bool
	done   int
}

func (w *worker) stepRacy() {
	if w.paused {
		time.Sleep(time.Millisecond)
		return
	}
	w.done++
}

func (w *worker) stepRepaired() {
	if w.safe.Load() {
		time.Sleep(time.Millisecond)
		return
	}
	w.done++
}

func init() {
	drive.Patterns["shutdown-paused-flag"] = drive.Pattern{
		Kind: "shutdown flag",
		Racy: func() {
			w := &worker{}
			drive.Workers(1, func(int, int) { w.stepRacy() })
			drive.Every(250*time.Millisecond, func(round int) { w.paused = round%2 == 0 })
		},
		Repaired: func() {
			w := &worker{}
			drive.Workers(1, func(int, int) { w.stepRepaired() })
			drive.Every(250*time.Millisecond, func(round int) { w.safe.Store(round%2 == 0) })
		},
	}
}
