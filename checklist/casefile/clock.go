package casefile

import (
	"fmt"
	"time"
)

const (
	// clockStep is how far a clock may go back before that is told: observations are
	// written beside what is said.
	clockStep = 2 * time.Second
	// longestPause is for how long a session may keep no observation before that is
	// told: of a large host few are kept.
	longestPause = 10 * time.Minute
)

// sessionClock follows the times in a case, in the order of its lines, and notes where
// the clock of the host was set.
type sessionClock struct {
	last    time.Time // that was told in this session
	watched time.Time // until when, in this session; when that began at first
	newest  time.Time // end of the newest observation of all
	void    bool      // the session is with a recording, in which one moves about
	back    bool      // it was told that the clock went back
	notes   []string
}

// begins takes the beginning of a session.
func (c *sessionClock) begins(h *Header) {
	if c.void = h.Demo || h.Recorded || len(h.Replay) > 0; c.void {
		return
	}
	c.at(h.Started)
	c.watched = h.Started
}

// seen takes the end of an observation.
func (c *sessionClock) seen(t time.Time) {
	if t.After(c.newest) {
		c.newest = t
	}
	if c.void {
		return
	}
	if pause := t.Sub(c.watched); !c.watched.IsZero() && pause > longestPause {
		c.notes = append(c.notes, fmt.Sprintf("between %s and %s no observation was kept: the clock went forward, or the host stood still", moment(c.watched), moment(t)))
	}
	c.at(t)
	c.watched = t
}

func (c *sessionClock) at(t time.Time) {
	if by := c.last.Sub(t); by > clockStep && !c.back {
		c.back = true
		c.notes = append(c.notes, fmt.Sprintf("the clock went back by %v at %s", by.Round(time.Second), moment(c.last)))
	}
	c.last = t
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
