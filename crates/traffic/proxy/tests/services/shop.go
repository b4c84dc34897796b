// A shop: answers with its name, its own process and what it was sent.
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
	address := "127.0.0.1:0"
	if len(os.Args) > 2 {
		address = os.Args[2]
	}
	listener, err := net.Listen("tcp", address)
	for tries := 0; err != nil && tries < 100; tries++ {
		time.Sleep(5 * time.Millisecond)
		listener, err = net.Listen("tcp", address)
	}
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		fmt.Fprintf(w, "slow answer of %s", os.Args[1])
	})
	http.HandleFunc("/halves", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "one half, ")
		w.(http.Flusher).Flush()
		time.Sleep(10 * time.Millisecond)
		fmt.Fprint(w, "the other")
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-From", os.Args[1])
		w.Write(body)
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	fmt.Println("listening on", listener.Addr())
	panic((&http.Server{Protocols: protocols}).Serve(listener))
}
