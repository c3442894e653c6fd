// Package train is a training session: a candidate asks and measures, suspects and
// concludes, and is told how well. It knows no terminal.
//
// A session is a case whose facts are only what the candidate has measured, so what
// the engine makes of it is what the candidate could know: by it each step is valued.
// A session is its scenario and its events; Replay makes it again from them.
package train

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Session is one incident under training. One goroutine uses it.
type Session struct {
	// Keep is called with each event before the method that made it returns; nil for a
	// session that is not kept. Its error is returned as a NotKeptError: what was done
	// counts nevertheless.
	Keep func(Event) error
	// Now is the clock.
	Now func() time.Time
	// Repeat says that the candidate has seen the end of this incident before. Set it
	// before Begin, which keeps it.
	Repeat bool

	book     *content.Book
	scenario *content.Scenario
	host     Host
	inquiry  *checklist.Case
	seen     *sight
	readings map[string]*Reading
	// judged is the diagnosis by what is known at present.
	judged    *checklist.Diagnosis
	events    []Event
	last      int // the number of the last event, also of those left out
	suspects  []string
	turns     []WrongTurn
	named     *Conclusion // cause and place, final before the plan is chosen
	concluded *Conclusion // all of it
	checked   *Check
	menu      []Choice
	documents []document  // of Search
	whole     *fact.Facts // all that the host shows: see wholeHost
	asSeen    *fact.Facts // see wholeAsSeen
	told      bool        // whole shows the truth
	insight   *insight    // see wholeKnown

	words        []string        // see incidentWords
	generic      map[string]bool // see genericWords
	idealSteps   []IdealStep
	idealFounded bool
}

// NotKeptError says that an event counts but could not be kept.
type NotKeptError struct{ Err error }

func (e *NotKeptError) Error() string {
	return "what you did counts, but is not on disk: " + e.Err.Error()
}
func (e *NotKeptError) Unwrap() error { return e.Err }

// ErrOver is returned by whatever can be done only before the commit.
var ErrOver = errors.New("the conclusion is made: nothing can be asked or measured any more")

// New begins a session. The book must have been loaded with the training material.
func New(book *content.Book, s *content.Scenario, host Host) *Session {
	n := &Session{
		Now: time.Now, book: book, scenario: s, host: host,
		inquiry: checklist.NewCase(book, time.Time{}), seen: newSight(book, host.Probes()),
		readings: map[string]*Reading{},
	}
	n.inquiry.Facts = n.seen.facts
	return n
}

// Scenario returns the story.
func (s *Session) Scenario() *content.Scenario { return s.scenario }

// Events returns what was done so far.
func (s *Session) Events() []Event { return s.events }

// Steps counts the questions and measurements.
func (s *Session) Steps() int {
	n := 0
	for _, e := range s.events {
		if e.Counts() {
			n++
		}
	}
	return n
}

// Asked says whether a question was asked, MeasuredProbe whether a probe was measured.
func (s *Session) Asked(question string) bool { return s.inquiry.Answers[question].Given() }

// MeasuredProbe is the other half of Asked.
func (s *Session) MeasuredProbe(probe string) bool { return s.seen.measured(probe) }

// Suspects returns the causes that the candidate suspects at present, in the order in
// which they were stated.
func (s *Session) Suspects() []string { return slices.Clone(s.suspects) }

// Named returns cause and place as they were concluded, nil before that. Nothing can be
// asked or measured after it; the plan is still to be made until Concluded.
func (s *Session) Named() *Conclusion { return s.named }

// Concluded returns the conclusion, nil before the commit.
func (s *Session) Concluded() *Conclusion { return s.concluded }

// Answer is what the interviewer says to a question.
type Answer struct {
	Question *content.Question
	Says     string
	From     string // the role of who says it, "" for the interviewer
	Known    bool   // the scenario answers it: nobody just does not know
	Again    bool   // it was asked before
	// Remarks are what somebody says unasked at this point.
	Remarks []*content.Remark
}

// Ask asks one of the questions of the checklist. Errors: ErrOver, an unknown
// question, a *NotKeptError beside the answer.
func (s *Session) Ask(question string) (*Answer, error) {
	again := s.Asked(question)
	err := s.do(Event{Kind: Asked, ID: question})
	if err != nil && !kept(err) {
		return nil, err
	}
	a := s.answer(question)
	a.Again, a.Remarks = again, s.remarks()
	return a, err
}

// Told returns again what was answered to a question, nil if it was not asked.
func (s *Session) Told(question string) *Answer {
	if !s.Asked(question) {
		return nil
	}
	return s.answer(question)
}

func (s *Session) answer(question string) *Answer {
	a := &Answer{Question: s.book.Question(question)}
	if t := s.scenario.Answers[question]; t != nil {
		a.Says, a.From, a.Known = t.Says, t.From, !slices.Equal(t.Options, []string{content.DontKnow})
		return a
	}
	a.Says = s.saying(question)
	return a
}

// Measure lets a probe look and returns what it shows. Errors: ErrOver, an unknown
// probe, a host that shows nothing yet, a *NotKeptError beside the reading.
func (s *Session) Measure(probe string) (*Reading, error) {
	if err := s.mayMeasure(probe); err != nil {
		return nil, err
	}
	f, moment, err := s.host.Look()
	if err != nil {
		return nil, fmt.Errorf("measuring %s: %w", probe, err)
	}
	e := Event{Kind: Measured, ID: probe, Moment: moment}
	if moment == Live {
		e.Facts = s.seen.part(probe, f)
	}
	err = s.doWith(e, f)
	if err != nil && !kept(err) {
		return nil, err
	}
	r := s.readings[probe]
	r.Remarks = s.remarks()
	return r, err
}

func (s *Session) mayMeasure(probe string) error {
	if s.named != nil {
		return ErrOver
	}
	switch {
	case slices.Contains(s.host.Probes(), probe):
	case s.book.Instrument(probe) != nil:
		return errors.New(s.sayingOf("no-instrument", probe))
	default:
		return fmt.Errorf("there is no probe %q on this host: expected one of %v", probe, s.host.Probes())
	}
	return nil
}

// Reading returns what a probe showed last, nil if it was not measured.
func (s *Session) Reading(probe string) *Reading { return s.readings[probe] }

// remarks are those that are due after the step that was just taken.
func (s *Session) remarks() []*content.Remark {
	var due []*content.Remark
	for _, r := range s.scenario.Remarks {
		if r.After == s.Steps() {
			due = append(due, r)
		}
	}
	return due
}

// Heard are all remarks that were made so far.
func (s *Session) Heard() []*content.Remark {
	var all []*content.Remark
	for _, r := range s.scenario.Remarks {
		if r.After <= s.Steps() {
			all = append(all, r)
		}
	}
	return all
}

// Note keeps a note of the candidate.
func (s *Session) Note(text string) error { return s.do(Event{Kind: Noted, Text: text}) }

// Notes returns the notes so far.
func (s *Session) Notes() []string {
	var all []string
	for _, e := range s.events {
		if e.Kind == Noted {
			all = append(all, e.Text)
		}
	}
	return all
}

// Hint says where the most is to be learned next: the group of a question, or a
// probe. It costs, but for the same one again.
func (s *Session) Hint() (string, error) {
	if s.named != nil {
		return "", ErrOver
	}
	e := Event{Kind: Hinted, Text: s.hint()}
	for _, had := range slices.Backward(s.events) {
		if had.Counts() {
			break
		}
		if had.Kind == Hinted && had.Text == e.Text {
			return e.Text + " " + sameHint, nil
		}
	}
	return e.Text, s.do(e)
}

// sameHint says that nothing was done since the last hint.
const sameHint = "That is the same hint as before: it costs nothing more."

// Conclude is the first act of the conclusion: cause and place, for good. The menu of the
// plan is to be shown only after it, for it tells much. Errors: ErrOver, an unknown cause
// or hop, a conclusion without anything in it.
func (s *Session) Conclude(c Conclusion) error {
	c = c.plain()
	return s.do(Event{Kind: Concluded, Conclusion: &Conclusion{Healthy: c.Healthy, Causes: c.Causes, Hop: c.Hop}})
}

// Commit is the second act: the plan and the candidate's own words. The steps are ids of
// the Menu. Cause and place are those of the first act, which it does where it was not
// done. Errors: as of Conclude, and an unknown choice.
func (s *Session) Commit(c Conclusion) error {
	var unkept error
	c = c.plain()
	if s.named == nil {
		if err := s.possible(Event{Kind: Committed, Conclusion: &c}); err != nil {
			return err
		}
		if unkept = s.Conclude(c); unkept != nil && !kept(unkept) {
			return unkept
		}
	}
	c.Healthy, c.Causes, c.Hop = s.named.Healthy, s.named.Causes, s.named.Hop
	return errors.Join(s.do(Event{Kind: Committed, Conclusion: &c}), unkept)
}

// Check is how the candidate judges their own words after the commit. A later one
// replaces an earlier one.
func (s *Session) Check(c Check) error { return s.do(Event{Kind: Checked, Check: &c}) }

// do does what an event says and keeps it.
func (s *Session) do(e Event) error { return s.doWith(e, nil) }

// doWith is do with the observation that is measured.
func (s *Session) doWith(e Event, f *fact.Facts) error {
	if e.At.IsZero() {
		e.At = s.Now()
	}
	if err := s.possible(e); err != nil {
		return err
	}
	if e.Number == 0 {
		e.Number = s.last + 1
	}
	s.last = max(s.last, e.Number)
	before := s.diagnosis()
	switch {
	case e.Counts(), e.Kind == Hinted:
		e.Bits, e.Best = s.worth(before, e)
		e.Before, e.Settled = s.belief(before), s.certain(before)
	case e.Kind == Suspected:
		e.stood = s.stood(before, e.ID)
	}
	s.apply(e, f)
	if e.Counts() {
		e.After, e.effect = s.belief(s.diagnosis()), s.effectOf(e, before, s.diagnosis())
	}
	s.events = append(s.events, e)
	if s.Keep != nil {
		if err := s.Keep(e); err != nil {
			return &NotKeptError{err}
		}
	}
	return nil
}

func kept(err error) bool {
	var n *NotKeptError
	return errors.As(err, &n)
}

// possible says why an event cannot be.
func (s *Session) possible(e Event) error {
	switch e.Kind {
	case Asked, Measured, Suspected, Dropped, Hinted, Concluded:
		if s.named != nil {
			return ErrOver
		}
	case Committed:
		if s.concluded != nil {
			return ErrOver
		}
	case Checked:
		return s.checkable(e.Check)
	case Verified:
		if e.Mending == nil {
			return errors.New("a look whether the host is mended without anything in it")
		}
	}
	switch e.Kind {
	case Asked:
		if s.book.Question(e.ID) == nil {
			return fmt.Errorf("there is no question %q", e.ID)
		}
	case Measured:
		return s.mayMeasure(e.ID)
	case Suspected, Dropped:
		if s.Cause(e.ID) == nil {
			return fmt.Errorf("there is no cause %q", e.ID)
		}
	case Concluded:
		return s.nameable(e.Conclusion)
	case Committed:
		return s.committable(e.Conclusion)
	}
	return nil
}

func (s *Session) checkable(c *Check) error {
	switch {
	case s.concluded == nil:
		return errors.New("there is no conclusion yet to check")
	case c == nil:
		return errors.New("a check without anything in it")
	}
	for _, n := range c.KeyPoints {
		if n < 0 || n >= len(s.scenario.KeyPoints) {
			return fmt.Errorf("there is no key point %d: there are %d", n, len(s.scenario.KeyPoints))
		}
	}
	return nil
}

// nameable says why cause and place cannot be concluded.
func (s *Session) nameable(c *Conclusion) error {
	switch {
	case c == nil || !c.Healthy && len(c.Causes) == 0:
		return errors.New("a conclusion names a cause, or says that nothing is wrong on this host")
	case c.Healthy && len(c.Causes) > 0:
		return errors.New("a conclusion names a cause or says that nothing is wrong, not both")
	case c.Hop != "" && s.book.Hop(c.Hop) == nil:
		return fmt.Errorf("there is no hop %q", c.Hop)
	}
	for _, id := range c.Causes {
		if s.book.Cause(id) == nil {
			return fmt.Errorf("there is no cause %q", id)
		}
	}
	return nil
}

func (s *Session) committable(c *Conclusion) error {
	if err := s.nameable(c); err != nil {
		return err
	}
	if n := s.named; n != nil && (n.Healthy != c.Healthy || n.Hop != c.Hop || !slices.Equal(n.Causes, c.Causes)) {
		return errors.New("cause and place are concluded already: only the plan is still to be made")
	}
	for _, id := range c.Steps {
		if s.choice(id) == nil {
			return fmt.Errorf("the menu has no step %q", id)
		}
	}
	return nil
}

// apply changes the session as an event says.
func (s *Session) apply(e Event, f *fact.Facts) {
	switch e.Kind {
	case Began:
		s.Repeat = s.Repeat || e.Repeat
	case Asked:
		a := checklist.Answer{Options: []string{content.DontKnow}, At: e.At}
		if t := s.scenario.Answers[e.ID]; t != nil {
			a.Options = t.Options
		}
		_ = s.inquiry.Answer(e.ID, a) // the content was checked
		s.judged = nil
	case Measured:
		s.keepWhole(e, f)
		s.seen.add(e.ID, f)
		s.inquiry.Facts, s.judged = s.seen.facts, nil
		if _, same := s.host.(still); !same {
			s.asSeen = nil
		}
		s.readings[e.ID] = newReading(s.book, s.seen.part(e.ID, f), e.ID)
	case Suspected:
		s.suspects = append(s.suspects, e.ID)
		s.turn(e)
	case Dropped:
		s.suspects = slices.DeleteFunc(s.suspects, func(id string) bool { return id == e.ID })
	case Concluded:
		s.named, s.menu = e.Conclusion, nil // what was named wrongly is on the menu
	case Committed:
		if s.concluded = e.Conclusion; s.named == nil {
			s.named, s.menu = e.Conclusion, nil
		}
	case Checked:
		s.checked = e.Check
	}
}

// diagnosis is what the engine makes of what the candidate knows.
func (s *Session) diagnosis() *checklist.Diagnosis {
	if s.judged == nil {
		s.judged = s.inquiry.Diagnose()
	}
	return s.judged
}
