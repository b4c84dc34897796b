package main

import (
	"bytes"
	"strings"
	"syscall"
)

// flags lie side by side within one word; each belongs to one goroutine.
type flags struct {
	bytes  [8]byte
	halves [4]uint16
	pair   [2]uint32
	a, b   bool
	c      int32
}

type tiny struct{ n uint8 }

func init() {
	parts["neighbours"] = func() {
		f := &flags{}
		shared := make([]byte, 256)
		workers(4, func(worker, round int) {
			f.bytes[worker]++
			f.bytes[4+worker] = byte(round)
			f.halves[worker]++
			switch worker {
			case 0, 1:
				f.pair[worker]++
			case 2:
				f.a = !f.a
			case 3:
				f.b = !f.b
				f.c++
			}
			// Ranges that touch, cut anywhere.
			mine := shared[worker*37 : (worker+1)*37]
			copy(mine, "a line that is copied by moves of many sizes")
			clear(mine[:round%37])
			mine[36]++
		})
	}
	parts["tiny"] = func() {
		// The allocator puts small things without pointers into one block.
		workers(4, func(_, round int) {
			things := make([]*tiny, 16)
			for i := range things {
				things[i] = &tiny{uint8(i)}
			}
			small := new(int16)
			for i := range things {
				things[i].n += uint8(round)
				*small++
			}
			text := make([]byte, 3+round%5)
			text[0]++
			busy(len(string(text)))
		})
	}
	parts["overread"] = func() {
		// Comparisons and searches of short texts read whole words, and what lies beside is another's.
		room := make([]byte, 64)
		copy(room, "abcdefgh")
		keys := map[string]int{"abc": 1, "hello": 2}
		workers(2, func(worker, round int) {
			text := room[worker*16 : worker*16+3]
			if bytes.Equal(text, []byte("abd")) || bytes.IndexByte(text, 'z') >= 0 {
				busy(1)
			}
			if bytes.Compare(text, room[worker*16:worker*16+2]) == 0 || bytes.Count(text, text[:1]) > 9 {
				busy(2)
			}
			busy(keys[string(text)] + strings.Index(string(text), "bc"))
		})
		workers(2, func(worker, round int) {
			room[worker*16+3]++
			room[worker*16+8] = byte(round)
			room[worker*16+15]++
		})
	}
	parts["mapped"] = func() {
		// Memory that the heap does not know, written by the kernel too.
		room, err := syscall.Mmap(-1, 0, 1<<16, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_SHARED|syscall.MAP_ANON)
		if err != nil {
			panic(err)
		}
		var ends [2]int
		if err := syscall.Pipe(ends[:]); err != nil {
			panic(err)
		}
		turn := make(chan struct{}, 1)
		workers(3, func(worker, round int) {
			room[worker]++
			copy(room[100+worker*50:], room[1000:1050])
			turn <- struct{}{}
			syscall.Write(ends[1], room[2000:2016])
			syscall.Read(ends[0], room[2000:2016])
			room[2000] = byte(round)
			<-turn
		})
	}
}
