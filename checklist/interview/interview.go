// Package interview is the interviewer's seat: the script of a scenario for an
// interview with a human, what was ticked and noted when, and the scorecard with the
// evidence for each mark. It knows no terminal.
//
// An interview is its scenario and its events; Replay makes it again from them. What
// the candidate asked and measured is played along in a session of package train, so
// that each step is valued by what the candidate could know.
package interview

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"whydrop/checklist/train"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Interview is one interview. One goroutine uses it.
type Interview struct {
	// Keep is called with each event before the method that made it returns; nil for one
	// that is not kept. Its error is returned as a NotKeptError: what was noted counts
	// nevertheless.
	Keep func(Event) error
	// Now is the clock.
	Now func() time.Time

	book     *content.Book
	rubric   *content.Rubric
	scenario *content.Scenario
	host     still
	script   []*Entry
	entries  map[Key]*Entry
	ideal    []train.IdealStep
	ear      *ear
	healthy  *Entry // the line by which somebody concludes that nothing is wrong

	number    int
	sitting   bool // Begin was called
	begun     time.Time
	last      time.Time
	elapsed   time.Duration
	held      bool
	ticks     map[Key]Tick
	order     []Key          // of the questions and probes that are ticked
	off       map[Key]bool   // items that do not count though their condition came about
	steps     []Key          // of the plan, in the order in which they were ticked
	hints     []GivenHint    // in their order
	notes     []Note         // in their order
	draft     Note           // that is being typed
	verdict   *Verdict       // nil before the conclusion, or when it was taken back
	said      []Said         // what they named and took back, in order
	corrected []Correction   // ticks that were taken back, in order
	decided   map[Key]string // levels by section
	candidate string

	played   *train.Session // what the candidate asked and measured; nil to be made anew
	seeker   *train.Session // in which is searched
	outcome  map[string]time.Duration
	review   *train.Feedback // of reviewOf
	reviewOf string
}

// Tick is when something was ticked, as time from the beginning without breaks.
type Tick struct {
	After time.Duration `json:"after"`
}

// GivenHint is a hint as it was given.
type GivenHint struct {
	ID    string
	Says  string
	After time.Duration
}

// Note is a note of the interviewer.
type Note struct {
	About Key // "" for none
	Text  string
	After time.Duration
}

// Verdict is what the candidate concluded.
type Verdict struct {
	Healthy bool
	Causes  []string
	After   time.Duration
}

// Said is something that the candidate named as what it is, or took back.
type Said struct {
	Cause string // "" for: nothing is wrong
	Taken bool   // back
	After time.Duration
}

// Correction is a tick that was taken back.
type Correction struct {
	Key           Key
	Ticked, Taken time.Duration
}

// NotKeptError says that an event counts but could not be kept.
type NotKeptError struct{ Err error }

func (e *NotKeptError) Error() string { return "this counts, but is not on disk: " + e.Err.Error() }
func (e *NotKeptError) Unwrap() error { return e.Err }

// still shows the same observation again and again: what is read out stays true.
type still struct {
	probes []string
	facts  *fact.Facts
}

func (h still) Probes() []string                      { return h.probes }
func (h still) Look() (*fact.Facts, int, error)       { return h.facts, 0, nil }
func (h still) Again(moment int) (*fact.Facts, error) { return h.facts, nil }

// New makes an interview and its script. The book must have been loaded with the
// training material. It takes the time of some dozen diagnoses.
func New(book *content.Book, rubric *content.Rubric, s *content.Scenario) (*Interview, error) {
	recorded, err := train.Recorded(book, s)
	if err != nil {
		return nil, err
	}
	f, _, err := recorded.Look()
	if err != nil {
		return nil, err
	}
	n := &Interview{
		Now: time.Now, book: book, rubric: rubric, scenario: s, host: still{recorded.Probes(), f},
		ticks: map[Key]Tick{}, off: map[Key]bool{}, decided: map[Key]string{},
	}
	speech, err := book.Speech()
	if err != nil {
		return nil, err
	}
	n.ear = newEar(book, speech, rubric)
	n.healthy = &Entry{Key: Healthy, Title: "Nothing is wrong on this host"}
	if s.Healthy() {
		n.healthy.Label = "right"
	}
	if err := n.write(); err != nil {
		return nil, fmt.Errorf("the script of %s: %w", s.ID, err)
	}
	return n, nil
}

// Anew makes another interview about the same scenario, in which nothing is noted yet.
// It shares the script.
func (n *Interview) Anew() *Interview {
	return &Interview{
		Now: n.Now, book: n.book, rubric: n.rubric, scenario: n.scenario, host: n.host, script: n.script, entries: n.entries, ideal: n.ideal, ear: n.ear, healthy: n.healthy,
		ticks: map[Key]Tick{}, off: map[Key]bool{}, decided: map[Key]string{},
	}
}

// Replay does what events say in a new interview. Those that cannot be done any more,
// because the content is another by now, are left out and told in notes.
func (n *Interview) Replay(events []Event) (notes []string) {
	for _, e := range events {
		if e.Kind == Began {
			e.Key = Key(n.scenario.ID)
		}
		if err := n.do(e); err != nil {
			notes = append(notes, fmt.Sprintf("event %d (%s %s) is left out: %v", e.Number, e.Kind, content.Show(string(e.Key)), err))
		}
	}
	return notes
}

// Scenario returns the story, Rubric the rubric.
func (n *Interview) Scenario() *content.Scenario { return n.scenario }

// Rubric is the other half of Scenario.
func (n *Interview) Rubric() *content.Rubric { return n.rubric }

// Book returns the content.
func (n *Interview) Book() *content.Book { return n.book }

// Begun returns when the interview began, the zero time before.
func (n *Interview) Begun() time.Time { return n.begun }

// Begin starts the clock, or has it go on after a break. Once more it does nothing.
func (n *Interview) Begin() error {
	if n.sitting {
		return nil
	}
	n.sitting = true
	if !n.begun.IsZero() {
		return n.do(Event{Kind: Resumed, Key: Key(n.scenario.ID)})
	}
	return n.do(Event{Kind: Began, Key: Key(n.scenario.ID)})
}

// Toggle ticks a line of the script, or takes the tick back. A hint is given at each
// call. An item of the rubric that counts by itself is unticked first.
func (n *Interview) Toggle(k Key) error {
	switch {
	case k.Kind() == Hint:
		return n.do(Event{Kind: Hinted, Key: k, Text: n.HintText(k.ID())})
	case n.Has(k):
		return n.do(Event{Kind: Unticked, Key: k})
	}
	return n.do(Event{Kind: Ticked, Key: k})
}

// Tick ticks a line; once more changes nothing.
func (n *Interview) Tick(k Key) error {
	if k.Kind() != Hint && n.Has(k) {
		return nil
	}
	return n.Toggle(k)
}

// Untick takes a tick back, of a hint the last one.
func (n *Interview) Untick(k Key) error {
	if !n.Has(k) {
		return nil
	}
	return n.do(Event{Kind: Unticked, Key: k})
}

// Has says whether a line is ticked, or an item of the rubric counts by itself.
func (n *Interview) Has(k Key) bool {
	_, has := n.when(k)
	return has
}

// when is the time at which a line was ticked or came to count.
func (n *Interview) when(k Key) (time.Duration, bool) {
	switch k.Kind() {
	case Item:
		h, has := n.Heard(k.ID())
		return h.After, has
	case Hint:
		for _, h := range n.hints {
			if h.ID == k.ID() {
				return h.After, true
			}
		}
	}
	t, has := n.ticks[k]
	return t.After, has
}

// Note keeps a note about a line of the script, "" for none in particular.
func (n *Interview) Note(about Key, text string) error {
	return n.do(Event{Kind: Noted, Key: about, Text: text})
}

// Notes are all notes in their order.
func (n *Interview) Notes() []Note { return slices.Clone(n.notes) }

// Draft keeps what is being typed as a note, so that a kill does not lose it.
func (n *Interview) Draft(about Key, text string) error {
	return n.do(Event{Kind: Drafted, Key: about, Text: text})
}

// Drafted is what was being typed, nothing once a note about the same was kept.
func (n *Interview) Drafted() (about Key, text string) { return n.draft.About, n.draft.Text }

// Conclude notes what the candidate concluded; a later one replaces an earlier one. No
// cause and not healthy takes it back.
func (n *Interview) Conclude(v Verdict) error {
	return n.do(Event{Kind: Concluded, Healthy: v.Healthy, Causes: v.Causes})
}

// Verdict is what the candidate concluded, nil before.
func (n *Interview) Verdict() *Verdict { return n.verdict }

// Decide puts a section of the rubric, or the whole, at a level; "" takes it back.
func (n *Interview) Decide(section, level string) error {
	return n.do(Event{Kind: Decided, Key: KeyOf(Section, section), Text: level})
}

// Call gives the candidate a name for the scorecard; "" takes it back.
func (n *Interview) Call(name string) error { return n.do(Event{Kind: Named, Text: name}) }

// Candidate is the name for the scorecard.
func (n *Interview) Candidate() string { return n.candidate }

// do does what an event says and keeps it.
func (n *Interview) do(e Event) error {
	if e.At.IsZero() {
		e.At = n.Now()
	}
	if err := n.possible(e); err != nil {
		return err
	}
	kept := e.Number > 0 // it is being replayed
	if !kept {
		e.Number = n.number + 1
	}
	n.number = max(n.number, e.Number)
	n.advance(e)
	n.apply(e)
	n.outcome = nil
	if n.Keep != nil && !kept {
		if err := n.Keep(e); err != nil {
			return &NotKeptError{err}
		}
	}
	return nil
}

// possible says why an event cannot be.
func (n *Interview) possible(e Event) error {
	switch e.Kind {
	case Ticked, Unticked, Hinted:
		if entry := n.entries[e.Key]; entry == nil || !entry.Tickable() {
			return fmt.Errorf("the script has nothing to tick by the name of %q", string(e.Key))
		}
	case Concluded:
		if e.Healthy && len(e.Causes) > 0 {
			return errors.New("a conclusion names a cause or says that nothing is wrong, not both")
		}
		for _, id := range e.Causes {
			if n.book.Cause(id) == nil {
				return fmt.Errorf("there is no cause %q", id)
			}
		}
	case Decided:
		if id := e.Key.ID(); id != content.Whole && n.rubric.Section(id) == nil {
			return fmt.Errorf("the rubric has no section %q", id)
		}
		if e.Text != "" && e.Text != Below && n.rubric.Level(e.Text) < 0 {
			return fmt.Errorf("the rubric has no level %q", e.Text)
		}
	}
	return nil
}

// apply changes the interview as an event says.
func (n *Interview) apply(e Event) {
	switch e.Kind {
	case Ticked:
		n.tick(e.Key)
	case Unticked:
		n.untick(e.Key)
	case Hinted:
		n.hints = append(n.hints, GivenHint{e.Key.ID(), e.Text, n.elapsed})
	case Noted:
		n.notes = append(n.notes, Note{e.Key, e.Text, n.elapsed})
		if n.draft.About == e.Key {
			n.draft = Note{}
		}
	case Drafted:
		n.draft = Note{e.Key, e.Text, n.elapsed}
	case Concluded:
		n.conclude(e)
	case Decided:
		n.decided[e.Key] = e.Text
	case Named:
		n.candidate = e.Text
	}
}

// conclude notes what was named and what was taken back.
func (n *Interview) conclude(e Event) {
	named := func(v *Verdict) []string {
		switch {
		case v == nil:
			return nil
		case v.Healthy:
			return []string{""}
		}
		return v.Causes
	}
	before := named(n.verdict)
	n.verdict = &Verdict{e.Healthy, e.Causes, n.elapsed}
	if !e.Healthy && len(e.Causes) == 0 {
		n.verdict = nil
	}
	for _, id := range before {
		if !slices.Contains(named(n.verdict), id) {
			n.said = append(n.said, Said{id, true, n.elapsed})
		}
	}
	for _, id := range named(n.verdict) {
		if !slices.Contains(before, id) {
			n.said = append(n.said, Said{id, false, n.elapsed})
		}
	}
}

// Said is what the candidate named as what it is and took back, in order.
func (n *Interview) Said() []Said { return slices.Clone(n.said) }

func (n *Interview) tick(k Key) {
	n.ticks[k] = Tick{n.elapsed}
	switch k.Kind() {
	case Question, Probe:
		n.order = append(n.order, k)
		if n.played != nil {
			n.play(k)
		}
	case Step:
		n.steps = append(n.steps, k)
	case Item:
		delete(n.off, k)
	}
}

func (n *Interview) untick(k Key) {
	if at, had := n.when(k); had {
		n.corrected = append(n.corrected, Correction{k, at, n.elapsed})
	}
	delete(n.ticks, k)
	is := func(have Key) bool { return have == k }
	switch k.Kind() {
	case Question, Probe:
		n.order = slices.DeleteFunc(n.order, is)
		n.played = nil
	case Step:
		n.steps = slices.DeleteFunc(n.steps, is)
	case Item:
		n.off[k] = true
	case Hint:
		for i, h := range slices.Backward(n.hints) {
			if h.ID == k.ID() {
				n.hints = slices.Delete(n.hints, i, i+1)
				return
			}
		}
	}
}

// Steps counts the questions and measurements.
func (n *Interview) Steps() int { return len(n.order) }

// Due are the remarks that are to be dropped in by now and were not yet.
func (n *Interview) Due() []*Entry {
	var due []*Entry
	for i, r := range n.scenario.Remarks {
		if k := KeyOf(Remark, strconv.Itoa(i)); r.After <= n.Steps() && !n.Has(k) {
			due = append(due, n.entries[k])
		}
	}
	return due
}

// Hints are those that were given.
func (n *Interview) Hints() []GivenHint { return slices.Clone(n.hints) }

// session is what the candidate asked and measured so far, played in a session.
func (n *Interview) session() *train.Session {
	if n.played == nil {
		n.played = train.New(n.book, n.scenario, n.host)
		for _, k := range n.order {
			n.play(k)
		}
	}
	return n.played
}

// play has a question asked or a probe measured in the session.
func (n *Interview) play(k Key) {
	at := n.begun.Add(n.ticks[k].After)
	n.played.Now = func() time.Time { return at }
	if k.Kind() == Question {
		_, _ = n.played.Ask(k.ID()) // the script has it, and the session is not over
		return
	}
	_, _ = n.played.Measure(k.ID())
}
