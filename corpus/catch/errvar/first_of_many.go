package errvar

import (
	"fmt"
	"sync"
	"time"

	"example.org/catch/drive"
)

// A deletion goes to all replicas at once; whoever fails puts its error into the one variable if it is still empty.
func deleteRacy(replicas, key int) error {
	var first error
	var all sync.WaitGroup
	for replica := 0; replica < replicas; replica++ {
		all.Add(1)
		go func(replica int) {
			defer all.Done()
			if err := remove(replica, key); err != nil && first == nil {
				first = err
			}
		}(replica)
	}
	all.Wait()
	return first
}

func deleteRepaired(replicas, key int) error {
	var once sync.Once
	var first error
	var all sync.WaitGroup
	for replica := 0; replica < replicas; replica++ {
		all.Add(1)
		go func(replica int) {
			defer all.Done()
			if err := remove(replica, key); err != nil {
				once.Do(func() { first = err })
			}
		}(replica)
	}
	all.Wait()
	return first
}

func remove(replica, key int) error {
	drive.Busy(200)
	if (replica+key)%3 == 0 {
		return nil
	}
	return fmt.Errorf("replica %d has no key %d", replica, key)
}

func init() {
	run := func(remove func(replicas, key int) error) func() {
		return func() {
			drive.Every(300*time.Microsecond, func(round int) {
				if remove(5, round) != nil {
					drive.Busy(50)
				}
			})
		}
	}
	drive.Patterns["error-first-of-many"] = drive.Pattern{
		Kind: "error variable", Racy: run(deleteRacy), Repaired: run(deleteRepaired),
	}
}
