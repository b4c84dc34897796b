// Command service NAME ADDRESS PAUSE is what stands behind the proxy in soaks.
//
// GET /item/N answers in two pieces, PAUSE apart, so that a kill finds answers half sent. PUT /item/N wants a
// body that says X-Word X-Count times, and refuses another: a body that was mixed up shows as an error.
// GET /shelf answers with a quarter of a megabyte.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type store struct {
	mu    sync.Mutex
	items map[string]string
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("service NAME ADDRESS PAUSE")
	}
	pause, err := time.ParseDuration(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	items := store{items: map[string]string{}}
	http.HandleFunc("GET /item/{n}", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(pause)
		fmt.Fprintf(w, "%s has %s: ", os.Args[1], items.get(r.PathValue("n")))
		if pause > 0 {
			http.NewResponseController(w).Flush()
			time.Sleep(pause)
		}
		io.WriteString(w, strings.Repeat("an item of the shelf ", 20))
	})
	http.HandleFunc("PUT /item/{n}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		word := r.Header.Get("X-Word")
		count, _ := strconv.Atoi(r.Header.Get("X-Count"))
		if err != nil || string(body) != strings.Repeat(word, count) {
			http.Error(w, "this is not the body that was sent", http.StatusUnprocessableEntity)
			return
		}
		time.Sleep(pause)
		items.put(r.PathValue("n"), word)
		fmt.Fprintln(w, os.Args[1], "keeps", len(body), "bytes")
	})
	shelf := strings.Repeat("an item of the shelf ", 12_000)
	http.HandleFunc("GET /shelf", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, shelf) })
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	log.Fatal(http.ListenAndServe(os.Args[2], nil))
}

func (s *store) get(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items[name]
}

func (s *store) put(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[name] = value
}
