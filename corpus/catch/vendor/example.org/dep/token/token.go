// Package token fetches and keeps access tokens. A Source is for one goroutine, as its page says somewhere.
package token

// A Token is valid until its expiry.
type Token struct {
	Value  string
	Expiry int64
}

// A Source remembers its last token.
type Source struct {
	fetch func(now int64) Token
	last  Token
}

// New returns a source that asks fetch.
func New(fetch func(now int64) Token) *Source { return &Source{fetch: fetch} }

// Token returns the last token, or a new one if that has expired.
func (s *Source) Token(now int64) string {
	if s.last.Expiry <= now {
		s.last = s.fetch(now)
	}
	return s.last.Value
}
