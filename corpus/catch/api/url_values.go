package api

import (
	"net/url"

	"example.org/catch/drive"
)

// The query of a partner's API is kept and changed for each call: url.Values is a map.
type partner struct{ query url.Values }

func (p *partner) call(page string) int {
	p.query.Set("page", page)
	return len(p.query.Get("key"))
}

func init() {
	pages := []string{"1", "2", "3", "4"}
	register("api-url-values", "url.Values", 2, 60, func() func(int, int) {
		p := &partner{query: url.Values{"key": {"k"}, "page": {"0"}}}
		return func(_, round int) { drive.Busy(p.call(pages[round%4])) }
	})
}
