//go:build go1.23

package main

import "iter"

func init() {
	parts["coroutines"] = func() {
		// Two goroutines that never run at once, without a channel or a lock between them.
		workers(3, func(_, round int) {
			state := &account{}
			next, stop := iter.Pull(func(yield func(int) bool) {
				for i := 0; ; i++ {
					state.change(i)
					if !yield(state.balance) {
						return
					}
					state.change(i)
				}
			})
			for i := 0; i < 6; i++ {
				state.change(round)
				n, _ := next()
				busy((n + state.read()) & 31)
			}
			state.change(round)
			stop()
			state.change(round)
		})
	}
}
