// Command upstream is what the proxies of this benchmark send to: the service, and shadows well and ill.
//
//	upstream NAME KIND
//
// It prints the address it serves. KIND is what becomes of a request whose body was read:
//
//	echo     it is answered with its body
//	hang     the same, after 10 s
//	reset    its connection is reset
//	slow     an answer that comes one byte a second
//	garbage  bytes that are no HTTP, and the end of the connection
//
// GET /__requests says how many there were so far, without counting itself.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// How long a hanging shadow waits before it answers.
const hang = 10 * time.Second

var kinds = map[string]func(w http.ResponseWriter, r *http.Request, body []byte){
	"echo":    echo,
	"hang":    answerLate,
	"reset":   reset,
	"slow":    drip,
	"garbage": garbage,
}

func main() {
	if len(os.Args) != 3 || kinds[os.Args[2]] == nil {
		log.Fatal("upstream NAME echo|hang|reset|slow|garbage")
	}
	name, answer := os.Args[1], kinds[os.Args[2]]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	var requests atomic.Int64
	http.HandleFunc("/__requests", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, requests.Load())
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if body, err := read(r); err == nil {
			w.Header().Set("X-Variant", name)
			answer(w, r, body)
		}
	})
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

// read takes one allocation where the length is known, so that little of the machine is spent here.
func read(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

func echo(w http.ResponseWriter, _ *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func answerLate(w http.ResponseWriter, r *http.Request, body []byte) {
	select {
	case <-time.After(hang):
		echo(w, r, body)
	case <-r.Context().Done():
	}
}

func reset(w http.ResponseWriter, _ *http.Request, _ []byte) {
	if conn, ok := taken(w); ok {
		conn.SetLinger(0)
		conn.Close()
	}
}

func drip(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	out := http.NewResponseController(w)
	for at := range body {
		if _, err := w.Write(body[at : at+1]); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		}
	}
}

func garbage(w http.ResponseWriter, _ *http.Request, body []byte) {
	if conn, ok := taken(w); ok {
		for at := range body {
			body[at] = byte(at*7 + 128)
		}
		conn.Write(body)
		conn.Close()
	}
}

// taken is the connection below an answer.
func taken(w http.ResponseWriter) (*net.TCPConn, bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, false
	}
	tcp, ok := conn.(*net.TCPConn)
	return tcp, ok
}
