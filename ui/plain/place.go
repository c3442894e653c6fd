package plain

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// hopCalled finds the place on the packet's way that has a name: its id, or a part
// of its title. Where there is none, or several, that is told.
func (s *session) hopCalled(name string) *content.Hop {
	var found []*content.Hop
	for _, h := range s.kase.Book.Hops {
		if strings.EqualFold(h.ID, name) || strings.EqualFold(h.Short, name) || strings.EqualFold(h.Title, name) {
			return h
		}
		if strings.Contains(strings.ToLower(h.Title), strings.ToLower(name)) {
			found = append(found, h)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	var ids []string
	for _, h := range s.kase.Book.Hops {
		if len(found) == 0 || slices.Contains(found, h) {
			ids = append(ids, h.ID)
		}
	}
	how := "There is no place"
	if len(found) > 1 {
		how = "There are several places called"
	}
	s.pen.say(fmt.Sprintf("%s %s. Expected one of %s.", how, brief(name), strings.Join(ids, ", ")))
	return nil
}

// tellBranch tells the causes at one place, and what speaks against them.
func (s *session) tellBranch(h *content.Hop) {
	for _, v := range s.kase.Hops(s.diagnosis) {
		if v.Hop != h {
			continue
		}
		s.pen.say(h.Title + ": " + lostAt(v) + countOf(len(v.Causes), "cause") + ".")
		if v.Closed {
			s.pen.item("  Closed: ", sentence(v.Why))
		}
		for _, f := range v.Causes {
			s.tellLeaf(f)
		}
		if len(v.Causes) > 0 {
			s.pen.say("c and the name of a cause, such as c " + v.Causes[0].Cause.ID + ", tells all about it.")
		}
	}
}

// tellLeaf tells a cause in short, with what speaks most for or against it.
func (s *session) tellLeaf(f *checklist.Finding) {
	text := f.Cause.Title + odds(f) + ", " + f.Cause.ID + ". "
	switch {
	case f.Probability >= ruledOut && len(f.For) > 0:
		text += "For, " + weight(f.For[0]) + ": " + sentence(f.For[0].Says)
	case len(f.Against) > 0:
		text += "Against, " + weight(f.Against[0]) + ": " + sentence(f.Against[0].Says)
	case len(f.Unknown) > 0:
		text += "Not all of its signs could be looked at."
	default:
		text += "Nothing speaks for it."
	}
	s.pen.item("  ", text)
}

// tellPlace tells all about one place on the packet's way: what it is, its causes
// that are likely, what its counters say, and what happens there.
func (s *session) tellPlace(h *content.Hop) {
	p := s.pen
	for _, stop := range checklist.Way(s.kase.Hops(s.diagnosis), s.kase.Places(s.diagnosis)) {
		if stop.Hop != h {
			continue
		}
		p.say(h.Title + ": " + sentence(h.Means))
		for _, f := range stop.Causes {
			switch {
			case f.Named():
				p.item("  Named: ", fmt.Sprintf("%s (%s).", f.Cause.Title, percent(f.Probability)))
			case f.Probability >= ruledOut:
				p.item("  Possible: ", fmt.Sprintf("%s (%s).", f.Cause.Title, percent(f.Probability)))
			}
		}
		if stop.Closed {
			p.item("  Closed: ", sentence(stop.Why))
		}
		s.tellLane("Received", stop.Received)
		s.tellLane("Sent", stop.Sent)
	}
	for _, step := range s.kase.Book.Journey {
		if slices.Contains(step.Hops, h.ID) {
			side := map[string]string{"source": "sending", "destination": "receiving", "network": "on the way"}[step.Side]
			p.item("What happens here, "+side+": ", step.Title+": "+sentence(step.Happens))
			s.fields("  ", [][2]string{{"What is lost", step.Loses}})
		}
	}
}

// tellLane tells the counters of one direction at a place: those that moved with
// what they mean, then those that moved before, then the rest in short.
func (s *session) tellLane(title string, lane checklist.Lane) {
	p := s.pen
	switch {
	case !lane.Passes:
		return
	case len(lane.Places) == 0:
		p.say(title + ": nothing on this host counts losses here.")
		return
	}
	p.say(title + ":")
	var before, still, whys []string
	unread := map[string][]string{}
	for _, e := range lane.Places {
		counter := content.Show(e.Counter)
		switch {
		case e.Unknown != "":
			if unread[e.Unknown] == nil {
				whys = append(whys, e.Unknown)
			}
			unread[e.Unknown] = append(unread[e.Unknown], counter)
		case e.Drops > 0:
			p.item("  ", counted(s.place(e.Hop), e)+s.meaning(e.Fact))
		case e.Total != nil && *e.Total > 0:
			before = append(before, content.Show(*e.Total)+" "+counter)
		default:
			still = append(still, counter)
		}
	}
	s.fields("  ", [][2]string{
		{"0 now, before", sentence(strings.Join(before, "; "))}, {"0 now and ever", sentence(strings.Join(slices.Compact(still), "; "))},
	})
	for _, why := range whys {
		p.item("  Unknown, ", content.Show(why)+": "+sentence(strings.Join(slices.Compact(unread[why]), "; ")))
	}
}

// meaning is what a counter means, as a further sentence; "" if it has none.
func (s *session) meaning(name string) string {
	if d := s.kase.Book.Facts.Fact(name); d != nil {
		return " It means: " + sentence(d.Means)
	}
	return ""
}
