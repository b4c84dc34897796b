package cases

import (
	"time"

	"example.org/catch/drive"
)

// The clock is a variable so that cases can set it. They run while a worker of an earlier case still asks for the time.
var now = func() int64 { return time.Now().UnixNano() }

type tokens struct{ clock func() int64 }

func (t *tokens) isValidRacy(issued int64) bool { return now()-issued < int64(time.Hour) }

func (t *tokens) isValidRepaired(issued int64) bool { return t.clock()-issued < int64(time.Hour) }

func patched(hours int) func() int64 {
	return func() int64 { return int64(hours) * int64(time.Hour) }
}

func init() {
	drive.Patterns["cases-patched-clock"] = drive.Pattern{
		Kind: "parallel cases sharing state",
		Racy: func() {
			t := &tokens{}
			drive.Clients(2, 1000, func(_, round int) {
				if t.isValidRacy(int64(round)) {
					drive.Busy(100)
				}
			})
			drive.Every(200*time.Millisecond, func(round int) {
				before := now
				now = patched(round % 3)
				t.isValidRacy(1)
				now = before
			})
		},
		Repaired: func() {
			t := &tokens{clock: now}
			drive.Clients(2, 1000, func(_, round int) {
				if t.isValidRepaired(int64(round)) {
					drive.Busy(100)
				}
			})
			drive.Every(200*time.Millisecond, func(round int) {
				(&tokens{clock: patched(round % 3)}).isValidRepaired(1)
			})
		},
	}
}
