package kernels

import (
	"sync"
	"time"

	"example.org/catch/drive"
)

// Kubernetes, scheduler cache: a snapshot takes the nodes' records under the lock, but shares the records themselves, which
// go on being changed in place when a pod is assumed.
type nodeInfo struct {
	cpu, memory int
	pods        int
	generation  int64
}

type schedulerCache struct {
	mu    sync.Mutex
	nodes []*nodeInfo
}

func (c *schedulerCache) assume(pod int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	node := c.nodes[pod%len(c.nodes)]
	node.pods++
	node.cpu += pod & 3
	node.generation++
}

func (c *schedulerCache) snapshotRacy() []*nodeInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*nodeInfo(nil), c.nodes...)
}

func (c *schedulerCache) snapshotRepaired() []*nodeInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	nodes := make([]*nodeInfo, len(c.nodes))
	for i, node := range c.nodes {
		copied := *node
		nodes[i] = &copied
	}
	return nodes
}

func score(nodes []*nodeInfo) int {
	best := 0
	for _, node := range nodes {
		if free := 100 - node.cpu - node.pods; free > best {
			best = free
		}
	}
	return best
}

func init() {
	run := func(snapshot func(*schedulerCache) []*nodeInfo) func() {
		return func() {
			c := &schedulerCache{}
			for range [6]int{} {
				c.nodes = append(c.nodes, &nodeInfo{memory: 64})
			}
			drive.Clients(2, 200, func(int, int) { drive.Busy(score(snapshot(c)) & 63) })
			drive.Every(8*time.Millisecond, func(round int) { c.assume(round) })
		}
	}
	drive.Patterns["kernel-kubernetes-scheduler-cache"] = drive.Pattern{
		Kind:     "kernel: kubernetes",
		Racy:     run((*schedulerCache).snapshotRacy),
		Repaired: run((*schedulerCache).snapshotRepaired),
	}
}
