// A service that says who it is, and may take its time.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	name := os.Args[1]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("got %s %s %q mark=%q auth=%q\n", r.Method, r.URL, body, r.Header.Get("X-Photofinish-Mirror"), r.Header.Get("Authorization"))
		if wait, err := time.ParseDuration(r.URL.Query().Get("wait")); err == nil {
			time.Sleep(wait)
		}
		fmt.Fprintf(w, "%s answers %s", name, r.URL.Path)
	})
	fmt.Printf("serving %s\n", listener.Addr())
	panic(http.Serve(listener, nil))
}
