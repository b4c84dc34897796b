// part is the plugin.
package main

//go:noinline
func Through(call func()) {
	twice(call)
}

//go:noinline
func twice(call func()) {
	call()
	call()
}

func main() {}
