// Command settler books what customers have paid: the background worker of the payment service.
//
//	settler enqueue [-db FILE] [-queue NAME] [-n N]
//	settler work    [-db FILE] [-queue NAME] [-workers N]
//
// Jobs wait in a table of a SQLite file (internal/queue), which photofinish samples: the worker built with
// -race reads another queue of the same file. Built as it is, settler has a data race that none of its jobs
// shows alone; built with `-tags repaired` it has none. A module of its own, since the service itself needs
// nothing but the standard library.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"example.com/payments/settler/internal/batch"
	"example.com/payments/settler/internal/queue"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("settler: ")
	if len(os.Args) < 2 {
		log.Fatal("say `enqueue` or `work`")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	path := flags.String("db", "jobs.db", "the `file` that holds the queue")
	name := flags.String("queue", "settle", "the `name` of the queue")
	workers := flags.Int("workers", 4, "work: jobs done at a time")
	many := flags.Int("n", 100, "enqueue: how many payments")
	_ = flags.Parse(os.Args[2:]) // exits by itself

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	jobs, err := queue.Open(*path)
	if err != nil {
		log.Fatal(err)
	}
	defer jobs.Close()
	switch os.Args[1] {
	case "enqueue":
		err = enqueue(ctx, jobs, *name, *many)
	case "work":
		work(ctx, jobs, *name, *workers)
	default:
		err = fmt.Errorf("%q is neither enqueue nor work", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func enqueue(ctx context.Context, jobs *queue.Queue, name string, many int) error {
	for i := 0; i < many; i++ {
		payment := batch.Payment{Merchant: fmt.Sprintf("m-%d", rand.Intn(20)), Cents: 100 + rand.Int63n(10_000)}
		payload, _ := json.Marshal(payment) // a string and a number cannot fail
		if err := jobs.Enqueue(ctx, name, "settle", payload); err != nil {
			return err
		}
	}
	return nil
}

// work settles until ctx ends, and finishes what it has taken by then.
func work(ctx context.Context, jobs *queue.Queue, name string, workers int) {
	today := batch.New()
	go jobs.KeepLeases(ctx)
	var all sync.WaitGroup
	for i := 0; i < workers; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				step(ctx, jobs, name, today)
			}
		}()
	}
	all.Wait()
	log.Print(today.Summary())
}

// step does one job, or waits a moment where there is none.
func step(ctx context.Context, jobs *queue.Queue, name string, today *batch.Batch) {
	job, err := jobs.Take(ctx, name)
	if err != nil || job == nil {
		if err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		pause(ctx, 20*time.Millisecond)
		return
	}
	if err := settle(job.Payload, today); err != nil {
		err = jobs.Fail(job, err)
	} else {
		err = jobs.Done(job)
		fmt.Printf("settled %d\n", job.ID)
	}
	if err != nil {
		log.Print(err)
	}
}

// settle tells the bank, which takes a moment, and books the payment.
func settle(payload []byte, today *batch.Batch) error {
	var payment batch.Payment
	if err := json.Unmarshal(payload, &payment); err != nil {
		return err
	}
	time.Sleep(time.Duration(1+rand.Intn(4)) * time.Millisecond)
	today.Add(payment)
	return nil
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
}
