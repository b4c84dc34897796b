package channels

import "example.org/catch/drive"

// A parser sends each batch of events to the writer, and goes on filling the same array.
type batch struct {
	events [32]int
	n      int
}

func parseRacy(out chan<- *batch) func(int, int) {
	current := &batch{}
	return func(_, round int) {
		current.events[current.n] = round
		current.n++
		if current.n == len(current.events) {
			out <- current
			current.n = 0
		}
	}
}

func parseRepaired(out chan<- *batch) func(int, int) {
	current := &batch{}
	return func(_, round int) {
		current.events[current.n] = round
		current.n++
		if current.n == len(current.events) {
			out <- current
			current = &batch{}
		}
	}
}

func write(in <-chan *batch) {
	rounds := drive.Tally()
	for received := range in {
		sum := 0
		for _, event := range received.events[:received.n] {
			sum += event
			drive.Busy(20)
		}
		drive.Busy(sum & 255)
		rounds.Add(1)
	}
}

func init() {
	run := func(parse func(chan<- *batch) func(int, int)) func() {
		return func() {
			batches := make(chan *batch, 4)
			go write(batches)
			drive.Workers(1, parse(batches))
		}
	}
	drive.Patterns["channel-sent-and-kept"] = drive.Pattern{
		Kind: "channel: mixed with memory", Racy: run(parseRacy), Repaired: run(parseRepaired),
	}
}
