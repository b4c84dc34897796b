package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

type streams struct{ redis *redis.Client }

func connectStreams(url string) (client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	// The machine may have much else to do, and what is asked again is there twice.
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Minute, time.Minute, time.Minute
	return &streams{redis.NewClient(options)}, nil
}

func fields(number int) map[string]any {
	return map[string]any{"body": string(body(number)), "trace": fmt.Sprint("t-", number), "": "no name"}
}

func (s *streams) produce(queue string, number int) error {
	return s.redis.XAdd(context.Background(), &redis.XAddArgs{Stream: queue, Values: fields(number)}).Err()
}

func (s *streams) work(queue string, handle func(string, string) bool) error {
	ctx := context.Background()
	err := s.redis.XGroupCreateMkStream(ctx, queue, "workers", "0").Err()
	if err != nil && !strings.Contains(err.Error(), "BUSYGROUP") {
		return err
	}
	for {
		given, err := s.redis.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: "workers", Consumer: "one", Streams: []string{queue, ">"}, Count: 1, Block: time.Second,
		}).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return err
		}
		for _, message := range given[0].Messages {
			text, _ := message.Values["body"].(string)
			number := numberOf([]byte(text))
			changed := ""
			if value, _ := strconv.Atoi(number); !reflect.DeepEqual(message.Values, fields(value)) {
				changed = fmt.Sprint(message.Values)
			}
			if handle(number, changed) {
				if err := s.redis.XAck(ctx, queue, "workers", message.ID).Err(); err != nil {
					return err
				}
			}
		}
	}
}
