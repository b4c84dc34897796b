package api

import (
	"bytes"
	"encoding/json"

	"example.org/catch/drive"
)

// Events are streamed to a subscriber by one json.Encoder; it is safe by itself, but what it writes into is not.
type event struct {
	ID   int    `json:"id"`
	Kind string `json:"kind"`
}

type stream struct {
	buffer  bytes.Buffer
	encoder *json.Encoder
}

func (s *stream) publish(e event) {
	_ = s.encoder.Encode(e)
	if s.buffer.Len() > 1<<16 {
		s.buffer.Reset()
	}
}

func init() {
	kinds := []string{"paid", "refunded", "disputed"}
	register("api-json-encoder", "json.Encoder", 3, 600, func() func(int, int) {
		s := &stream{}
		s.encoder = json.NewEncoder(&s.buffer)
		return func(_, round int) {
			s.publish(event{ID: round, Kind: kinds[round%3]})
			drive.Busy(20)
		}
	})
}
