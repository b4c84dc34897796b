package globals

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"example.org/catch/drive"
)

// A handler that was one function became a struct, and the request's values its fields. There is one handler for all
// requests, so one customer may be greeted by another's name.
type greeter struct {
	user   string
	visits int
}

func (g *greeter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.user = r.URL.Query().Get("user")
	g.visits++
	g.greet(w)
}

func (g *greeter) greet(w io.Writer) {
	drive.Busy(500)
	fmt.Fprintf(w, "hello %s, visit %d", g.user, g.visits)
}

// A handler of its own for each request.
func greetEach(w http.ResponseWriter, r *http.Request) {
	(&greeter{user: r.URL.Query().Get("user"), visits: 1}).greet(w)
}

func init() {
	run := func(handler func() http.Handler) func() {
		return func() {
			server := httptest.NewServer(handler())
			client := &http.Client{Timeout: time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
			users := []string{"ann", "bob", "carol"}
			drive.Clients(4, 250, func(_, round int) {
				response, err := client.Get(server.URL + "/?user=" + users[round%3])
				if err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			})
		}
	}
	drive.Patterns["global-handler-fields"] = drive.Pattern{
		Kind:     "shared global: handler's fields",
		Racy:     run(func() http.Handler { return &greeter{} }),
		Repaired: run(func() http.Handler { return http.HandlerFunc(greetEach) }),
	}
}
