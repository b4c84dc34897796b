package kernels

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Istio, discovery: a push makes a new context and publishes it in the environment, then initialises what streams that connect
// meanwhile already use.
type pushContext struct {
	initDone bool
	services []string
	exports  int
}

type environment struct {
	mu   sync.RWMutex
	push *pushContext
}

func (e *environment) publish(p *pushContext) {
	e.mu.Lock()
	e.push = p
	e.mu.Unlock()
}

func (e *environment) context() *pushContext {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.push
}

func (p *pushContext) init(n int) {
	p.services = append(make([]string, 0, 4), "reviews", "ratings")
	p.exports = n
	p.initDone = true
}

func (e *environment) updateRacy(round int) {
	fresh := &pushContext{}
	e.publish(fresh)
	fresh.init(round)
}

func (e *environment) updateRepaired(round int) {
	fresh := &pushContext{}
	fresh.init(round)
	e.publish(fresh)
}

func init() {
	run := func(update func(*environment, int)) func() {
		return func() {
			e := &environment{push: &pushContext{}}
			drive.Clients(3, 1000, func(int, int) {
				if push := e.context(); push.initDone {
					drive.Busy(len(push.services) + push.exports&31)
				}
			})
			drive.Every(100*time.Millisecond, func(round int) { update(e, round) })
		}
	}
	drive.Patterns["kernel-istio-push-context"] = drive.Pattern{
		Kind: "kernel: istio", Racy: run((*environment).updateRacy), Repaired: run((*environment).updateRepaired),
	}
}
