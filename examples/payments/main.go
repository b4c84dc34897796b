// Command payments is a small payment API, the kind that every company has one of.
//
// It takes payments (POST /process-payment), hands out receipts (GET /receipt) and settles what was
// paid in the background. Its tests pass, also under `go test -race`, and it has three data races:
// see README.md, or let photofinish find them. Built with `-tags repaired` it has none.
//
// main reads the settings, opens the port and sees to an orderly end. Which path is answered by
// which package is written in internal/server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/payments/internal/config"
	"example.com/payments/internal/server"
)

// shutdownGrace is how long requests under way may take after SIGTERM.
const shutdownGrace = 5 * time.Second

func main() {
	settings, err := config.FromEnvironment(os.Getenv)
	if err != nil {
		log.Fatalf("payments: %v", err)
	}
	addr := flag.String("addr", settings.Addr, "`host:port` to listen on; port 0 picks a free one (ADDR, or PORT alone)")
	flag.Parse()
	settings.Addr = *addr

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, settings); err != nil {
		log.Fatalf("payments: %v", err)
	}
}

// run serves until ctx ends, then lets requests and the settlement worker finish.
func run(ctx context.Context, settings config.Settings) error {
	service := server.New(settings)

	listener, err := net.Listen("tcp", settings.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	log.Printf("listening on http://%s", listener.Addr())

	// The worker outlives the last request: it stops when its own context is cancelled, below.
	workerCtx, stopWorker := context.WithCancel(context.Background())
	defer stopWorker()
	workerDone := make(chan struct{})
	go func() {
		defer close(workerDone)
		service.Settlement.Run(workerCtx)
	}()

	httpServer := &http.Server{Handler: service.Handler, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(listener) }()

	select {
	case err := <-served:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}

	log.Print("shutting down")
	graceCtx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := httpServer.Shutdown(graceCtx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot shut down: %w", err)
	}
	stopWorker()
	<-workerDone
	return nil
}
