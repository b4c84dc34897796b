// Package contexts has values in contexts that are changed after they were put there.
package contexts

import (
	"context"
	"sync"
	"time"

	"example.org/catch/drive"
)

// What is known of a request travels in its context. The handler fills in the user while the access log, in
// a goroutine of its own, reads it.
type info struct {
	mu     sync.Mutex
	user   int
	status int
}

type infoKey struct{}

func handle(ctx context.Context, id int, lock func(*info) func()) {
	found, _ := ctx.Value(infoKey{}).(*info)
	unlock := lock(found)
	found.user = id
	unlock()
	drive.Busy(300)
	unlock = lock(found)
	found.status = 200
	unlock()
}

func access(ctx context.Context, lock func(*info) func()) int {
	found, _ := ctx.Value(infoKey{}).(*info)
	defer lock(found)()
	return found.user + found.status
}

func nothing(*info) func() { return func() {} }

func locked(i *info) func() {
	i.mu.Lock()
	return i.mu.Unlock
}

func init() {
	run := func(lock func(*info) func()) func() {
		return func() {
			drive.Clients(3, 800, func(_, round int) {
				ctx := context.WithValue(context.Background(), infoKey{}, &info{})
				go func() {
					for i := 0; i < 3; i++ {
						drive.Busy(access(ctx, lock) & 63)
						time.Sleep(20 * time.Microsecond)
					}
				}()
				handle(ctx, round, lock)
			})
		}
	}
	drive.Patterns["context-request-info"] = drive.Pattern{
		Kind: "context value", Racy: run(nothing), Repaired: run(locked),
	}
}
