package slices

import "example.org/catch/drive"

// A gateway appends a few tags of its own to the common ones. The common slice has spare room, so that every
// handler's append writes into the same elements behind its end.
type tagger struct{ common []uint64 }

func (t *tagger) tagsRacy(request uint64) []uint64 {
	return append(t.common, request, request*31)
}

func (t *tagger) tagsRepaired(request uint64) []uint64 {
	own := make([]uint64, 0, len(t.common)+2)
	own = append(own, t.common...)
	return append(own, request, request*31)
}

func send(tags []uint64) int {
	sum := uint64(0)
	for _, tag := range tags {
		sum += tag
	}
	return int(sum & 63)
}

func init() {
	run := func(tags func(*tagger, uint64) []uint64) func() {
		return func() {
			t := &tagger{common: make([]uint64, 3, 8)}
			drive.Clients(4, 1500, func(client, round int) { drive.Busy(send(tags(t, uint64(client+round)))) })
		}
	}
	drive.Patterns["slice-growth-aliased"] = drive.Pattern{
		Kind: "slice: growth", Racy: run((*tagger).tagsRacy), Repaired: run((*tagger).tagsRepaired),
	}
}
