//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

func init() {
	parts["cleanups"] = func() {
		workers(2, func(_, round int) {
			a, log := &account{}, &account{}
			a.change(round)
			runtime.AddCleanup(a, func(log *account) { log.change(1) }, log)
			pointer := weak.Make(a)
			if strong := pointer.Value(); strong != nil {
				strong.change(round)
			}
			runtime.KeepAlive(a)
			if round%64 == 0 {
				runtime.GC()
			}
		})
	}
}
