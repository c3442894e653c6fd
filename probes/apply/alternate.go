package apply

import (
	"errors"
	"fmt"
	"time"
)

// Alternation switches one setting to and fro under guard: each time its value
// before is on disk before it is written, and the guard sets it back if whydrop
// goes away, whichever way it stands then.
type Alternation struct {
	change Change
	record *Record
	guard  *Guard
	was    *State // as long as the change stands
	ended  bool
}

// errGuardGone says that nobody would take a change back any more.
var errGuardGone = errors.New("the guard that takes changes back is gone, so nothing more is changed")

// Alternate begins an alternation: it changes nothing yet. The record is kept in
// dir; program is whydrop itself, for the guard, which sets everything back after
// within at the latest.
func Alternate(dir, program, title string, c Change, within time.Duration) (*Alternation, error) {
	r, err := Start(dir, title)
	if err != nil {
		return nil, err
	}
	g, err := StartGuard(program, r, within)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &Alternation{change: c, record: r, guard: g}, nil
}

// On makes the change. It fails with ErrReached if the setting has the value already:
// then somebody else set it. Without the guard it changes nothing.
func (a *Alternation) On() error {
	if a.guard.Ended() {
		return errGuardGone
	}
	was, err := a.change.Read()
	if err != nil {
		return err
	}
	if err := a.record.Do(a.change); err != nil {
		return err
	}
	a.was = &was
	return nil
}

// Off sets the setting back. It fails if somebody else changed it in the meantime:
// then it is left alone.
func (a *Alternation) Off() error { return errors.Join(a.record.Undo(false), a.remember()) }

// remember sets back from memory what the record does not know any more: somebody
// removed it or cut it, and then nothing else would.
func (a *Alternation) remember() error {
	if a.was == nil {
		return nil
	}
	was := *a.was
	a.was = nil
	now, err := a.change.Read()
	if err != nil || !a.change.Reached(now) {
		return err
	}
	return errors.Join(fmt.Errorf("the record %s was damaged while %s was changed, which is set back from memory", a.record.Name(), a.change.Name()), a.change.back(was))
}

// End sets back what stands and ends the guard. A second time it does nothing.
func (a *Alternation) End() error {
	if a.ended {
		return nil
	}
	a.ended = true
	return errors.Join(a.guard.Undo(), a.remember(), a.record.Close())
}
