package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

type rabbit struct{ channel *amqp091.Channel }

func connectRabbit(url string) (client, error) {
	connection, err := amqp091.Dial(url)
	if err != nil {
		return nil, err
	}
	channel, err := connection.Channel()
	if err != nil {
		return nil, err
	}
	return &rabbit{channel}, channel.Confirm(false)
}

func properties(number int) amqp091.Publishing {
	return amqp091.Publishing{
		Headers: amqp091.Table{
			"text": "t", "number": int64(number), "small": int8(-3), "real": 2.5, "yes": true, "bytes": []byte{0, 255},
			"nothing": nil, "list": []any{"a", int32(1)}, "table": amqp091.Table{"in": "side"},
			"at": time.Unix(1700000000, 0),
		},
		ContentType: "application/x-count", ContentEncoding: "identity", DeliveryMode: amqp091.Persistent, Priority: 3,
		CorrelationId: fmt.Sprint("c-", number), ReplyTo: "answers", Expiration: "3600000",
		MessageId: fmt.Sprint("m-", number), Timestamp: time.Unix(1700000000+int64(number), 0), Type: "count",
		AppId: "tests", Body: body(number),
	}
}

// Published to the topic exchange of the queue's name, under a routing key with the number in it.
func (r *rabbit) produce(queue string, number int) error {
	ctx := context.Background()
	confirm, err := r.channel.PublishWithDeferredConfirmWithContext(
		ctx, "jobs", fmt.Sprint(queue, ".", number), true, false, properties(number))
	if err != nil {
		return err
	}
	if sent, err := confirm.WaitContext(ctx); err != nil || !sent {
		return fmt.Errorf("not confirmed: %v", err)
	}
	return nil
}

func (r *rabbit) work(queue string, handle func(string, string) bool) error {
	if err := r.channel.Qos(1, 0, false); err != nil {
		return err
	}
	deliveries, err := r.channel.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for delivery := range deliveries {
		number := numberOf(delivery.Body)
		value, _ := strconv.Atoi(number)
		if handle(number, altered(delivery, value)) {
			err = delivery.Ack(false)
		} else {
			err = delivery.Reject(false)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("the connection is closed")
}

func altered(is amqp091.Delivery, number int) string {
	was := properties(number)
	for name, value := range was.Headers {
		if fmt.Sprintf("%T %v", is.Headers[name], is.Headers[name]) != fmt.Sprintf("%T %v", value, value) {
			return fmt.Sprintf("%s: %v", name, is.Headers[name])
		}
	}
	same := is.ContentType == was.ContentType && is.ContentEncoding == was.ContentEncoding &&
		is.DeliveryMode == was.DeliveryMode && is.Priority == was.Priority && is.CorrelationId == was.CorrelationId &&
		is.ReplyTo == was.ReplyTo && is.MessageId == was.MessageId && is.Timestamp.Equal(was.Timestamp) &&
		is.Type == was.Type && is.AppId == was.AppId && string(is.Body) == string(was.Body)
	// What a race worker gave up has its time to live in x-death.
	kept := is.Expiration == was.Expiration || is.Headers["x-death"] != nil
	if !same || !kept {
		return fmt.Sprintf("%+v", is)
	}
	if want := fmt.Sprint("mail.", number); is.RoutingKey != want {
		return is.RoutingKey
	}
	return ""
}
