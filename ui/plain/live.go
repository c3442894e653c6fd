package plain

import (
	"fmt"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// news is what changed since the operator was last told. Nothing of it is told
// while a line is typed.
type news struct {
	changed []string                    // causes, in the order in which they first changed
	last    map[string]*checklist.Event // their last change
	told    map[string]bool             // causes that stood in what was told last
	verdict string                      // what the last verdict was made of; "" before the first
	repeat  bool                        // the verdict is told though it is the same
	rung    bool                        // the bell rang since the last prompt
	stale   bool                        // nothing newer comes from another machine
}

// arrived takes new facts while a line is waited for.
func (s *session) arrived(f *fact.Facts) {
	s.newest = f
	s.kase.Counted(f)
	s.lookAfter()
	if s.paused {
		return
	}
	s.judge(s.tried.Beside(f, s.now()))
	s.keep()
	s.ring()
}

// pause holds the measurements as they are, or goes on.
func (s *session) pause() {
	s.paused = !s.paused
	if s.Player != nil {
		s.Player.Pause(s.paused)
	}
	if s.paused {
		s.pen.say("Paused: what is told stays as it was measured until now. pause again goes on.")
		return
	}
	if s.newest != nil {
		s.judge(s.tried.Beside(s.newest, s.now()))
	}
	s.pen.say("Measuring goes on.")
}

// judge judges new facts, or with nil the answers anew.
func (s *session) judge(f *fact.Facts) {
	if f != nil {
		s.kase.Facts = f
	}
	s.diagnosis = s.kase.Diagnose()
	if f == nil {
		return
	}
	s.remember(f)
}

// ring rings the terminal's bell, once for a prompt, when a cause is named that
// was not when the operator was told last: a word would break the line that is
// being typed.
func (s *session) ring() {
	if !s.Typed || !s.Shown || s.news.rung {
		return
	}
	for _, id := range s.news.changed {
		if s.diagnosis.Finding(id).Named() && !s.news.told[id] {
			s.news.rung = true
			s.pen.bell()
			return
		}
	}
}

// note remembers that a cause came or went.
func (n *news) note(e checklist.Event) {
	if e.Cause == "" {
		return
	}
	if n.last == nil {
		n.last = map[string]*checklist.Event{}
	}
	if n.last[e.Cause] == nil {
		n.changed = append(n.changed, e.Cause)
	}
	n.last[e.Cause] = &e
}

// tellNews tells which causes came and went, and the verdict if it is another
// one.
func (s *session) tellNews() {
	n, d := &s.news, s.diagnosis
	is, named := string(d.Verdict), map[string]bool{}
	for _, f := range d.Named() {
		is += " " + f.Cause.ID
		named[f.Cause.ID] = true
	}
	first := n.verdict == ""
	head := "Verdict: "
	for _, id := range n.changed {
		switch named := d.Named(); {
		case first:
		case len(named) > 0 && id == named[0].Cause.ID && !n.told[id]: // the verdict tells it
			head = "Verdict, new since " + clock(n.last[id].At) + ": "
		default:
			s.tellChange(id, n.told[id])
		}
	}
	if n.verdict != is || n.repeat {
		s.pen.say(head + s.verdict())
	}
	s.concluded = s.concluded && n.verdict == is
	*n = news{told: named, verdict: is, stale: n.stale}
}

// tellChange tells how a cause changed that stood in what was told before, or
// did not.
func (s *session) tellChange(id string, before bool) {
	e := s.news.last[id]
	what := map[[2]bool]string{
		{false, true}: "New since %s: ", {true, false}: "Gone since %s: ",
		{false, false}: "Came and went, last at %s: ", {true, true}: "Went and came back at %s: ",
	}[[2]bool{before, e.Kind == checklist.Rose}]
	text := s.kase.Book.Cause(id).Title
	if f := s.diagnosis.Finding(id); f.Named() {
		text += fmt.Sprintf(" (%s)", percent(f.Probability))
	}
	s.pen.say(fmt.Sprintf(what, clock(e.At)) + sentence(text))
}

// clock is the time of day of a moment.
func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// percent is a probability as it is said aloud.
func percent(p float64) string {
	return strings.NewReplacer("> ", "over ", "< ", "under ").Replace(checklist.Percent(p))
}

// verdict is what is known at this moment, in a sentence.
func (s *session) verdict() string {
	if s.paused {
		return "PAUSED. " + s.verdictNow()
	}
	if s.news.stale && s.kase.Facts != nil {
		return "As of " + clock(record.EndOf(s.kase.Facts)) + ", and nothing newer comes: " + s.verdictNow()
	}
	return s.verdictNow()
}

func (s *session) verdictNow() string {
	d := s.diagnosis
	if s.kase.Facts == nil {
		return "UNKNOWN. Nothing could be measured yet."
	}
	switch named := d.Named(); {
	case len(named) > 0:
		text := fmt.Sprintf("FAULT. %s (%s)", named[0].Cause.Title, percent(named[0].Probability))
		if n := len(named) - 1; n > 0 {
			text += fmt.Sprintf(", and %d more", n)
		}
		return sentence(text)
	case d.Verdict == checklist.Healthy:
		if ended, _ := d.Ended(); ended != "" {
			return "HEALTHY so far. No sign of trouble; " + ended + "."
		}
		if s.news.stale {
			return fmt.Sprintf("HEALTHY. Nothing lost packets in the %.0f s until then.", s.kase.Facts.Seconds)
		}
		return fmt.Sprintf("HEALTHY so far. Nothing lost packets in the last %.0f s.", s.kase.Facts.Seconds)
	case len(d.Symptoms) > 0:
		return "UNEXPLAINED. " + sentence(d.Symptoms[0])
	default:
		return "INCONCLUSIVE. No cause can be named yet."
	}
}
