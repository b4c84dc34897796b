//go:build racecanary

// Package canary, in the canary itself: every answer that claims to be JSON is checked.
package canary

import (
	"encoding/json"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
)

// loggedAtMost keeps a broken service from filling its log.
const loggedAtMost = 20

// Watch checks what handler answers, and logs what is not the JSON that it says it is.
//
// Good answers touch nothing that requests share, on purpose: a counter or a lock here would order the
// requests in the eyes of the race detector, and hide the races that the canary is there to show.
func Watch(handler http.Handler) http.Handler {
	var broken atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &recorder{ResponseWriter: w}
		handler.ServeHTTP(recorder, r)
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") || json.Valid(recorder.body) {
			return
		}
		if n := broken.Add(1); n <= loggedAtMost {
			log.Printf("canary: %s %s answered what is not JSON (%d so far): %.200q", r.Method, r.URL, n, recorder.body)
		}
	})
}

// recorder keeps a copy of the body on its way to the client.
type recorder struct {
	http.ResponseWriter
	body []byte
}

func (r *recorder) Write(piece []byte) (int, error) {
	r.body = append(r.body, piece...)
	return r.ResponseWriter.Write(piece)
}
