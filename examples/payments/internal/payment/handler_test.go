package payment

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/payments/internal/cache"
	"example.com/payments/internal/gateway"
)

// Good tests, as such tests go: every answer of the handler is covered, and `go test -race` is happy,
// because one request follows the other. The race needs two at once.

// instantGateway charges at once, and counts.
type instantGateway struct {
	charges int
	err     error
}

func (g *instantGateway) Charge(context.Context, string, int64) (string, error) {
	g.charges++
	return "pay_1", g.err
}

// forgetful settles nothing.
type forgetful struct{}

func (forgetful) Enqueue(cache.Key, time.Time) {}

func newHandler(charger Charger) *Handler {
	return &Handler{Cache: cache.New(), Gateway: charger, Settler: forgetful{}}
}

func send(h *Handler, method, body string, header ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, "/process-payment", strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder
}

func TestAPaymentIsChargedAndAnswered(t *testing.T) {
	response := send(newHandler(&instantGateway{}), "POST", `{"user_id":"ann","amount":12.5}`)
	var got answer
	if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := answer{PaymentID: "pay_1", UserID: "ann", Amount: 12.5, Status: cache.Charged}
	if response.Code != http.StatusOK || got != want {
		t.Fatalf("%d %+v", response.Code, got)
	}
}

func TestThePaymentSentTwiceIsChargedOnce(t *testing.T) {
	charger := &instantGateway{}
	handler := newHandler(charger)
	send(handler, "POST", `{"user_id":"ann","amount":12.5}`)
	again := send(handler, "POST", `{"user_id":"ann","amount":12.50}`)
	if charger.charges != 1 || !strings.Contains(again.Body.String(), `"repeated":true`) {
		t.Fatalf("%d charges, %s", charger.charges, again.Body)
	}
	send(handler, "POST", `{"user_id":"bob","amount":12.5}`)
	send(handler, "POST", `{"user_id":"ann","amount":13}`)
	if charger.charges != 3 {
		t.Fatalf("%d charges", charger.charges)
	}
}

func TestAnIdempotencyKeyDecidesWhatIsTheSame(t *testing.T) {
	charger := &instantGateway{}
	handler := newHandler(charger)
	for _, key := range []string{"one", "two", "one"} {
		send(handler, "POST", `{"user_id":"ann","amount":5}`, "Idempotency-Key", key)
	}
	if charger.charges != 2 {
		t.Fatalf("%d charges", charger.charges)
	}
}

func TestOnlyPostIsAnswered(t *testing.T) {
	response := send(newHandler(&instantGateway{}), "GET", "")
	if response.Code != http.StatusMethodNotAllowed || response.Header().Get("Allow") != "POST" {
		t.Fatalf("%d %v", response.Code, response.Header())
	}
}

func TestBadInputIsRefusedBeforeItCosts(t *testing.T) {
	charger := &instantGateway{}
	for _, body := range []string{
		``, `nonsense`, `[]`, `{}`,
		`{"user_id":"ann"}`, `{"amount":5}`,
		`{"user_id":"","amount":5}`, `{"user_id":{},"amount":5}`, `{"user_id":1.5,"amount":5}`,
		`{"user_id":"ann","amount":0}`, `{"user_id":"ann","amount":-1}`, `{"user_id":"ann","amount":0.001}`,
		`{"user_id":"ann","amount":1e9}`, `{"user_id":"ann","amount":"five"}`,
	} {
		if response := send(newHandler(charger), "POST", body); response.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", body, response.Code)
		}
	}
	if charger.charges != 0 {
		t.Errorf("%d charges", charger.charges)
	}
}

func TestAUserMayBeANumber(t *testing.T) {
	response := send(newHandler(&instantGateway{}), "POST", `{"user_id":17,"amount":5}`)
	if response.Code != http.StatusOK || !strings.Contains(response.Body.String(), `"user_id":"17"`) {
		t.Fatalf("%d %s", response.Code, response.Body)
	}
}

func TestAFailedChargeIsNotRemembered(t *testing.T) {
	charger := &instantGateway{err: gateway.ErrUnavailable}
	handler := newHandler(charger)
	if response := send(handler, "POST", `{"user_id":"ann","amount":5}`); response.Code != http.StatusBadGateway {
		t.Fatalf("%d", response.Code)
	}
	charger.err = nil
	if response := send(handler, "POST", `{"user_id":"ann","amount":5}`); response.Code != http.StatusOK {
		t.Fatalf("%d", response.Code)
	}
}
