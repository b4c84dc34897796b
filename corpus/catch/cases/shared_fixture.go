// Package cases has tables of cases that run side by side and share what each thinks its own, as parallel tests do.
package cases

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

type settings struct {
	currency string
	limit    int
}

type scenario struct {
	name  string
	limit int
	want  bool
}

var table = []scenario{
	{"small", 10, true}, {"exact", 100, true}, {"large", 1000, false}, {"none", 0, false},
}

func accepts(s *settings, amount int) bool {
	drive.Busy(300)
	return amount <= s.limit && s.currency != ""
}

// run runs all cases of the table at once, each with what fixture gives it.
func run(fixture func() *settings) int {
	failed := 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, each := range table {
		all.Add(1)
		go func(each scenario) {
			defer all.Done()
			s := fixture()
			s.limit = each.limit
			if accepts(s, 50) != each.want {
				mu.Lock()
				failed++
				mu.Unlock()
			}
		}(each)
	}
	all.Wait()
	return failed
}

func init() {
	shared := &settings{currency: "EUR"}
	drive.Patterns["cases-shared-fixture"] = drive.Pattern{
		Kind: "parallel cases sharing state",
		Racy: func() {
			drive.Every(time.Millisecond, func(int) { run(func() *settings { return shared }) })
		},
		Repaired: func() {
			drive.Every(time.Millisecond, func(int) {
				run(func() *settings { fresh := *shared; return &fresh })
			})
		},
	}
}
