// Package kernels has the shapes of races that well-known Go projects once had, written anew and small.
package kernels

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Kubernetes, shared informers: Run makes the controller, HasSynced asks for it from another goroutine, and only
// one of the two takes the lock that guards whether it was started.
type controller struct{ synced bool }

type informer struct {
	mu         sync.Mutex
	started    bool
	controller *controller
}

func (i *informer) runRacy() {
	i.controller = &controller{synced: true}
	i.mu.Lock()
	i.started = true
	i.mu.Unlock()
}

func (i *informer) runRepaired() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.controller = &controller{synced: true}
	i.started = true
}

func (i *informer) hasSynced() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.controller != nil && i.controller.synced
}

func init() {
	start := func(run func(*informer)) func() {
		return func() {
			// Informers for kinds of objects, started one after the other; each is polled meanwhile.
			drive.Clients(2, 300, func(int, int) {
				i := &informer{}
				go func() {
					time.Sleep(50 * time.Microsecond)
					run(i)
				}()
				for n := 0; n < 2000 && !i.hasSynced(); n++ {
					drive.Busy(300)
				}
			})
		}
	}
	drive.Patterns["kernel-kubernetes-informer"] = drive.Pattern{
		Kind: "kernel: kubernetes", Racy: start((*informer).runRacy), Repaired: start((*informer).runRepaired),
	}
}
