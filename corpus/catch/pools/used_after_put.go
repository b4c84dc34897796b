package pools

import "example.org/catch/drive"

// A connection is given back, and then its statistics are updated by the one who had it.
type database struct{ idle chan *session }

type session struct {
	queries int
	buffer  [128]byte
	broken  bool
}

func (d *database) queryRacy(n int) int {
	s := <-d.idle
	s.buffer[n%128] = byte(n)
	drive.Busy(100)
	d.idle <- s
	s.queries++
	return s.queries
}

func (d *database) queryRepaired(n int) int {
	s := <-d.idle
	s.buffer[n%128] = byte(n)
	drive.Busy(100)
	s.queries++
	queries := s.queries
	d.idle <- s
	return queries
}

func init() {
	run := func(query func(*database, int) int) func() {
		return func() {
			d := &database{idle: make(chan *session, 2)}
			d.idle <- &session{}
			d.idle <- &session{}
			drive.Clients(4, 2000, func(_, round int) { drive.Busy(query(d, round) & 63) })
		}
	}
	drive.Patterns["pool-used-after-put"] = drive.Pattern{
		Kind: "connection pool", Racy: run((*database).queryRacy), Repaired: run((*database).queryRepaired),
	}
}
