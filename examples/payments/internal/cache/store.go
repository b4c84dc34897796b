package cache

// Store is what handlers and the settlement worker need of a cache. Both builds of Responses are one.
type Store interface {
	Get(Key) (Entry, bool)
	Set(Key, Entry)
	Settle(Key) bool
	Forget(Key)
}
