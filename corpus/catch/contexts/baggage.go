package contexts

import (
	"context"
	"sync"
	"time"

	"example.org/catch/drive"
)

// Baggage for tracing: a slice of pairs that sub-requests append to, each believing it has a copy.
type pair struct{ key, value int }

type baggage struct{ pairs []pair }

type baggageKey struct{}

func withRacy(ctx context.Context, added pair) context.Context {
	carried, _ := ctx.Value(baggageKey{}).(*baggage)
	carried.pairs = append(carried.pairs, added)
	return ctx
}

func withRepaired(ctx context.Context, added pair) context.Context {
	carried, _ := ctx.Value(baggageKey{}).(*baggage)
	own := append(append([]pair(nil), carried.pairs...), added)
	return context.WithValue(ctx, baggageKey{}, &baggage{own})
}

func init() {
	run := func(with func(context.Context, pair) context.Context) func() {
		return func() {
			drive.Every(time.Millisecond, func(round int) {
				ctx := context.WithValue(context.Background(), baggageKey{}, &baggage{make([]pair, 0, 8)})
				var all sync.WaitGroup
				for call := 0; call < 4; call++ {
					all.Add(1)
					go func(call int) {
						defer all.Done()
						drive.Busy(200)
						child := with(ctx, pair{call, round})
						carried, _ := child.Value(baggageKey{}).(*baggage)
						drive.Busy(len(carried.pairs))
					}(call)
				}
				all.Wait()
			})
		}
	}
	drive.Patterns["context-baggage"] = drive.Pattern{
		Kind: "context value", Racy: run(withRacy), Repaired: run(withRepaired),
	}
}
