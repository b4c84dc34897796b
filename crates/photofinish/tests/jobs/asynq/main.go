// Asynq_workers is a producer or a worker of a queue of github.com/hibiken/asynq, for tests.
//
//	asynq_workers ADDR produce QUEUE FROM TO
//	asynq_workers ADDR work QUEUE [fail]
//
// The payload of a task is a number. A worker says `ran N` of each; with `fail` it says `failed N` and
// returns an error. One at a time, so that the order shows.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
)

func main() {
	address, what, queue := os.Args[1], os.Args[2], os.Args[3]
	redis := asynq.RedisClientOpt{Addr: address}
	if what == "produce" {
		from, _ := strconv.Atoi(os.Args[4])
		to, _ := strconv.Atoi(os.Args[5])
		produce(asynq.NewClient(redis), queue, from, to)
		return
	}
	fails := len(os.Args) > 4 && os.Args[4] == "fail"
	server := asynq.NewServer(redis, asynq.Config{
		Concurrency:              1,
		Queues:                   map[string]int{queue: 1},
		TaskCheckInterval:        50 * time.Millisecond,
		DelayedTaskCheckInterval: 200 * time.Millisecond,
		LogLevel:                 asynq.ErrorLevel,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
	})
	handler := asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		if fails {
			fmt.Printf("failed %s\n", task.Payload())
			return errors.New("as it was told to")
		}
		fmt.Printf("ran %s\n", task.Payload())
		return nil
	})
	if err := server.Run(handler); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func produce(client *asynq.Client, queue string, from, to int) {
	for number := from; number < to; number++ {
		// Twenty of them take turns.
		tenant := map[string]string{"trace": "x", "tenant": "tenant " + strconv.Itoa(number%20)}
		task := asynq.NewTaskWithHeaders("count", []byte(strconv.Itoa(number)), tenant)
		options := []asynq.Option{asynq.Queue(queue), asynq.MaxRetry(number % 3)}
		if number%7 == 0 {
			options = append(options, asynq.Unique(time.Hour))
		}
		if _, err := client.Enqueue(task, options...); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}
