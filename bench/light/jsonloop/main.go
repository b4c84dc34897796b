// Command jsonloop answers JSON requests from memory.
package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"example.com/bench/meter"
)

type order struct {
	User  string   `json:"user"`
	Items []item   `json:"items"`
	Notes []string `json:"notes,omitempty"`
}

type item struct {
	SKU      string  `json:"sku"`
	Quantity int     `json:"quantity"`
	Price    float64 `json:"price"`
}

type receipt struct {
	User  string         `json:"user"`
	Total float64        `json:"total"`
	Lines map[string]int `json:"lines"`
}

type shop struct {
	mu    sync.Mutex
	sold  map[string]int
	limit int
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := receipt{User: o.User, Lines: map[string]int{}}
	for _, it := range o.Items {
		if it.Quantity > s.limit {
			http.Error(w, "too many", http.StatusUnprocessableEntity)
			return
		}
		out.Total += it.Price * float64(it.Quantity)
		out.Lines[it.SKU] += it.Quantity
	}
	s.mu.Lock()
	for sku, n := range out.Lines {
		s.sold[sku] += n
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

const body = `{"user":"u-1942","items":[{"sku":"a-1","quantity":2,"price":9.5},` +
	`{"sku":"b-7","quantity":1,"price":120},{"sku":"c-3","quantity":5,"price":0.75}],"notes":["door","bell"]}`

func main() {
	s := &shop{sold: map[string]int{}, limit: 100}
	meter.Run(func() {
		var wg sync.WaitGroup
		for g := 0; g < 8; g++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; i < 6000; i++ {
					w := httptest.NewRecorder()
					s.ServeHTTP(w, httptest.NewRequest("POST", "/orders", strings.NewReader(body)))
					if w.Code != http.StatusOK {
						panic(w.Body.String())
					}
				}
			}()
		}
		wg.Wait()
	})
}
