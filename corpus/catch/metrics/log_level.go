package metrics

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// A logger's level and prefix can be changed at run time, by a signal say, four times a second here.
type logger struct {
	level  int32
	prefix string
	safe   atomic.Int32
	lines  [4]struct {
		n int
		_ [56]byte
	}
}

func (l *logger) setRacy(level int32)     { l.level = level }
func (l *logger) setRepaired(level int32) { l.safe.Store(level) }

func (l *logger) debugRacy(worker int, message string) {
	if l.level > 2 {
		l.lines[worker].n += drive.Sum(message)
	}
}

func (l *logger) debugRepaired(worker int, message string) {
	if l.safe.Load() > 2 {
		l.lines[worker].n += drive.Sum(message)
	}
}

func init() {
	run := func(set func(*logger, int32), debug func(*logger, int, string)) func() {
		return func() {
			l := &logger{prefix: "payments"}
			drive.Workers(2, func(worker, _ int) { debug(l, worker, "charged") })
			drive.Every(250*time.Millisecond, func(round int) { set(l, int32(round%5)) })
		}
	}
	drive.Patterns["logging-level"] = drive.Pattern{
		Kind:     "metrics and logging",
		Racy:     run((*logger).setRacy, (*logger).debugRacy),
		Repaired: run((*logger).setRepaired, (*logger).debugRepaired),
	}
}
