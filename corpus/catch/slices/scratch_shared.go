package slices

import "example.org/catch/drive"

// An encoder of receipts keeps a scratch buffer to save an allocation. There is one encoder for all handlers.
type encoder struct {
	scratch [64]byte
}

func (e *encoder) encodeRacy(amount int) int {
	return fill(e.scratch[:], amount)
}

func (e *encoder) encodeRepaired(amount int) int {
	var scratch [64]byte
	return fill(scratch[:], amount)
}

func fill(into []byte, amount int) int {
	at := len(into)
	for amount > 0 && at > 0 {
		at--
		into[at] = byte('0' + amount%10)
		amount /= 10
	}
	sum := 0
	for _, digit := range into[at:] {
		sum += int(digit)
	}
	return sum
}

func init() {
	run := func(encode func(*encoder, int) int) func() {
		return func() {
			e := &encoder{}
			drive.Workers(3, func(worker, round int) { drive.Busy(encode(e, worker*1_000_000+round) & 63) })
		}
	}
	drive.Patterns["slice-scratch-shared"] = drive.Pattern{
		Kind: "slice: elements", Racy: run((*encoder).encodeRacy), Repaired: run((*encoder).encodeRepaired),
	}
}
