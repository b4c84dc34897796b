package receipt

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/payments/internal/cache"
	"example.com/payments/internal/gateway"
)

// fixedFees answers at once.
type fixedFees struct{}

func (fixedFees) Fees(context.Context) (gateway.Fees, error) {
	return gateway.Fees{Processing: 14, Network: 3}, nil
}

// parsed is a receipt as a client reads it.
type parsed struct {
	UserID     string `json:"user_id"`
	PaymentID  string `json:"payment_id"`
	Status     string `json:"status"`
	Lines      []line `json:"lines"`
	TotalCents int64  `json:"total_cents"`
}

func get(handler *Handler, query string) (int, parsed, error) {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest("GET", "/receipt?"+query, nil))
	var receipt parsed
	if recorder.Code != http.StatusOK {
		return recorder.Code, receipt, nil
	}
	err := json.Unmarshal(recorder.Body.Bytes(), &receipt)
	return recorder.Code, receipt, err
}

func TestTheLinesAddUpToTheTotal(t *testing.T) {
	handler := NewHandler(cache.New(), fixedFees{})
	for _, amount := range []string{"0.01", "12.50", "999999.99"} {
		_, receipt, err := get(handler, "user_id=ann&amount="+amount)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, line := range receipt.Lines {
			sum += line.Cents
		}
		if sum != receipt.TotalCents || len(receipt.Lines) != 4 {
			t.Errorf("%s: %+v", amount, receipt)
		}
	}
}

func TestAReceiptSaysHowFarThePaymentIs(t *testing.T) {
	responses := cache.New()
	responses.Set("ann/1250", cache.Entry{PaymentID: "pay_1", Status: cache.Charged})
	handler := NewHandler(responses, fixedFees{})
	_, receipt, _ := get(handler, "user_id=ann&amount=12.5")
	if receipt.PaymentID != "pay_1" || receipt.Status != "charged" {
		t.Errorf("%+v", receipt)
	}
	_, receipt, _ = get(handler, "user_id=bob&amount=12.5")
	if receipt.PaymentID != "archived" || receipt.Status != "settled" {
		t.Errorf("%+v", receipt)
	}
}

// One after the other, and even a shared buffer serves everybody well.
func TestEveryCustomerGetsTheirOwnReceipt(t *testing.T) {
	handler := NewHandler(cache.New(), fixedFees{})
	for i := 1; i <= 100; i++ {
		user := fmt.Sprintf(`user "%d"`, i)
		_, receipt, err := get(handler, fmt.Sprintf("user_id=user+%%22%d%%22&amount=%d", i, i))
		if err != nil || receipt.UserID != user || receipt.TotalCents != int64(i)*100 {
			t.Fatalf("%s got %+v, %v", user, receipt, err)
		}
	}
}

func TestAWrongQuestionIsRefused(t *testing.T) {
	handler := NewHandler(cache.New(), fixedFees{})
	for _, query := range []string{"", "user_id=ann", "amount=5", "user_id=ann&amount=five"} {
		if code, _, _ := get(handler, query); code != http.StatusBadRequest {
			t.Errorf("%q: %d", query, code)
		}
	}
}
