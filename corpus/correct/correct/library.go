package main

// What the standard library orders for its callers, and the caches it fills at first use.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"expvar"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"math/rand"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"
	"text/template"
	"time"
)

// together runs f in n goroutines and waits for them.
func together(n int, f func(g int)) {
	var wg sync.WaitGroup
	for g := 0; g < n; g++ {
		g := g
		wg.Add(1)
		go func() { defer wg.Done(); f(g) }()
	}
	wg.Wait()
}

var _ = add("context", func() {
	ctx, cancel := context.WithCancelCause(context.Background())
	why := ""
	go func() { why = "because"; cancel(io.EOF) }()
	later()
	if ctx.Err() != nil {
		_ = why + "!"
	}
	<-ctx.Done()
	if why != "because" || !errors.Is(context.Cause(ctx), io.EOF) {
		panic("context")
	}
	child, stop := context.WithTimeout(context.WithValue(ctx, "k", &why), time.Minute)
	defer stop()
	ran := make(chan int, 1)
	context.AfterFunc(child, func() { ran <- len(why) })
	<-ran
})

var _ = add("pipe", func() {
	r, w := io.Pipe()
	buf := []byte("hello\n")
	go func() { w.Write(buf); buf[0] = 'j'; w.Close() }()
	line, _ := bufio.NewReader(r).ReadString('\n')
	_ = strings.ToUpper(line)
})

var _ = add("timer", func() {
	value := 1
	done := make(chan struct{})
	timer := time.AfterFunc(time.Millisecond, func() { value++; close(done) })
	<-done
	timer.Stop()
	value++
	tick := time.NewTicker(time.Millisecond)
	<-tick.C
	tick.Stop()
})

var _ = add("http", func() {
	hits := map[string]int{}
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hits[r.URL.Path]++
		mu.Unlock()
		var v any
		json.NewDecoder(r.Body).Decode(&v)
		w.Header().Set("Content-Type", mime.TypeByExtension(".json"))
		json.NewEncoder(w).Encode(v)
	}))
	client := server.Client()
	together(8, func(int) {
		for i := 0; i < 10; i++ {
			body := strings.NewReader(`{"a":[1,2,{"b":null}]}`)
			response, err := client.Post(server.URL+"/x", "application/json", body)
			if err != nil {
				panic(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
	server.Close()
	if hits["/x"] != 80 {
		panic("http")
	}
})

var _ = add("http-tls", func() {
	server := httptest.NewUnstartedServer(http.FileServer(http.Dir(".")))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	together(4, func(int) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		request, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/nothing", nil)
		if response, err := client.Do(request); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
})

var _ = add("tcp", func() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	seen := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err == nil {
			b, _ := io.ReadAll(conn)
			seen = len(b)
			conn.Close()
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	fmt.Fprint(conn, "hello")
	conn.Close()
	<-done
	listener.Close()
	if seen != 5 {
		panic("tcp")
	}
})

var _ = add("log", func() {
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	plain := log.New(io.Discard, "", log.LstdFlags|log.Lshortfile)
	together(4, func(g int) {
		for i := 0; i < 50; i++ {
			logger.With("g", g).WithGroup("x").Info("m", "i", i, "err", io.EOF)
			plain.Println("m", g, i)
			slog.Default().Enabled(context.Background(), slog.LevelInfo)
		}
	})
})

// Types of their own for each cache, so that the first use is here.
type (
	deep struct {
		A int               `json:"a" xml:"a"`
		B map[string]*leaf  `json:"b" xml:"-"`
		C []leaf            `json:"c" xml:"c"`
		D *deep             `json:"d,omitempty" xml:"d"`
		E any               `json:"e" xml:"-"`
		F map[int][]float64 `json:"f" xml:"-"`
	}
	leaf struct{ X, Y string }
)

var _ = add("json", func() {
	in := deep{A: 1, B: map[string]*leaf{"k": {X: "x"}}, C: []leaf{{Y: "y"}}, D: &deep{A: 2}}
	together(8, func(int) {
		b, err := json.Marshal(in)
		if err != nil {
			panic(err)
		}
		var out deep
		if json.Unmarshal(b, &out) != nil || out.D.A != 2 {
			panic("json")
		}
		fields := map[string]json.RawMessage{}
		_ = json.Unmarshal(b, &fields)
	})
	go json.Marshal(struct{ Q leaf }{})
	later()
	json.Marshal(struct{ Q leaf }{})
})

var _ = add("xml-gob", func() {
	in := deep{A: 3, C: []leaf{{X: "x"}}}
	together(4, func(int) {
		b, err := xml.Marshal(in)
		if err != nil || xml.Unmarshal(b, &deep{}) != nil {
			panic("xml")
		}
		var buf bytes.Buffer
		if gob.NewEncoder(&buf).Encode(leaf{X: "1"}) != nil || gob.NewDecoder(&buf).Decode(&leaf{}) != nil {
			panic("gob")
		}
	})
})

var _ = add("reflect", func() {
	together(4, func(g int) {
		t := reflect.FuncOf([]reflect.Type{reflect.TypeOf(g)}, []reflect.Type{reflect.TypeOf("")}, false)
		f := reflect.MakeFunc(t, func([]reflect.Value) []reflect.Value {
			return []reflect.Value{reflect.ValueOf("made")}
		})
		_ = f.Call([]reflect.Value{reflect.ValueOf(1)})[0].String()
		_ = reflect.MapOf(reflect.TypeOf(g), reflect.SliceOf(t))
		_ = reflect.DeepEqual(map[int]leaf{1: {}}, map[int]leaf{1: {}})
		_ = reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeOf(g)}})
	})
})

var (
	pattern = regexp.MustCompile(`^(\w+)@(\w+)\.(com|org)$`)
	page    = template.Must(template.New("p").Parse(`{{range .}}{{.X | printf "%s!"}}{{end}}`))
)

var _ = add("regexp-template", func() {
	together(4, func(int) {
		for i := 0; i < 20; i++ {
			_ = pattern.FindStringSubmatch("somebody@example.org")
			if page.Execute(io.Discard, []leaf{{X: "a"}, {X: "b"}}) != nil {
				panic("template")
			}
		}
	})
})

var _ = add("group", func() { // in the manner of errgroup
	var (
		wg   sync.WaitGroup
		once sync.Once
		err  error
	)
	ctx, cancel := context.WithCancel(context.Background())
	limit := make(chan struct{}, 2)
	for g := 0; g < 6; g++ {
		g := g
		limit <- struct{}{}
		wg.Add(1)
		go func() {
			defer func() { <-limit; wg.Done() }()
			if g == 3 {
				once.Do(func() { err = io.EOF; cancel() })
			}
			_ = ctx.Err()
		}()
	}
	wg.Wait()
	cancel()
	if err != io.EOF {
		panic("group")
	}
})

var _ = add("finalizer", func() {
	done := make(chan int, 1)
	func() {
		v := &struct{ n [4]int }{}
		v.n[1] = 7
		runtime.SetFinalizer(v, func(v *struct{ n [4]int }) { done <- v.n[1] })
	}()
	for tries := 0; tries < 50; tries++ {
		runtime.GC()
		select {
		case n := <-done:
			if n != 7 {
				panic("finalizer")
			}
			return
		default:
			later()
		}
	}
})

var _ = add("exec", func() {
	var out bytes.Buffer
	command := exec.Command(os.Args[0], "list")
	command.Stdout = &out
	if command.Run() != nil || !strings.Contains(out.String(), "exec") {
		panic("exec")
	}
})

var counts = expvar.NewMap("counts")

var _ = add("small", func() {
	n := new(big.Int).Exp(big.NewInt(3), big.NewInt(200), nil)
	together(4, func(g int) {
		counts.Add("n", 1)
		_ = counts.String()
		_ = rand.Intn(10) + g
		_ = new(big.Int).Mul(n, n).String()
		_ = sha256.Sum256([]byte("x"))
		u, _ := url.Parse("http://h/p?q=1")
		_ = u.Query().Get("q")
		s := []string{"c", "a", "b"}
		sort.Strings(s)
		_, _ = time.LoadLocation("UTC")
		_ = fmt.Sprintf("%v %+v %T", s, leaf{}, u)
	})
})

func apply[T, U any](in []T, f func(T) U) <-chan U {
	out := make(chan U, len(in))
	var wg sync.WaitGroup
	for _, v := range in {
		v := v
		wg.Add(1)
		go func() { defer wg.Done(); out <- f(v) }()
	}
	go func() { wg.Wait(); close(out) }()
	return out
}

var _ = add("generics", func() {
	sum := 0
	for v := range apply([]int{1, 2, 3}, func(v int) *leaf { return &leaf{X: fmt.Sprint(v)} }) {
		sum += len(v.X)
	}
	if sum != 3 {
		panic("generics")
	}
})
