package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// parcel is large: a channel copies it onto the receiver's stack, or into its buffer.
type parcel struct {
	words [24]int
	to    *account
	label string
}

func init() {
	for name, size := range map[string]int{"unbuffered": 0, "buffered": 4} {
		size := size
		parts[name] = func() {
			values, pointers := make(chan parcel, size), make(chan *parcel, size)
			workers(2, func(_, round int) {
				p := parcel{to: &account{}, label: names[round%4]}
				p.words[round%24] = round
				values <- p
				pointers <- &parcel{to: p.to, label: p.label}
			})
			workers(2, func(_, round int) {
				p := <-values
				p.words[0]++
				busy(p.words[round%24] & 63)
				q := <-pointers
				q.to.change(round)
				q.label = ""
				*q = parcel{}
			})
		}
	}
	parts["semaphore"] = func() {
		// A channel of one place is a lock; one of none hands over and back.
		lock, there, back := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
		a, b := &account{}, &account{}
		workers(3, func(_, round int) {
			lock <- struct{}{}
			a.change(round)
			<-lock
		})
		workers(1, func(_, round int) { b.change(round); there <- struct{}{}; <-back })
		workers(1, func(_, round int) { <-there; b.change(round); back <- struct{}{} })
	}
	parts["select"] = func() {
		one, two := make(chan *account), make(chan *account, 2)
		workers(2, func(_, round int) {
			a := &account{}
			a.change(round)
			select {
			case one <- a:
			case two <- a:
			}
		})
		workers(2, func(_, round int) {
			select {
			case a := <-one:
				a.change(round)
			case a := <-two:
				a.change(round)
			case <-time.After(time.Millisecond):
			}
		})
	}
	parts["forkjoin"] = func() {
		workers(2, func(_, round int) {
			var group sync.WaitGroup
			sums := make([]int, 8)
			total, err := 0, error(nil)
			for i := range sums {
				group.Add(1)
				go func(i int) {
					defer group.Done()
					sums[i] += busy(round % 50)
				}(i)
			}
			group.Wait()
			for _, sum := range sums {
				total += sum
			}
			done := make(chan struct{})
			go func() { defer close(done); err = context.Canceled; total++ }()
			<-done
			if err != nil {
				total++
			}
			busy(total & 31)
		})
	}
	parts["arguments"] = func() {
		// What a goroutine is given is copied before it runs; what it captures was written before.
		workers(2, func(_, round int) {
			p := parcel{label: "x"}
			p.words[3] = round
			back := make(chan int)
			go func(p parcel, n *parcel) { back <- p.words[3] + len(n.label) }(p, &parcel{label: p.label})
			count := round
			go func() { count++; back <- count }()
			busy((<-back + <-back) & 31)
			count++
		})
	}
	parts["timers"] = func() {
		workers(2, func(_, round int) {
			a := &account{}
			a.change(round)
			fired := make(chan struct{})
			time.AfterFunc(50*time.Microsecond, func() { a.change(round); close(fired) })
			<-fired
			a.change(round)
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Microsecond)
			go func() { <-ctx.Done(); a.change(round); cancel() }()
			<-ctx.Done()
			timer := time.NewTimer(time.Hour)
			timer.Reset(time.Microsecond)
			<-timer.C
			ticker := time.NewTicker(50 * time.Microsecond)
			<-ticker.C
			ticker.Stop()
		})
	}
	parts["signals"] = func() {
		arrived := make(chan os.Signal, 1)
		signal.Notify(arrived, syscall.SIGUSR1)
		a := &account{}
		workers(1, func(_, round int) {
			a.change(round)
			if syscall.Kill(os.Getpid(), syscall.SIGUSR1) == nil {
				<-arrived
			}
			a.change(round)
		})
	}
}
