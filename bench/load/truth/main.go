// truth is the simplest honest client: one goroutine a request, started when the request is due
// whether or not earlier ones are back, and waited for. Latency counts from when it was due.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	url := flag.String("url", "", "where to send to")
	rate := flag.Float64("rate", 1000, "requests a second")
	length := flag.Duration("for", 30*time.Second, "how long")
	flag.Parse()
	client := http.Client{Transport: &http.Transport{MaxIdleConns: 20000, MaxIdleConnsPerHost: 20000}}
	took := make([]time.Duration, int(*rate*length.Seconds()))
	var errors atomic.Int64
	var wait sync.WaitGroup
	start := time.Now()
	for i := range took {
		due := start.Add(time.Duration(float64(i) / *rate * 1e9))
		time.Sleep(time.Until(due))
		wait.Add(1)
		go func() {
			defer wait.Done()
			response, err := client.Get(*url)
			if err == nil {
				_, err = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			if err != nil {
				errors.Add(1)
			}
			took[i] = time.Since(due)
		}()
	}
	wait.Wait()
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1e3 }
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": len(took), "errors": errors.Load(),
		"p50": at(.5), "p90": at(.9), "p99": at(.99), "p999": at(.999), "max": at(1),
	})
}
