package interview

import (
	"strings"
	"time"
)

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	Began     Kind = "begin"
	Resumed   Kind = "resume"   // after a break, which does not count as time
	Held      Kind = "hold"     // the clock stands
	Went      Kind = "go"       // the clock goes on
	Ticked    Kind = "tick"     // Key happened
	Unticked  Kind = "untick"   // Key was ticked by mistake
	Hinted    Kind = "hint"     // the hint Key was given in the words of Text
	Noted     Kind = "note"     // Text, about Key if there is one
	Drafted   Kind = "draft"    // Text is being typed as a note about Key
	Concluded Kind = "conclude" // the candidate named Causes, or nothing (Healthy)
	Decided   Kind = "level"    // the interviewer puts Key at the level Text; "" takes it back
	Named     Kind = "name"     // the candidate is called Text
)

// kinds are the kinds of events that can be read.
var kinds = []Kind{Began, Resumed, Held, Went, Ticked, Unticked, Hinted, Noted, Drafted, Concluded, Decided, Named}

// Key names a line of the script, as KIND:ID.
type Key string

// The kinds of lines, in the order of the script.
const (
	Story    = "story"    // what the interviewer should know
	Question = "question" // of the checklist, by its id
	Probe    = "probe"    // by its name
	Aside    = "aside"    // what no recording shows, of the rubric
	Remark   = "remark"   // of the scenario, from 0
	Hint     = "hint"     // of the rubric
	Herring  = "herring"  // a look-alike that was ruled out, by its cause
	Point    = "point"    // a key point of the explanation, from 0
	Step     = "step"     // of the plan, by its id in the menu
	Item     = "item"     // of the rubric
	Section  = "section"  // of the rubric, or the whole: to be put at a level
	Cause    = "cause"    // that somebody concludes, or "healthy"; Conclude takes it
)

// KeyOf names a line.
func KeyOf(kind, id string) Key { return Key(kind + ":" + id) }

// Kind is what stands before the colon, ID what stands behind it.
func (k Key) Kind() string {
	kind, _, _ := strings.Cut(string(k), ":")
	return kind
}

// ID is the other half of Kind.
func (k Key) ID() string {
	_, id, _ := strings.Cut(string(k), ":")
	return id
}

// Event is one thing that the interviewer noted.
type Event struct {
	Number  int       `json:"n"` // from 1
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	Key     Key       `json:"key,omitempty"` // of the first event: the scenario's id
	Text    string    `json:"text,omitempty"`
	Healthy bool      `json:"healthy,omitempty"`
	Causes  []string  `json:"causes,omitempty"`
}
