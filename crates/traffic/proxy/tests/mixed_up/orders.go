// Orders whose handlers share one scratch value. Each access to it holds the lock, so no race
// detector has anything to say; both together do not, so one request's total lands in another's answer.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

type answer struct {
	ID      int      `json:"id"`
	Total   int      `json:"total"`
	Nonce   int64    `json:"nonce"`
	At      int64    `json:"at"`
	Related []string `json:"related"`
}

var (
	mu      sync.Mutex
	scratch answer
)

func order(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/orders/"))
	mu.Lock()
	scratch.ID, scratch.Total = id, 100*id
	mu.Unlock()
	if id%10 == 0 {
		time.Sleep(2 * time.Millisecond) // a slow look-up
	}
	mu.Lock()
	total := scratch.Total
	mu.Unlock()
	related := map[string]bool{"red": true, "green": true, "blue": true}
	told := answer{ID: id, Total: total, Nonce: rand.Int63(), At: time.Now().UnixMilli()}
	for name := range related {
		told.Related = append(told.Related, name)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(told)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/orders/", order)
	fmt.Println("listening on", listener.Addr())
	panic(http.Serve(listener, nil))
}
