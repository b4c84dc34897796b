//go:build repaired

package receipt

import "bytes"

// bufferSource gives every receipt a buffer of its own.
type bufferSource struct{}

func newBufferSource() bufferSource {
	return bufferSource{}
}

func (bufferSource) take() *bytes.Buffer {
	return new(bytes.Buffer)
}
