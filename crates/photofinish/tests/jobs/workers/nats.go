package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type jets struct{ stream jetstream.JetStream }

func connectNats(url string) (client, error) {
	// The machine may have much else to do.
	connection, err := nats.Connect(url, nats.Timeout(time.Minute))
	if err != nil {
		return nil, err
	}
	stream, err := jetstream.New(connection, jetstream.WithDefaultTimeout(time.Minute))
	return &jets{stream}, err
}

func header(number int) nats.Header {
	return nats.Header{
		"Trace": {fmt.Sprint("t-", number)}, "two": {"one", "other"}, "Nats-Msg-Id": {fmt.Sprint("id-", number)},
	}
}

// The queue is a stream, its subjects begin with its name.
func (j *jets) produce(queue string, number int) error {
	message := &nats.Msg{Subject: queue + ".count", Header: header(number), Data: body(number)}
	_, err := j.stream.PublishMsg(context.Background(), message)
	return err
}

func (j *jets) work(queue string, handle func(string, string) bool) error {
	ctx := context.Background()
	config := jetstream.ConsumerConfig{
		Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 2, AckWait: 5 * time.Minute,
	}
	consumer, err := j.stream.CreateOrUpdateConsumer(ctx, queue, config)
	for errors.Is(err, jetstream.ErrStreamNotFound) {
		time.Sleep(50 * time.Millisecond)
		consumer, err = j.stream.CreateOrUpdateConsumer(ctx, queue, config)
	}
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return err
	}
	for {
		message, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return err
		}
		if err != nil {
			// A heartbeat that came late on a busy machine, and the like: the client asks again.
			continue
		}
		number := numberOf(message.Data())
		value, _ := strconv.Atoi(number)
		if handle(number, changed(message, value)) {
			err = message.Ack()
		} else {
			err = message.Nak()
		}
		if err != nil {
			return err
		}
	}
}

func changed(message jetstream.Msg, number int) string {
	if string(message.Data()) != string(body(number)) {
		return fmt.Sprintf("%q", message.Data())
	}
	for name, values := range header(number) {
		if fmt.Sprint(message.Headers()[name]) != fmt.Sprint(values) {
			return fmt.Sprintf("%s: %q", name, message.Headers()[name])
		}
	}
	if !strings.HasSuffix(message.Subject(), ".count") {
		return message.Subject()
	}
	return ""
}
