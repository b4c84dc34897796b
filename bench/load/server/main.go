// server answers "hello", or with the body it was sent, and can stall as a whole.
//
// With -stall 1s -every 5s a request that arrives in the last second of a period of five is held
// until the period ends. So the latency of requests at a constant rate is known beforehand: one in
// five waits, evenly between 0 and 1 s: p90 500 ms, p99 950 ms, p99.9 995 ms.
//
// /__stats says how many requests there were; /__phase how long it is until the next period.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

func main() {
	stall := flag.Duration("stall", 0, "how long to stall (0: never)")
	every := flag.Duration("every", 5*time.Second, "how often")
	flag.Parse()
	start := time.Now()
	var requests atomic.Int64
	http.HandleFunc("/__stats", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"requests":%d}`, requests.Load())
	})
	http.HandleFunc("/__phase", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%.6f", (*every - time.Since(start)%*every).Seconds())
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if phase := time.Since(start) % *every; *stall > 0 && phase >= *every-*stall {
			time.Sleep(*every - phase)
		}
		if r.ContentLength != 0 {
			io.Copy(w, r.Body)
			return
		}
		io.WriteString(w, "hello\n")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, nil))
}
