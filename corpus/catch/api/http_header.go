package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"example.org/catch/drive"
)

// A proxy adds its headers to each request on loopback; the headers of the template are shared by all of them.
type forwarder struct {
	client   *http.Client
	url      string
	template http.Header
}

func (f *forwarder) headersRacy(id int) http.Header {
	f.template.Set("X-Request-Id", strconv.Itoa(id))
	return f.template
}

func (f *forwarder) headersRepaired(id int) http.Header {
	own := f.template.Clone()
	own.Set("X-Request-Id", strconv.Itoa(id))
	return own
}

func (f *forwarder) forward(headers http.Header) {
	request, err := http.NewRequest(http.MethodGet, f.url, nil)
	if err != nil {
		return
	}
	request.Header = headers
	response, err := f.client.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

func init() {
	run := func(headers func(*forwarder, int) http.Header) func() {
		return func() {
			var once sync.Once
			upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				once.Do(func() { drive.Busy(len(r.Header)) })
				_, _ = io.WriteString(w, r.Header.Get("X-Request-Id"))
			}))
			f := &forwarder{
				client:   &http.Client{Timeout: time.Second},
				url:      upstream.URL,
				template: http.Header{"X-Tenant": {"acme"}, "Accept": {"application/json"}},
			}
			drive.Clients(2, 40, func(client, round int) { f.forward(headers(f, client*1_000_000+round)) })
		}
	}
	drive.Patterns["api-http-header"] = drive.Pattern{
		Kind:     "API contract: http.Header",
		Racy:     run((*forwarder).headersRacy),
		Repaired: run((*forwarder).headersRepaired),
	}
}
