//go:build repaired

package main

import "sync"

type book struct {
	mu     sync.Mutex
	placed int
	items  []string
}

func newBook() *book { return &book{} }

func (b *book) place(item string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.placed++
	if len(b.items) < 100 {
		b.items = append(b.items, item)
	}
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.placed
}
