package capture

import (
	"errors"

	"example.org/catch/drive"
)

var errAudit = errors.New("audit log is full")

// A transfer is audited in the background, whose failure shall be the transfer's: it is assigned to the named
// result, which the deferred function reads when the transfer is over.
type bank struct{ failures [4]int }

func (b *bank) audit(amount int) error {
	drive.Busy(250)
	if amount%3 == 0 {
		return errAudit
	}
	return nil
}

func (b *bank) transferRacy(teller, amount int) (err error) {
	defer func() {
		if err != nil {
			b.failures[teller]++
		}
	}()
	started := make(chan struct{})
	go func() {
		close(started)
		if auditErr := b.audit(amount); auditErr != nil {
			err = auditErr
		}
	}()
	<-started
	drive.Busy(200)
	return nil
}

func (b *bank) transferRepaired(teller, amount int) (err error) {
	defer func() {
		if err != nil {
			b.failures[teller]++
		}
	}()
	audited := make(chan error, 1)
	go func() { audited <- b.audit(amount) }()
	drive.Busy(200)
	return <-audited
}

func init() {
	run := func(transfer func(b *bank, teller, amount int) error) func() {
		return func() {
			b := &bank{}
			drive.Workers(3, func(teller, round int) {
				if transfer(b, teller, round) != nil {
					drive.Busy(10)
				}
			})
		}
	}
	drive.Patterns["capture-named-return-defer"] = drive.Pattern{
		Kind: "capture: named return", Racy: run((*bank).transferRacy), Repaired: run((*bank).transferRepaired),
	}
}
