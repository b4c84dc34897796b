package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"regexp"
	"strings"
	"text/template"
	"time"
)

// order is encoded by reflection.
type order struct {
	ID    int               `json:"id"`
	Items []string          `json:"items"`
	Meta  map[string]string `json:"meta"`
	When  time.Time         `json:"when"`
}

type shape interface{ area() int }

type square struct{ side int }

type circle struct{ radius, pi int }

func (s square) area() int  { return s.side * s.side }
func (c *circle) area() int { return c.radius * c.pi }

func init() {
	parts["library"] = func() {
		// What the library says many may use at once.
		words := regexp.MustCompile(`(\w+)@(\w+)`)
		page := template.Must(template.New("page").Parse(`{{range .Items}}<{{.}}>{{end}} {{.ID}}`))
		logger := log.New(io.Discard, "order ", log.LstdFlags)
		workers(3, func(_, round int) {
			o := order{ID: rand.Intn(100), Items: []string{"a", "b"}, Meta: map[string]string{"k": "v"}, When: time.Now()}
			text, err := json.Marshal(o)
			if err != nil {
				panic(err)
			}
			var back order
			if err := json.Unmarshal(text, &back); err != nil {
				panic(err)
			}
			var out bytes.Buffer
			if err := page.Execute(&out, back); err != nil {
				panic(err)
			}
			logger.Printf("%v %+v %s", round, back.Items, words.FindString("ada@home"))
			busy(len(strings.Fields(fmt.Sprint(o, round))))
		})
	}
	parts["interfaces"] = func() {
		// Type switches and conversions keep caches that the runtime fills while they are read.
		workers(4, func(_, round int) {
			values := []any{square{round}, &circle{round, 3}, round, "text", order{ID: round}, &order{}}
			sum := 0
			for _, value := range values {
				switch v := value.(type) {
				case shape:
					sum += v.area()
				case fmt.Stringer:
					sum += len(v.String())
				case int:
					sum += v
				}
				if s, ok := value.(interface{ area() int }); ok {
					sum += s.area()
				}
			}
			busy(sum & 31)
		})
	}
	parts["http"] = func() {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var o order
			if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set("X-Order", fmt.Sprint(o.ID))
			json.NewEncoder(w).Encode(o)
		})
		go http.Serve(listener, handler)
		url := "http://" + listener.Addr().String()
		workers(3, func(_, round int) {
			body := strings.NewReader(fmt.Sprintf(`{"id": %d, "items": ["a"], "meta": {"x": "y"}}`, round))
			answer, err := http.Post(url, "application/json", body)
			if err != nil {
				panic(err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		})
	}
	parts["pipes"] = func() {
		reader, writer := io.Pipe()
		left, right := net.Pipe()
		workers(1, func(_, round int) { fmt.Fprintf(writer, "line %d\n", round) })
		workers(1, func(_, round int) { fmt.Fprintf(left, "line %d\n", round) })
		from := []*bufio.Reader{bufio.NewReader(reader), bufio.NewReader(right)}
		workers(2, func(worker, _ int) {
			if _, err := from[worker].ReadString('\n'); err != nil {
				panic(err)
			}
		})
	}
}
