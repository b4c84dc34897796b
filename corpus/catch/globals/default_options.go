package globals

import (
	"time"

	"example.org/catch/drive"
)

// Defaults that calls are meant to read, and that an administrator's endpoint writes three times a second.
type options struct {
	timeout time.Duration
	retries int
	trace   bool
}

var defaults = options{timeout: time.Second, retries: 3}

func callRacy() int {
	used := defaults
	if used.trace {
		drive.Busy(50)
	}
	return used.retries + int(used.timeout>>20)
}

func administerRacy(round int) {
	defaults.timeout = time.Duration(round%5+1) * time.Second
	defaults.trace = round%2 == 0
}

func init() {
	drive.Patterns["global-default-options"] = drive.Pattern{
		Kind: "shared global",
		Racy: func() {
			drive.Clients(3, 1500, func(int, int) { drive.Busy(callRacy() & 63) })
			drive.Every(333*time.Millisecond, administerRacy)
		},
		Repaired: func() {
			changes := make(chan options, 1)
			changes <- defaults
			drive.Clients(3, 1500, func(int, int) {
				used := <-changes
				changes <- used
				drive.Busy((used.retries + int(used.timeout>>20)) & 63)
			})
			drive.Every(333*time.Millisecond, func(round int) {
				changed := <-changes
				changed.timeout = time.Duration(round%5+1) * time.Second
				changed.trace = round%2 == 0
				changes <- changed
			})
		},
	}
}
