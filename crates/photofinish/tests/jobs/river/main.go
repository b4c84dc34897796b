// River_workers is a producer or a worker of github.com/riverqueue/river, for tests.
//
//	river_workers URL migrate
//	river_workers URL produce QUEUE FROM TO
//	river_workers URL work QUEUE [fail|race]
//
// A job has a number. A worker says `ran N` of each; with `fail` it says `failed N` and returns an error,
// with `race` two goroutines of the job write one variable. One at a time, so that the order shows.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type count struct {
	Number int `json:"number"`
}

func (count) Kind() string { return "count" }

type counter struct {
	river.WorkerDefaults[count]
	how   string
	raced int
}

func (*counter) NextRetry(*river.Job[count]) time.Time {
	return time.Now().Add(time.Second)
}

func (c *counter) Work(_ context.Context, job *river.Job[count]) error {
	switch c.how {
	case "fail":
		fmt.Printf("failed %d\n", job.Args.Number)
		return errors.New("as it was told to")
	case "race":
		other := make(chan struct{})
		go func() {
			c.raced++
			close(other)
		}()
		c.raced++
		<-other
	}
	fmt.Printf("ran %d\n", job.Args.Number)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pool, err := pgxpool.New(ctx, os.Args[1])
	check(err)
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	switch os.Args[2] {
	case "migrate":
		migrator, err := rivermigrate.New(driver, nil)
		check(err)
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		check(err)
	case "produce":
		client, err := river.NewClient(driver, &river.Config{})
		check(err)
		from, _ := strconv.Atoi(os.Args[4])
		to, _ := strconv.Atoi(os.Args[5])
		for number := from; number < to; number++ {
			// A third of them may not be tried again.
			options := river.InsertOpts{Queue: os.Args[3], MaxAttempts: 1 + number%3}
			_, err := client.Insert(ctx, count{number}, &options)
			check(err)
		}
	case "work":
		work(ctx, driver, os.Args[3], append(os.Args, "")[4])
	}
}

func work(ctx context.Context, driver *riverpgxv5.Driver, queue, how string) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &counter{how: how})
	client, err := river.NewClient(driver, &river.Config{
		Queues:            map[string]river.QueueConfig{queue: {MaxWorkers: 1}},
		Workers:           workers,
		FetchCooldown:     5 * time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
	})
	check(err)
	check(client.Start(context.Background()))
	<-ctx.Done()
	_ = client.Stop(context.Background())
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
