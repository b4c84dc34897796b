//go:build !repaired

package batch

// lines are the payments of a batch.
//
// Two jobs that end at the same moment both read the length, both write their line to the same place, and
// one payment never reaches the bank. Nothing crashes, no job fails, and a test that settles one payment
// after the other finds every line.
type lines struct {
	all   []Payment
	cents int64
}

// Add books a payment.
func (b *Batch) Add(payment Payment) {
	b.lines.all = append(b.lines.all, payment)
	b.lines.cents += payment.Cents
}

func (l *lines) total() (int, int64) {
	return len(l.all), l.cents
}
