package kernels

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// CockroachDB, a transaction's heartbeat: the loop copies the transaction's record, while the client goes on updating
// the same record with what its batches returned.
type record struct {
	id        [2]uint64
	epoch     int32
	sequence  int32
	timestamp int64
	status    int8
}

type coordinator struct {
	mu  sync.Mutex
	txn record
}

func (c *coordinator) batchRacy(n int) {
	c.txn.sequence++
	c.txn.timestamp = int64(n)
	if n%50 == 0 {
		c.txn.epoch++
	}
}

func (c *coordinator) batchLocked(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batchRacy(n)
}

func (c *coordinator) heartbeat() int64 {
	c.mu.Lock()
	beat := c.txn
	c.mu.Unlock()
	return beat.timestamp + int64(beat.epoch) + int64(beat.id[0])
}

func init() {
	run := func(batch func(*coordinator, int)) func() {
		return func() {
			c := &coordinator{}
			drive.Clients(1, 900, func(_, round int) { batch(c, round) })
			drive.Every(125*time.Millisecond, func(int) { drive.Busy(int(c.heartbeat() & 63)) })
		}
	}
	drive.Patterns["kernel-cockroach-heartbeat"] = drive.Pattern{
		Kind: "kernel: cockroach", Racy: run((*coordinator).batchRacy), Repaired: run((*coordinator).batchLocked),
	}
}
