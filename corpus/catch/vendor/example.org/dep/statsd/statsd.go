// Package statsd collects counts and sends them in packets.
package statsd

// A Client collects; it is not safe for use by several goroutines.
type Client struct {
	packet  []byte
	counts  [8]int
	dropped int
}

// Count adds to a count; a packet that is full is dropped.
func (c *Client) Count(metric int, n int) {
	c.counts[metric%len(c.counts)] += n
	c.packet = append(c.packet, byte(metric))
	if len(c.packet) > 512 {
		c.packet = c.packet[:0]
		c.dropped++
	}
}

// Dropped is how many packets were.
func (c *Client) Dropped() int { return c.dropped }
