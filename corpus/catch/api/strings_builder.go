package api

import (
	"strings"

	"example.org/catch/drive"
)

// A log line is put together in a builder that all handlers share.
type lines struct{ text strings.Builder }

func (l *lines) write(path string, status int) {
	l.text.WriteString(path)
	l.text.WriteByte(' ')
	l.text.WriteByte(byte('0' + status/100))
	if l.text.Len() > 4096 {
		drive.Busy(l.text.Len() & 63)
		l.text.Reset()
	}
}

func init() {
	register("api-strings-builder", "strings.Builder", 3, 800, func() func(int, int) {
		l := &lines{}
		return func(_, round int) { l.write("/payments", 200+round%4*100) }
	})
}
