package config

import (
	"testing"
	"time"
)

// from is an environment for FromEnvironment.
func from(environment map[string]string) (Settings, error) {
	return FromEnvironment(func(name string) string { return environment[name] })
}

func TestNothingSetGivesTheDefaults(t *testing.T) {
	settings, err := from(nil)
	if err != nil || settings != Default() {
		t.Fatalf("got %+v, %v", settings, err)
	}
}

func TestAddrWinsOverPort(t *testing.T) {
	settings, _ := from(map[string]string{"PORT": "9000"})
	if settings.Addr != "127.0.0.1:9000" {
		t.Fatalf("PORT alone gives %s", settings.Addr)
	}
	settings, _ = from(map[string]string{"PORT": "9000", "ADDR": ":7000"})
	if settings.Addr != ":7000" {
		t.Fatalf("both give %s", settings.Addr)
	}
}

func TestGatewayIsSetByTheEnvironment(t *testing.T) {
	settings, err := from(map[string]string{"GATEWAY_MIN": "1ms", "GATEWAY_MAX": "2ms", "GATEWAY_FAILURE_RATE": "0.25"})
	if err != nil || settings.GatewayMin != time.Millisecond || settings.GatewayMax != 2*time.Millisecond || settings.GatewayFailureRate != 0.25 {
		t.Fatalf("got %+v, %v", settings, err)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, environment := range []map[string]string{
		{"GATEWAY_MIN": "soon"},
		{"GATEWAY_MAX": "-1s"},
		{"GATEWAY_FAILURE_RATE": "2"},
		{"GATEWAY_FAILURE_RATE": "NaN"},
		{"GATEWAY_MIN": "2s", "GATEWAY_MAX": "1s"},
	} {
		if _, err := from(environment); err == nil {
			t.Errorf("%v was accepted", environment)
		}
	}
}
