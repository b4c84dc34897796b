// A service that says who it is, may take its time, and with a second argument says something else now and then.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

func main() {
	name := os.Args[1]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	lies := len(os.Args) > 2
	var answers atomic.Int64
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("got %s %s %q mark=%q auth=%q\n", r.Method, r.URL, body, r.Header.Get("X-Photofinish-Mirror"), r.Header.Get("Authorization"))
		if wait, err := time.ParseDuration(r.URL.Query().Get("wait")); err == nil {
			time.Sleep(wait)
		}
		if lies && answers.Add(1)%50 == 0 {
			fmt.Fprint(w, "something else")
			return
		}
		fmt.Fprintf(w, "%s answers %s", name, r.URL.Path)
	})
	fmt.Printf("serving %s\n", listener.Addr())
	panic(http.Serve(listener, nil))
}
