// Speaks HTTP/1.1, HTTP/2 in plain text, WebSocket (well enough) and gRPC's framing.
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	// Echoes as it comes, in both directions at once; its status comes in a trailer.
	http.HandleFunc("/grpc/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("X-Proto", r.Proto)
		w.Header().Set("X-Te", r.Header.Get("Te"))
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		buffer := make([]byte, 65536)
		for {
			n, err := r.Body.Read(buffer)
			w.Write(buffer[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				break
			}
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"X-Sum", r.Trailer.Get("X-Sum"))
	})
	http.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("waiting")
		<-r.Context().Done()
		fmt.Println("let go")
	})
	http.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for n := 0; n < 3; n++ {
			fmt.Fprintf(w, "data: %d\n\n", n)
			w.(http.Flusher).Flush()
			time.Sleep(300 * time.Millisecond)
		}
	})
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		connection, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		n, _ := io.Copy(connection, buffered)
		fmt.Fprintf(connection, "<%d bytes>", n)
		connection.Close()
	})
	http.HandleFunc("/flood", func(w http.ResponseWriter, r *http.Request) {
		connection, _, _ := w.(http.Hijacker).Hijack()
		io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		some := make([]byte, 1<<20)
		for n := 0; n < 100; n++ {
			connection.Write(some)
		}
		connection.Close()
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Proto", r.Proto)
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("X-Scheme", r.Header.Get("X-Forwarded-Proto"))
		w.Write(body)
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	fmt.Println("listening on", listener.Addr())
	fmt.Fprintln(os.Stderr, (&http.Server{Protocols: protocols}).Serve(listener))
}
