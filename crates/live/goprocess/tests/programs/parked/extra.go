//go:build !cgo || !calls_c

package main

// No more.
func extra() int { return 0 }
