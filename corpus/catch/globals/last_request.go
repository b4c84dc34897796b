// Package globals has variables of the package that every goroutine uses.
package globals

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"example.org/catch/drive"
)

// A debugging aid that stayed: the last request's path and how many there were, in package variables, set by each
// handler of a server on loopback.
var (
	lastPath  string
	nRequests int
	lastMu    sync.Mutex
)

func noteRacy(r *http.Request) (string, int) {
	before := lastPath
	lastPath = r.URL.Path
	nRequests++
	return before, nRequests
}

func noteLocked(r *http.Request) (string, int) {
	lastMu.Lock()
	defer lastMu.Unlock()
	return noteRacy(r)
}

func serve(note func(*http.Request) (string, int)) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before, n := note(r)
		drive.Busy(200)
		fmt.Fprintf(w, "%d after %s", n, before)
	}))
	client := &http.Client{
		Timeout:   time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 8},
	}
	paths := []string{"/cart", "/checkout", "/status"}
	drive.Clients(4, 300, func(_, round int) {
		response, err := client.Get(server.URL + paths[round%3])
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	})
}

func init() {
	drive.Patterns["global-last-request"] = drive.Pattern{
		Kind:     "shared global",
		Racy:     func() { serve(noteRacy) },
		Repaired: func() { serve(noteLocked) },
	}
}
