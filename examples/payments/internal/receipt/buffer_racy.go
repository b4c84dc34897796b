//go:build !repaired

package receipt

import "bytes"

// bufferSize is far more than one receipt takes: the buffer never has to grow.
const bufferSize = 1 << 20

// bufferSource lends out the one buffer there is, which saves an allocation per receipt.
//
// It would be fine if receipts were rendered one after the other. As it is, the second of two requests
// at the same time empties the buffer under the first and writes into the middle of its receipt: a
// customer gets broken JSON, or a piece of somebody else's receipt. Nothing crashes, nothing is logged.
type bufferSource struct {
	shared *bytes.Buffer
}

func newBufferSource() bufferSource {
	return bufferSource{shared: bytes.NewBuffer(make([]byte, 0, bufferSize))}
}

func (s bufferSource) take() *bytes.Buffer {
	s.shared.Reset()
	return s.shared
}
