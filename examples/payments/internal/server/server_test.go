package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/payments/internal/config"
)

// start serves over a real socket, with a gateway that answers at once.
func start(t *testing.T) *httptest.Server {
	t.Helper()
	settings := config.Default()
	settings.GatewayMin, settings.GatewayMax, settings.GatewayFailureRate = 0, 0, 0
	server := httptest.NewServer(New(settings).Handler)
	t.Cleanup(server.Close)
	return server
}

func read(t *testing.T, response *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestAPaymentAndItsReceipt(t *testing.T) {
	server := start(t)
	response, err := http.Post(server.URL+"/process-payment", "application/json", strings.NewReader(`{"user_id":"ann","amount":12.5}`))
	if code, body := read(t, response, err); code != http.StatusOK || !strings.Contains(body, `"status":"charged"`) {
		t.Fatalf("%d %s", code, body)
	}
	response, err = http.Get(server.URL + "/receipt?user_id=ann&amount=12.5")
	if code, body := read(t, response, err); code != http.StatusOK || !strings.Contains(body, `"payment_id":"pay_`) {
		t.Fatalf("%d %s", code, body)
	}
}

func TestHealthz(t *testing.T) {
	response, err := http.Get(start(t).URL + "/healthz")
	if code, body := read(t, response, err); code != http.StatusOK || body != "ok\n" {
		t.Fatalf("%d %q", code, body)
	}
}

func TestAFailingGatewayIsABadGateway(t *testing.T) {
	settings := config.Default()
	settings.GatewayMin, settings.GatewayMax, settings.GatewayFailureRate = 0, 0, 1
	server := httptest.NewServer(New(settings).Handler)
	defer server.Close()
	response, err := http.Post(server.URL+"/process-payment", "application/json", strings.NewReader(`{"user_id":"ann","amount":12.5}`))
	if code, _ := read(t, response, err); code != http.StatusBadGateway {
		t.Fatalf("%d", code)
	}
}
