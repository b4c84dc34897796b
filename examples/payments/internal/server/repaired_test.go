//go:build repaired || crowded

package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/payments/internal/config"
)

// What a customer does in production and no test did: several things at once. Under -race the racy
// build fails this within milliseconds, so it is there with the repair only.
func TestManyCustomersAtOnce(t *testing.T) {
	settings := config.Default()
	settings.GatewayMin, settings.GatewayMax, settings.GatewayFailureRate = 0, 2*time.Millisecond, 0
	settings.SettleAfter, settings.CacheTTL = time.Millisecond, 10*time.Millisecond
	service := New(settings)
	server := httptest.NewServer(service.Handler)
	defer server.Close()

	ctx, stop := context.WithCancel(context.Background())
	var worker, customers sync.WaitGroup
	worker.Add(1)
	go func() {
		defer worker.Done()
		service.Settlement.Run(ctx)
	}()
	for customer := 0; customer < 20; customer++ {
		customers.Add(1)
		go func(name string) {
			defer customers.Done()
			for amount := 1; amount <= 20; amount++ {
				payAndReadReceipt(t, server.URL, name, amount)
			}
		}(fmt.Sprintf("customer-%d", customer))
	}
	customers.Wait()
	stop()
	worker.Wait()
}

func payAndReadReceipt(t *testing.T, url, name string, amount int) {
	body := fmt.Sprintf(`{"user_id":%q,"amount":%d}`, name, amount)
	response, err := http.Post(url+"/process-payment", "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	response.Body.Close()
	response, err = http.Get(fmt.Sprintf("%s/receipt?user_id=%s&amount=%d", url, name, amount))
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	var receipt struct {
		UserID string `json:"user_id"`
	}
	if err := json.NewDecoder(response.Body).Decode(&receipt); err != nil || receipt.UserID != name {
		t.Errorf("%s got the receipt of %q, %v", name, receipt.UserID, err)
	}
}
