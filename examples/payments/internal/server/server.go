// Package server puts the parts together: which path is answered by what, and what they share.
package server

import (
	"io"
	"net/http"

	"example.com/payments/internal/cache"
	"example.com/payments/internal/canary"
	"example.com/payments/internal/config"
	"example.com/payments/internal/gateway"
	"example.com/payments/internal/payment"
	"example.com/payments/internal/receipt"
	"example.com/payments/internal/settlement"
)

// Service is the whole of it: what answers requests, and the background job for main to run.
type Service struct {
	Handler    http.Handler
	Settlement *settlement.Worker
}

// New builds the service. Note what all three parts share: the one cache.
func New(settings config.Settings) Service {
	responses := cache.New()
	worker := settlement.NewWorker(responses, settings.SettleAfter, settings.CacheTTL)

	provider := gateway.Gateway{Min: settings.GatewayMin, Max: settings.GatewayMax, FailureRate: settings.GatewayFailureRate}

	mux := http.NewServeMux()
	mux.Handle("/process-payment", &payment.Handler{Cache: responses, Gateway: provider, Settler: worker})
	mux.Handle("/receipt", receipt.NewHandler(responses, provider))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	return Service{Handler: canary.Watch(mux), Settlement: worker}
}
