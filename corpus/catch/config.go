package main

import (
	"sync/atomic"
	"time"

	"example.org/catch/drive"
)

// The configuration of a service, replaced while requests read it.
type settings struct {
	name    string
	timeout time.Duration
	weights []int
}

var (
	current  *settings
	currentA atomic.Pointer[settings]
	read     atomic.Int64
)

func fresh(round int) *settings {
	return &settings{name: "payments", timeout: time.Duration(round), weights: make([]int, 8)}
}

//go:noinline
func useRacy() int { return len(current.name) + int(current.timeout) }

//go:noinline
func replaceRacy(round int) { current = fresh(round) }

func init() {
	current = fresh(0)
	currentA.Store(current)
	drive.Patterns["config"] = drive.Pattern{
		Kind: "configuration reload",
		Racy: func() {
			workers(3, func(worker, round int) {
				if worker > 0 {
					read.Add(int64(useRacy()))
				} else if round%8 == 0 {
					replaceRacy(round)
				}
			})
		},
		Repaired: func() {
			workers(3, func(worker, round int) {
				if worker > 0 {
					s := currentA.Load()
					read.Add(int64(len(s.name) + int(s.timeout)))
				} else if round%8 == 0 {
					currentA.Store(fresh(round))
				}
			})
		},
	}
}
