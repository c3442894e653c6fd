package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/apply"
)

// attempts are the steps that the walkthrough applies, one at a time.
type attempts struct {
	mu   sync.Mutex
	last *attempt // nil before the first
}

// look reads what a step of the plan would change. The error says why it cannot.
func (as *attempts) look(_ context.Context, step checklist.PlanStep) (checklist.Attempt, error) {
	if len(step.Changes) == 0 {
		return nil, fmt.Errorf("whydrop does not change %s", notOurs(step.Remedy.Kind))
	}
	a := &attempt{title: step.Remedy.Title}
	var whys []error // a step is made as a whole or not at all
	for _, c := range step.Changes {
		was, err := c.Read()
		if err != nil {
			return nil, err
		}
		s := checklist.SettingChange{Name: c.Name(), Was: was.Text, To: c.To}
		if c.Reached(was) {
			s.Left = "it has this value already"
			whys = append(whys, fmt.Errorf("%s is %s: %s", s.Name, was.Text, s.Left))
		} else {
			if err := c.Allowed(); err != nil {
				return nil, err
			}
			a.add(c, was, &s)
		}
		a.settings = append(a.settings, s)
	}
	if len(a.changes) == 0 {
		return nil, errors.Join(whys...)
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.last != nil && as.last.waits() {
		return nil, errors.New("another change waits to be kept or taken back")
	}
	as.last = a
	return a, nil
}

// end takes back what waits to be kept when the walkthrough is over, and says so.
func (as *attempts) end(w io.Writer) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.last == nil || !as.last.waits() {
		return nil
	}
	if err := as.last.Undo(); err != nil {
		return fmt.Errorf("what was applied and not kept could not be taken back: %w", err)
	}
	fmt.Fprintf(w, "applied and not kept, so taken back: %s\n", content.Show(as.last.title))
	return nil
}

// attempt is one step: a record of the values before, under a guard.
type attempt struct {
	title    string
	settings []checklist.SettingChange
	changes  []apply.Change // that are to be made
	was      []apply.State

	mu     sync.Mutex
	record *apply.Record // nil before it is made
	guard  *apply.Guard  // nil unless it waits
	// back says that the changes went back, backErr what could not be set back.
	back    bool
	backErr error
}

// add adds a setting that is to be changed, with its commands.
func (a *attempt) add(c apply.Change, was apply.State, s *checklist.SettingChange) {
	a.changes, a.was = append(a.changes, c), append(a.was, was)
	words := c.Words(&was).With(c, was)
	s.Run, s.Undo = words.Run, words.Undo
	for _, k := range words.Keep {
		s.Keep = append(s.Keep, k.Line+" in "+k.File)
	}
}

// Settings are what the step changes.
func (a *attempt) Settings() []checklist.SettingChange { return slices.Clone(a.settings) }

func (a *attempt) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.guard != nil
}

// Make makes the changes that were shown, under a guard.
func (a *attempt) Make() (time.Time, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, c := range a.changes {
		now, err := c.Read()
		if err == nil && now.Text != a.was[i].Text {
			err = fmt.Errorf("%s is %s by now, it was %s: look again", c.Name(), now.Text, a.was[i].Text)
		}
		if err != nil {
			return time.Time{}, err
		}
	}
	r, err := startRecord(a.title)
	if err != nil {
		return time.Time{}, err
	}
	g, err := apply.StartGuard("/proc/self/exe", r, checklist.KeepWithin)
	if err != nil {
		return time.Time{}, errors.Join(err, r.Close())
	}
	for _, c := range a.changes {
		if err := r.Do(c); err != nil {
			return time.Time{}, errors.Join(err, g.Undo(), r.Close())
		}
	}
	a.record, a.guard = r, g
	return g.Until(), nil
}

var errNotThere = errors.New("it is not there any more")

// Keep keeps the changes, over a reboot as well if wanted.
func (a *attempt) Keep(reboot bool) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.guard == nil || a.guard.Ended() {
		return "", errNotThere
	}
	says := ""
	if reboot {
		for _, mind := range persist(a.record, a.changes) {
			says += mind + "; "
		}
	}
	if err := a.guard.Keep(); err != nil {
		return says, fmt.Errorf("it could not be kept and goes back: %w", err)
	}
	a.guard = nil
	_ = a.record.Close() // all of it is on the disk
	return says + "whydrop rollback " + a.record.Name() + " takes it back any time", nil
}

// Undo takes the changes back. Those that went back by themselves are back.
func (a *attempt) Undo() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.undo()
	return a.backErr
}

func (a *attempt) undo() {
	if a.guard == nil {
		return
	}
	a.back, a.backErr = true, a.guard.Undo() // it waits for the guard, or does what a dead one left
	a.guard = nil
	_ = a.record.Close()
}

// Gone tells whether the changes went back by themselves: the time is over, or
// somebody took them back from elsewhere.
func (a *attempt) Gone() (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.guard != nil && a.guard.Ended() {
		a.undo()
	}
	return a.back, a.backErr
}
