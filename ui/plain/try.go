package plain

import (
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// trial is what a destination that was tried showed, and for how long it counts.
type trial struct {
	found *fact.Facts
	until time.Time
}

// trialCounts is for how long the outcome of a trial is evidence: what was true
// a while ago may not be true now.
const trialCounts = time.Minute

// try tries a destination, while nothing else is done.
func (s *session) try(destination string) {
	if s.Try == nil {
		s.pen.say("No destination can be tried from here.")
		return
	}
	s.pen.say("Trying " + content.Show(destination) + ", a few seconds.")
	if s.pen.flush() != nil {
		return // comes up with the next line
	}
	found, err := s.Try(s.ctx, destination)
	if s.ctx.Err() != nil {
		return
	}
	why := ""
	if err != nil {
		why = err.Error()
	} else {
		for _, p := range found.Probes {
			if p.Status != "ok" {
				why = p.Why
			}
		}
	}
	if why != "" {
		s.pen.say("Not tried: " + sentence(why))
		return
	}
	s.concluded = false
	s.trial = trial{found, s.now().Add(trialCounts)}
	if s.newest != nil {
		s.judge(s.withTrial(s.newest))
	}
	s.pen.say("Tried. It counts for a minute; e target tells what was found.")
	s.news.repeat = true
}

// withTrial adds what the last trial showed to newer facts, as long as it counts.
func (s *session) withTrial(f *fact.Facts) *fact.Facts {
	if s.trial.found == nil || s.now().After(s.trial.until) {
		return f
	}
	return f.With(s.trial.found)
}
