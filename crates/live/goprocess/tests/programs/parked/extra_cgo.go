//go:build cgo && calls_c

package main

/*
#include <unistd.h>
extern void backInGo(int);
static void sleepLong(void) { sleep(86400); }
static void callBack(int n) { backInGo(n); }
*/
import "C"

//export backInGo
func backInGo(n C.int) { <-never }

// One in C, and one that came back from there.
func extra() int {
	go func() { C.sleepLong() }()
	go func() { C.callBack(1) }()
	return 2
}
