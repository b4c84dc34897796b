// Package config turns environment variables into settings.
package config

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// Settings are everything that can be set from outside.
type Settings struct {
	Addr string // host:port to listen on

	GatewayMin         time.Duration // the quickest answer of the payment gateway
	GatewayMax         time.Duration // and the slowest
	GatewayFailureRate float64       // share of payments that the gateway fails, 0 to 1

	SettleAfter time.Duration // age at which a payment is settled
	CacheTTL    time.Duration // age at which an answer is forgotten
}

// Default is what the service does when nothing is set.
func Default() Settings {
	return Settings{
		Addr:               "127.0.0.1:8080",
		GatewayMin:         100 * time.Millisecond,
		GatewayMax:         300 * time.Millisecond,
		GatewayFailureRate: 0.005,
		SettleAfter:        500 * time.Millisecond,
		CacheTTL:           30 * time.Second,
	}
}

// FromEnvironment reads ADDR (or PORT alone), GATEWAY_MIN, GATEWAY_MAX, GATEWAY_FAILURE_RATE,
// SETTLE_AFTER and CACHE_TTL through getenv, which is os.Getenv outside tests.
func FromEnvironment(getenv func(string) string) (Settings, error) {
	settings := Default()

	if port := getenv("PORT"); port != "" {
		settings.Addr = net.JoinHostPort("127.0.0.1", port)
	}
	if addr := getenv("ADDR"); addr != "" {
		settings.Addr = addr
	}
	durations := []struct {
		name string
		into *time.Duration
	}{
		{"GATEWAY_MIN", &settings.GatewayMin},
		{"GATEWAY_MAX", &settings.GatewayMax},
		{"SETTLE_AFTER", &settings.SettleAfter},
		{"CACHE_TTL", &settings.CacheTTL},
	}
	for _, duration := range durations {
		if err := readDuration(getenv, duration.name, duration.into); err != nil {
			return Settings{}, err
		}
	}
	if text := getenv("GATEWAY_FAILURE_RATE"); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || !(rate >= 0 && rate <= 1) {
			return Settings{}, fmt.Errorf("GATEWAY_FAILURE_RATE is %q, not a share between 0 and 1", text)
		}
		settings.GatewayFailureRate = rate
	}
	if settings.GatewayMin > settings.GatewayMax {
		return Settings{}, fmt.Errorf("GATEWAY_MIN (%v) is more than GATEWAY_MAX (%v)", settings.GatewayMin, settings.GatewayMax)
	}
	return settings, nil
}

func readDuration(getenv func(string) string, name string, into *time.Duration) error {
	text := getenv(name)
	if text == "" {
		return nil
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration < 0 {
		return fmt.Errorf("%s is %q, not a duration such as 150ms", name, text)
	}
	*into = duration
	return nil
}
