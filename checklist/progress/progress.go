// Package progress keeps what was trained, and says what that comes to: strengths
// and weaknesses by hop and by group of the checklist, and what to do next.
//
// # The file
//
// The log is lines that are only ever appended. Each has a checksum of eight
// hexadecimal digits (CRC-32C of the JSON) and the entry as JSON:
//
//	5f1d9c02 {"at":"2026-...","kind":"drill","card":"belief:L2","grade":3,"hops":["listen"]}
//
// A damaged line is passed over and counted. A last line without its end was being
// written when whydrop was killed: nobody was told that it is kept.
package progress

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Kind is what was trained.
type Kind string

// The kinds of training. An entry of a kind that is not known is kept and counts
// for nothing.
const (
	Train     Kind = "train"     // a session in the candidate's seat
	Interview Kind = "interview" // a session with an interviewer at the other side
	Drill     Kind = "drill"     // one answer to one card
)

// Entry is one thing that was trained.
type Entry struct {
	At   time.Time `json:"at"` // when it ended; now if Add finds it zero
	Kind Kind      `json:"kind"`

	// Session names the session, or the answer of a drill. A later entry with the same
	// name replaces the earlier one, so that a session that is gone on with counts once,
	// and an answer that is graded anew.
	Session  string   `json:"session,omitempty"`
	Scenario string   `json:"scenario,omitempty"` // its id
	Level    int      `json:"level,omitempty"`    // of the scenario, 1 to 3
	Truths   []string `json:"truths,omitempty"`   // cause ids; none for a healthy host
	Hops     []string `json:"hops,omitempty"`     // of the truths, or of the card
	// Groups are marks from 0 to 1 by the group of the checklist, 1 to 10. A group
	// that the session says nothing about is left out.
	Groups map[int]float64 `json:"groups,omitempty"`
	// Areas are marks from 0 to 1 by what was judged, such as "clarifying".
	Areas   map[string]float64 `json:"areas,omitempty"`
	Steps   int                `json:"steps,omitempty"`
	Seconds float64            `json:"seconds,omitempty"` // that it took
	Total   float64            `json:"total,omitempty"`   // the whole mark, 0 to 1

	Card  string `json:"card,omitempty"`  // of a drill: its id
	Grade int    `json:"grade,omitempty"` // of a drill: 1 again, 2 hard, 3 good, 4 easy
}

// Check says what is wrong with an entry: a mark outside of 0 to 1, a group or
// grade that does not exist.
func (e Entry) Check() error {
	if e.Kind == "" {
		return fmt.Errorf("an entry without a kind: expected %s, %s or %s", Train, Interview, Drill)
	}
	marks := map[string]float64{"the total": e.Total}
	for g, mark := range e.Groups {
		if g < 1 || g > 10 {
			return fmt.Errorf("group %d: expected 1 to 10", g)
		}
		marks["group "+strconv.Itoa(g)] = mark
	}
	for area, mark := range e.Areas {
		marks[strconv.Quote(area)] = mark
	}
	for what, mark := range marks {
		if !(mark >= 0 && mark <= 1) { // NaN is neither
			return fmt.Errorf("the mark of %s is %v: expected 0 to 1", what, mark)
		}
	}
	switch {
	case e.Kind == Drill && (e.Card == "" || e.Grade < 1 || e.Grade > 4):
		return fmt.Errorf("an answer to card %q with grade %d: expected a card and 1 to 4", e.Card, e.Grade)
	case !(e.Seconds >= 0) || math.IsInf(e.Seconds, 0):
		return fmt.Errorf("it took %v seconds: expected 0 or more", e.Seconds)
	}
	return nil
}

// Replaced says of each entry whether a later one of the same name replaces it.
func Replaced(entries []Entry) []bool {
	last := map[string]int{}
	replaced := make([]bool, len(entries))
	for i, e := range entries {
		if e.Session == "" {
			continue
		}
		if before, is := last[e.Session]; is {
			replaced[before] = true
		}
		last[e.Session] = i
	}
	return replaced
}

// Clock tells when entries happened as far as can be believed: in the order in which
// they were written, never before the one before and never more than a day after now.
// A clock that was wrong for a while moves the entries of that while and no others.
type Clock struct{ last time.Time }

// Of is the time of the next entry.
func (c *Clock) Of(e Entry, now time.Time) time.Time {
	if e.At.After(c.last) && !e.At.After(now.Add(24*time.Hour)) {
		c.last = e.At
	}
	if c.last.IsZero() { // all so far are in the future
		return now
	}
	return c.last
}

// Now is the time by a clock, but not before the last entry.
func (c *Clock) Now(now time.Time) time.Time {
	if c.last.After(now) {
		return c.last
	}
	return now
}
