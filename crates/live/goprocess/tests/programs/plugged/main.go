// plugged loads the plugin that its argument names and calls it: it calls back, and there the goroutine waits.
package main

import (
	"fmt"
	"os"
	"plugin"
	"time"
)

var never = make(chan struct{})

func main() {
	loaded, err := plugin.Open(os.Args[1])
	if err != nil {
		fmt.Println("REFUSED", err)
		return
	}
	through, err := loaded.Lookup("Through")
	if err != nil {
		fmt.Println("REFUSED", err)
		return
	}
	go through.(func(func()))(wait)
	time.Sleep(100 * time.Millisecond)
	fmt.Println("READY")
	time.Sleep(24 * time.Hour)
}

//go:noinline
func wait() { <-never }
