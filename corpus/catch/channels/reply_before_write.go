package channels

import (
	"time"

	"example.org/catch/drive"
)

// A ledger's goroutine answers each booking and then notes when it did; the caller, who has its answer, looks at the note.
type booking struct {
	cents  int
	booked int64
	reply  chan struct{}
}

func keepRacy(in <-chan *booking) {
	for b := range in {
		drive.Busy(b.cents & 63)
		b.reply <- struct{}{}
		b.booked = time.Now().UnixNano()
	}
}

func keepRepaired(in <-chan *booking) {
	for b := range in {
		drive.Busy(b.cents & 63)
		b.booked = time.Now().UnixNano()
		b.reply <- struct{}{}
	}
}

func init() {
	run := func(keep func(<-chan *booking)) func() {
		return func() {
			bookings := make(chan *booking)
			go keep(bookings)
			go keep(bookings)
			drive.Clients(3, 2000, func(_, round int) {
				b := &booking{cents: round, reply: make(chan struct{}, 1)}
				bookings <- b
				<-b.reply
				drive.Busy(int(b.booked & 63))
			})
		}
	}
	drive.Patterns["channel-reply-before-write"] = drive.Pattern{
		Kind: "channel: mixed with memory", Racy: run(keepRacy), Repaired: run(keepRepaired),
	}
}
