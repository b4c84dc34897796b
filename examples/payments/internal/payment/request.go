package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"example.com/payments/internal/cache"
)

const (
	maxBody   = 64 << 10  // bytes
	maxAmount = 1_000_000 // in whole units of the currency
)

// Request is a payment that somebody asks for.
type Request struct {
	UserID      string
	AmountCents int64
}

// ReadRequest reads {"user_id": "ann" or 17, "amount": 12.50}. Its errors are for the client to see.
func ReadRequest(body io.Reader) (Request, error) {
	var wire struct {
		UserID json.RawMessage `json:"user_id"`
		Amount *json.Number    `json:"amount"`
	}
	decoder := json.NewDecoder(io.LimitReader(body, maxBody))
	if err := decoder.Decode(&wire); err != nil {
		return Request{}, errors.New("the body is not a JSON object with user_id and amount")
	}
	userID, err := readUserID(wire.UserID)
	if err != nil {
		return Request{}, err
	}
	if wire.Amount == nil {
		return Request{}, errors.New("amount is missing")
	}
	amountCents, err := ParseAmount(wire.Amount.String())
	if err != nil {
		return Request{}, err
	}
	return Request{UserID: userID, AmountCents: amountCents}, nil
}

// ParseAmount turns "12.5" into 1250 cents.
func ParseAmount(text string) (int64, error) {
	amount, err := strconv.ParseFloat(text, 64)
	if err != nil || !(amount > 0 && amount <= maxAmount) {
		return 0, fmt.Errorf("amount is not a number above 0 and up to %d", maxAmount)
	}
	cents := int64(math.Round(amount * 100))
	if cents == 0 {
		return 0, errors.New("amount is less than a cent")
	}
	return cents, nil
}

// Key is the name under which the answer is remembered.
func (r Request) Key() cache.Key {
	return cache.Key(r.UserID + "/" + strconv.FormatInt(r.AmountCents, 10))
}

// readUserID takes a string, or a number as older clients send it.
func readUserID(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		text = strings.TrimSpace(text)
		if text == "" || len(text) > 100 {
			return "", errors.New("user_id is empty or longer than 100 bytes")
		}
		return text, nil
	}
	var number int64
	if json.Unmarshal(raw, &number) == nil {
		return strconv.FormatInt(number, 10), nil
	}
	return "", errors.New("user_id is missing, or neither a string nor a whole number")
}
