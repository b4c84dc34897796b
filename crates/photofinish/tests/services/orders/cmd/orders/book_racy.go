//go:build !repaired

package main

type book struct {
	placed int
	items  []string
}

func newBook() *book { return &book{} }

func (b *book) place(item string) {
	b.placed++
	if len(b.items) < 100 {
		b.items = append(b.items, item)
	}
}

func (b *book) count() int { return b.placed }
