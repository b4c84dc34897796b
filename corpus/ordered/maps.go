package main

import (
	"maps"
	"reflect"
	"sync"
)

func init() {
	parts["maps"] = func() {
		var mu sync.RWMutex
		byName, byNumber := map[string]*account{}, map[int64][3]int{}
		byPoint := map[[2]int]string{}
		workers(4, func(worker, round int) {
			key := names[round%4]
			if worker > 1 {
				mu.RLock()
				n := len(byName) + len(byPoint) + byNumber[int64(round%9)][1]
				if a := byName[key]; a != nil {
					n += len(a.history)
				}
				for _, text := range byPoint {
					n += len(text)
				}
				copied := maps.Clone(byNumber)
				n += reflect.ValueOf(byName).Len() + len(reflect.ValueOf(byPoint).MapKeys())
				mu.RUnlock()
				copied[5] = [3]int{n}
				return
			}
			mu.Lock()
			if byName[key] == nil {
				byName[key] = &account{}
			}
			byName[key].change(round)
			byNumber[int64(round%50)] = [3]int{round}
			byPoint[[2]int{round % 30, worker}] = key
			reflect.ValueOf(byPoint).SetMapIndex(reflect.ValueOf([2]int{round, 9}), reflect.ValueOf(key))
			if round%40 == 0 {
				delete(byName, key)
				clear(byNumber)
				clear(byPoint)
			}
			mu.Unlock()
		})
	}
	parts["readonly"] = func() {
		// Written before anybody else knew it, and only read since.
		table, list := map[string]int{}, make([]string, 300)
		for i, name := range names {
			table[name] = i
			list[i] = name
		}
		workers(4, func(worker, round int) {
			sum := table[names[round%4]] + len(table) + len(list[round%300])
			for _, n := range table {
				sum += n
			}
			mine := make([]string, 300)
			copy(mine, list)
			mine[round%300] = "mine"
			other := maps.Clone(table)
			other["mine"] = sum
			busy(sum & 31)
		})
	}
}
