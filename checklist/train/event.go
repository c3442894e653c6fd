package train

import (
	"fmt"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Kind says what the candidate did.
type Kind string

// The kinds of events. Asked and Measured are the steps that are counted.
const (
	Began     Kind = "begin"
	Resumed   Kind = "resume" // after a break, which does not count as time
	Waited    Kind = "wait"   // time goes on
	Asked     Kind = "ask"
	Measured  Kind = "measure"
	Suspected Kind = "suspect"
	Dropped   Kind = "drop"
	Noted     Kind = "note"
	Hinted    Kind = "hint"
	Concluded Kind = "conclude" // cause and place, before the plan
	Committed Kind = "commit"
	Checked   Kind = "check"
	Verified  Kind = "verify" // whether a live host is mended
)

// Event is one thing that the candidate did. What they did (Kind, ID, Text, Moment,
// Facts, Conclusion, Check, Mending, Repeat) is enough to make the session again; the rest is worked
// out from it.
type Event struct {
	Number int       `json:"n"` // from 1
	At     time.Time `json:"at"`
	Kind   Kind      `json:"kind"`
	ID     string    `json:"id,omitempty"`   // of the question, probe or cause; of the scenario
	Text   string    `json:"text,omitempty"` // of a note, a hint
	// Moment is the observation of a recording that was measured, Live for one of a host
	// that is watched: then Facts are what was measured.
	Moment     int         `json:"moment,omitempty"`
	Facts      *fact.Facts `json:"facts,omitempty"`
	Conclusion *Conclusion `json:"conclusion,omitempty"`
	Check      *Check      `json:"check,omitempty"`
	Mending    *Mending    `json:"mending,omitempty"`
	Repeat     bool        `json:"repeat,omitempty"` // of the beginning: see Session.Repeat

	// What follows would tell who reads the log where to look, or the truth: it is not
	// kept, but worked out again.

	// Bits is the information that the step was expected to give at that moment, Best
	// the step of its kind (question or measurement) that was expected to give most.
	Bits float64 `json:"-"`
	Best *Step   `json:"-"`
	// Settled says that what was known named the truth already, beyond doubt.
	Settled bool `json:"-"`
	// Before and After are the probabilities of the causes at work, by id, as the engine
	// saw them with what the candidate knew; of a healthy host, under "": how far it is
	// shown that nothing is wrong.
	Before map[string]float64 `json:"-"`
	After  map[string]float64 `json:"-"`

	effect effect   // of a step
	stood  standing // of a hypothesis
}

// Step is a question to ask or a probe to measure.
type Step struct {
	Kind Kind    `json:"kind"` // Asked or Measured
	ID   string  `json:"id"`
	Bits float64 `json:"bits"` // that it was expected to give
	// separates are the causes about which it is expected to tell most.
	separates []string
}

// Counts says whether the event is a step that is counted.
func (e Event) Counts() bool { return e.Kind == Asked || e.Kind == Measured }

// Conclusion is what the candidate commits to.
type Conclusion struct {
	// Healthy says that nothing is wrong on this host. Then there are no Causes.
	Healthy bool     `json:"healthy,omitempty"`
	Causes  []string `json:"causes,omitempty"`
	Hop     string   `json:"hop,omitempty"`
	// Steps are the choices of the menu, by id.
	Steps []string `json:"steps,omitempty"`
	// In the candidate's own words; each may be empty.
	Risk        string `json:"risk,omitempty"`
	Rollback    string `json:"rollback,omitempty"`
	Verify      string `json:"verify,omitempty"`
	Explanation string `json:"explanation,omitempty"`
}

// Check is how the candidate judges their own words, beside what they should say.
type Check struct {
	// KeyPoints are those of the scenario that the explanation said, from 0.
	KeyPoints []int `json:"key_points,omitempty"`
	Risk      bool  `json:"risk,omitempty"`
	Rollback  bool  `json:"rollback,omitempty"`
	Verify    bool  `json:"verify,omitempty"`
}

// Replay makes a session again from its events. What cannot be done again, because
// the content is another by now, is left out and told in notes.
func Replay(book *content.Book, sc *content.Scenario, host Host, events []Event) (s *Session, notes []string) {
	s = New(book, sc, host)
	for _, e := range events {
		s.last = max(s.last, e.Number)
		f := e.Facts
		var err error
		if e.Kind == Measured && f == nil {
			f, err = host.Again(e.Moment)
		}
		if err == nil {
			err = s.doWith(Event{Number: e.Number, At: e.At, Kind: e.Kind, ID: e.ID, Text: e.Text, Moment: e.Moment, Facts: e.Facts, Conclusion: e.Conclusion, Check: e.Check, Mending: e.Mending, Repeat: e.Repeat}, f)
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("step %d (%s %s) is left out: %v", e.Number, e.Kind, content.Show(e.ID), err))
		}
	}
	return s, notes
}
