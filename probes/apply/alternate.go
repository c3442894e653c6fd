package apply

import (
	"errors"
	"time"
)

// Alternation switches one setting to and fro under guard: each time its value
// before is on disk before it is written, and the guard sets it back if whydrop
// goes away, whichever way it stands then.
type Alternation struct {
	change Change
	record *Record
	guard  *Guard
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
	select {
	case <-a.guard.Over():
		return errGuardGone
	default:
		return a.record.Do(a.change)
	}
}

// Off sets the setting back. It fails if somebody else changed it in the meantime:
// then it is left alone.
func (a *Alternation) Off() error { return a.record.Undo(false) }

// End sets back what stands and ends the guard. A second time it does nothing.
func (a *Alternation) End() error {
	if a.ended {
		return nil
	}
	a.ended = true
	return errors.Join(a.guard.Undo(), a.record.Close())
}
