package order

import "example.org/catch/drive"

// A consumer's constructor starts its goroutine before it has set the fields that goroutine uses.
type consumer struct {
	topic   string
	handler func(int) int
	offset  int
	done    chan struct{}
}

func (c *consumer) run() {
	if c.handler != nil {
		c.offset = c.handler(c.offset) & 63
	}
	drive.Busy(len(c.topic))
	close(c.done)
}

func newConsumerRacy(topic string) *consumer {
	c := &consumer{done: make(chan struct{})}
	go c.run()
	drive.Busy(300)
	c.topic = topic
	c.handler = drive.Busy
	return c
}

func newConsumerRepaired(topic string) *consumer {
	c := &consumer{done: make(chan struct{}), topic: topic, handler: drive.Busy}
	go c.run()
	drive.Busy(300)
	return c
}

func init() {
	run := func(construct func(string) *consumer) func() {
		return func() {
			drive.Clients(2, 3000, func(int, int) { <-construct("orders").done })
		}
	}
	drive.Patterns["order-goroutine-started-early"] = drive.Pattern{
		Kind: "order of statements", Racy: run(newConsumerRacy), Repaired: run(newConsumerRepaired),
	}
}
