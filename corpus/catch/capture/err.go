package capture

import (
	"errors"
	"sync"
	"time"

	"example.org/catch/drive"
)

var errDeclined = errors.New("declined")

func authorize(amount int) (int, error) {
	drive.Busy(300)
	if amount%7 == 0 {
		return 0, errDeclined
	}
	return amount, nil
}

// checkout asks two providers at once. The closures assign the err of the function around them instead of one
// of their own.
func checkoutRacy(amount int) (int, error) {
	first, err := authorize(amount)
	if err != nil {
		return 0, err
	}
	var second, third int
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		second, err = authorize(amount + 1)
	}()
	go func() {
		defer both.Done()
		third, err = authorize(amount + 2)
	}()
	both.Wait()
	return first + second + third, err
}

func checkoutRepaired(amount int) (int, error) {
	first, err := authorize(amount)
	if err != nil {
		return 0, err
	}
	var second, third int
	var errSecond, errThird error
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		second, errSecond = authorize(amount + 1)
	}()
	go func() {
		defer both.Done()
		third, errThird = authorize(amount + 2)
	}()
	both.Wait()
	return first + second + third, errors.Join(errSecond, errThird)
}

func init() {
	run := func(checkout func(int) (int, error)) func() {
		return func() {
			drive.Every(200*time.Microsecond, func(round int) {
				if total, err := checkout(round); err == nil {
					drive.Busy(total & 63)
				}
			})
		}
	}
	drive.Patterns["capture-err"] = drive.Pattern{
		Kind: "capture: err", Racy: run(checkoutRacy), Repaired: run(checkoutRepaired),
	}
}
