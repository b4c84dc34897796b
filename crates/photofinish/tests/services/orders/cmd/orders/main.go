// Command orders is a service that hunt's tests know the races of: a counter, a slice, and a pointer
// published without a lock. With `-tags repaired` it has none. It ends at once when told to by FAIL, and
// never answers when told to by SILENT. With -metrics it binds a second port. What /summary answers is broken
// now and then where BREAK is set, by builds with the tag racecanary.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	metrics := flag.String("metrics", "", "where to listen, too")
	flag.Parse()
	if reason := os.Getenv("FAIL"); reason != "" {
		log.Fatalf("orders: %s", reason)
	}
	if os.Getenv("SILENT") != "" {
		time.Sleep(time.Hour)
	}
	if *metrics != "" {
		if _, err := net.Listen("tcp", *metrics); err != nil {
			log.Fatalf("orders: %v", err)
		}
	}
	book := newBook()
	http.HandleFunc("/order", func(w http.ResponseWriter, r *http.Request) {
		book.place(r.FormValue("item"))
		fmt.Fprintln(w, book.count())
	})
	http.HandleFunc("/summary", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, summary(book.count()))
	})
	log.Fatal(http.ListenAndServe(*addr, nil))
}
