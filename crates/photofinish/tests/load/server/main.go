// server is what the tests of `photofinish load` send to. It prints its address, then serves
// until it is killed.
//
//	/            answers with the body it was sent, or "hello"
//	/status/503  answers with that status
//	/abort       closes the connection without an answer
//	/die         ends the process
//	/count       how many requests there were, and what they said, as JSON
//	/arrivals    when each of the first 10,000 arrived and ended, and most at one time, as JSON
//
// With ?sleep=50ms, /… answers after that time.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	stall = flag.Duration("stall", 0, "hold requests for this long")
	every = flag.Duration("every", time.Second, "once in this time")
	slow  = flag.Duration("slow", 0, "time of every answer")
	cert  = flag.String("cert", "", "serve TLS with this certificate")
	key   = flag.String("key", "", "and this key")
	idle  = flag.Duration("idle", 0, "close connections idle for this long")
)

type seen struct {
	sync.Mutex
	Requests int
	Proto    map[string]int
	Bodies   []string
	Paths    map[string]int
	Headers  map[string]int
	Conns    int
}

type arrival struct {
	Path, Host, Conn string
	// Microseconds since the server began.
	At, Ended int64
}

type log struct {
	sync.Mutex
	Arrivals          []*arrival
	Active, MaxActive int
}

// begin notes that r arrived, and end that its answer is ready.
func (l *log) begin(r *http.Request, start time.Time) (end func()) {
	l.Lock()
	defer l.Unlock()
	a := &arrival{Path: r.RequestURI, Host: r.Host, Conn: r.RemoteAddr, At: time.Since(start).Microseconds()}
	if len(l.Arrivals) < 10_000 {
		l.Arrivals = append(l.Arrivals, a)
	}
	l.Active++
	l.MaxActive = max(l.MaxActive, l.Active)
	return func() {
		l.Lock()
		defer l.Unlock()
		a.Ended = time.Since(start).Microseconds()
		l.Active--
	}
}

func main() {
	flag.Parse()
	start := time.Now()
	all := seen{Proto: map[string]int{}, Paths: map[string]int{}, Headers: map[string]int{}}
	var arrivals log
	mux := http.NewServeMux()
	mux.HandleFunc("/arrivals", func(w http.ResponseWriter, r *http.Request) {
		arrivals.Lock()
		defer arrivals.Unlock()
		json.NewEncoder(w).Encode(&arrivals)
	})
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		all.Lock()
		defer all.Unlock()
		json.NewEncoder(w).Encode(&all)
	})
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		defer arrivals.begin(r, start)()
		body, _ := io.ReadAll(r.Body)
		all.Lock()
		all.Requests++
		all.Proto[r.Proto]++
		all.Paths[r.Method+" "+r.URL.String()]++
		all.Headers[r.Header.Get("X-Test")]++
		if len(body) > 0 && len(all.Bodies) < 1000 {
			all.Bodies = append(all.Bodies, string(body))
		}
		all.Unlock()
		if phase := time.Since(start) % *every; *stall > 0 && phase >= *every-*stall {
			time.Sleep(*every - phase)
		}
		time.Sleep(*slow)
		if sleep, err := time.ParseDuration(r.URL.Query().Get("sleep")); err == nil {
			time.Sleep(sleep)
		}
		if code, ok := strings.CutPrefix(r.URL.Path, "/status/"); ok {
			status, _ := strconv.Atoi(code)
			w.WriteHeader(status)
			return
		}
		if len(body) == 0 {
			body = []byte("hello\n")
		}
		w.Write(body)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols, IdleTimeout: *idle,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				all.Lock()
				all.Conns++
				all.Unlock()
			}
		}}
	fmt.Println(listener.Addr())
	if *cert != "" {
		panic(server.ServeTLS(listener, *cert, *key))
	}
	panic(server.Serve(listener))
}
