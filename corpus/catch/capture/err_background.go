package capture

import (
	"errors"
	"time"

	"example.org/catch/drive"
)

// An order is placed, and its stock is reserved in the background meanwhile. The background goroutine reuses
// err, which the handler goes on assigning and reading.
type shop struct{ stock chan int }

var errSoldOut = errors.New("sold out")

func (s *shop) reserve(item int) error {
	if item%5 == 0 {
		return errSoldOut
	}
	drive.Busy(400)
	return nil
}

func (s *shop) charge(item int) error {
	if item%11 == 0 {
		return errDeclined
	}
	drive.Busy(300)
	return nil
}

func (s *shop) orderRacy(item int) bool {
	err := s.charge(item)
	if err != nil {
		return false
	}
	go func() {
		if err = s.reserve(item); err != nil {
			drive.Busy(100)
		}
	}()
	if err = s.charge(item + 1); err != nil {
		return false
	}
	drive.Busy(500)
	return err == nil
}

func (s *shop) orderRepaired(item int) bool {
	err := s.charge(item)
	if err != nil {
		return false
	}
	go func() {
		if err := s.reserve(item); err != nil {
			drive.Busy(100)
		}
	}()
	if err = s.charge(item + 1); err != nil {
		return false
	}
	drive.Busy(500)
	return err == nil
}

func init() {
	run := func(order func(*shop, int) bool) func() {
		return func() {
			s := &shop{stock: make(chan int)}
			drive.Clients(2, 1000, func(client, round int) {
				if order(s, client+round) {
					time.Sleep(50 * time.Microsecond)
				}
			})
		}
	}
	drive.Patterns["capture-err-background"] = drive.Pattern{
		Kind: "capture: err", Racy: run((*shop).orderRacy), Repaired: run((*shop).orderRepaired),
	}
}
