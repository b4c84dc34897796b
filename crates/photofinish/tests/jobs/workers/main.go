// Workers is a producer or a worker of a queue, with the client library that teams use, for tests.
//
//	workers BROKER URL produce QUEUE FROM TO
//	workers BROKER URL work QUEUE [fail]
//
// BROKER is nats, rabbitmq or redis-streams. A job is a number, with all that its broker can carry beside
// it. A worker says `ran N` of a job that arrived as it was sent, `changed N: …` of another; with `fail`
// it says `failed N` and gives the job up. One at a time, so that the order shows.
package main

import (
	"fmt"
	"os"
	"strconv"
)

// A broker's client: `work` calls `handle` for each job and fails it where that says false.
type client interface {
	produce(queue string, number int) error
	work(queue string, handle func(number string, changed string) bool) error
}

func main() {
	broker, url, what, queue := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	connect, known := map[string]func(string) (client, error){
		"nats": connectNats, "rabbitmq": connectRabbit, "redis-streams": connectStreams,
	}[broker]
	if !known {
		fail(fmt.Errorf("no broker %s", broker))
	}
	client, err := connect(url)
	fail(err)
	if what == "produce" {
		from, _ := strconv.Atoi(os.Args[5])
		to, _ := strconv.Atoi(os.Args[6])
		for number := from; number < to; number++ {
			fail(client.produce(queue, number))
		}
		return
	}
	fails := len(os.Args) > 5 && os.Args[5] == "fail"
	fail(client.work(queue, func(number, changed string) bool {
		switch {
		case changed != "":
			fmt.Printf("changed %s: %s\n", number, changed)
		case fails:
			fmt.Printf("failed %s\n", number)
		default:
			fmt.Printf("ran %s\n", number)
		}
		return !fails
	}))
}

// The bytes of a job: its number, and what no text has.
func body(number int) []byte {
	return append([]byte(strconv.Itoa(number)), 0, 255, '\n', 0xf0)
}

func numberOf(body []byte) string {
	for at, digit := range body {
		if digit == 0 {
			return string(body[:at])
		}
	}
	return string(body)
}

func fail(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
