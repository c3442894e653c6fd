package plain

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

func way(direction string) string {
	if direction == "rx" {
		return "receiving"
	}
	return "sending"
}

// place is the name of a hop.
func (s *session) place(hop string) string {
	if h := s.kase.Book.Hop(hop); h != nil {
		return h.Title
	}
	return hop
}

// tellTree tells the decision tree: the places on the packet's way, those at
// fault first, then those that are open, then the closed ones with the fact that
// closed them. Of one place that is named, its causes.
func (s *session) tellTree(place string) {
	if place != "" {
		if h := s.hopCalled(place); h != nil {
			s.tellBranch(h)
		}
		return
	}
	hops := s.kase.Hops(s.diagnosis)
	var faults, open, closed []checklist.HopView
	for _, v := range hops {
		switch {
		case v.Probability > checklist.Named:
			faults = append(faults, v)
		case v.Closed:
			closed = append(closed, v)
		default:
			open = append(open, v)
		}
	}
	s.pen.say(fmt.Sprintf("%d places on the packet's way: %d at fault, %d open, %d closed.", len(hops), len(faults), len(open), len(closed)))
	for _, v := range faults {
		s.pen.item("Fault at ", v.Hop.Title+": "+lostAt(v)+sentence(likely(v)))
	}
	for _, v := range open {
		left := 0
		for _, f := range v.Causes {
			if f.Probability >= ruledOut || len(f.Against) == 0 {
				left++
			}
		}
		text := fmt.Sprintf("%s, %d of %d causes left. %s", v.Hop.Title, left, len(v.Causes), lostAt(v))
		if v.Probability >= ruledOut {
			text += sentence("Likely: " + likely(v))
		}
		s.pen.item("Open: ", text)
	}
	for _, v := range closed {
		s.pen.item("Closed: ", v.Hop.Title+", because "+sentence(v.Why)+" "+lostAt(v))
	}
}

// ruledOut is the probability under which a cause is out of question.
const ruledOut = 0.02

func lostAt(v checklist.HopView) string {
	if v.Drops == 0 {
		return ""
	}
	return content.Show(v.Drops) + " lost here. "
}

// likely names the causes of a hop that are likely.
func likely(v checklist.HopView) string {
	var names []string
	for _, f := range v.Causes {
		if f.Probability >= ruledOut {
			names = append(names, fmt.Sprintf("%s (%s)", f.Cause.Title, percent(f.Probability)))
		}
	}
	return strings.Join(names, "; ")
}

// tellJourney tells what each place on the packet's way lost, in the order in
// which a packet passes them. What was lost before and what nobody could read is
// told counter by counter only if all is asked for; by ear that takes minutes.
func (s *session) tellJourney(how string) {
	all := strings.EqualFold(how, "all")
	if how != "" && !all {
		if h := s.hopCalled(how); h != nil {
			s.tellPlace(h)
		}
		return
	}
	stops := checklist.Way(s.kase.Hops(s.diagnosis), s.kase.Places(s.diagnosis))
	j := &journeyTeller{session: s, all: all, unread: map[string][]string{}}
	s.pen.say("Receiving, from the wire up to the application:")
	for _, stop := range slices.Backward(stops) {
		j.lane(stop.Hop.Title, stop.Received)
	}
	j.tellStill()
	s.pen.say("Sending, from the application down to the wire:")
	var outside []string
	for _, stop := range stops {
		j.lane(stop.Hop.Title, stop.Sent)
		if stop.Outside {
			outside = append(outside, stop.Hop.Title)
		}
	}
	j.tellStill()
	for _, why := range j.whys {
		s.pen.say("Unknown, " + content.Show(why) + ": " + sentence(strings.Join(j.unread[why], "; ")))
	}
	if len(outside) > 0 {
		s.pen.say("Not counted on this host: " + strings.Join(outside, ", ") + ".")
	}
	if b := s.diagnosis.Balance; b.Worth() {
		s.pen.say("Balance: " + sentence(b.String()))
	}
	if !j.all {
		s.pen.say("j all tells every counter that ever moved, or that nobody could read.")
	}
}

// journeyTeller collects places that are told together.
type journeyTeller struct {
	*session
	all    bool
	still  []string            // places that lost nothing now
	before []string            // of these, those that did before
	whys   []string            // why places could not be read
	unread map[string][]string // these places by the reason
}

// lane tells one direction at a place if it moved now; else it joins those that
// did not.
func (j *journeyTeller) lane(title string, lane checklist.Lane) {
	told, before, read := false, false, lane.Unread < len(lane.Places)
	for _, e := range lane.Places {
		if e.Unknown != "" {
			j.addUnread(e, title, read)
			continue
		}
		moved := e.Drops > 0
		before = before || !moved && e.Total != nil && *e.Total > 0
		if text := counted(title, e); text != "" && (moved || j.all) {
			j.tellStill()
			j.pen.item("  ", text)
			told = true
		}
	}
	if read && !told {
		j.still = append(j.still, title)
		if before {
			j.before = append(j.before, title)
		}
	}
}

// addUnread notes that a counter of a place could not be read, and whether others
// could.
func (j *journeyTeller) addUnread(e checklist.LedgerEntry, title string, others bool) {
	why := e.Unknown
	switch {
	case j.all:
		title += " " + e.Counter
	case others:
		title = "part of " + title
	}
	if j.unread[why] == nil {
		j.whys = append(j.whys, why)
	}
	if !slices.Contains(j.unread[why], title) {
		j.unread[why] = append(j.unread[why], title)
	}
}

// tellStill tells the places that were passed since the last one that moved.
func (j *journeyTeller) tellStill() {
	if len(j.still) > 0 {
		before := "."
		if len(j.before) > 0 {
			before = "; earlier at " + strings.Join(j.before, ", ") + "."
		}
		j.pen.item("  Nothing now: ", strings.Join(j.still, ", ")+before)
	}
	j.still, j.before = nil, nil
}

// counted says what a place lost now and before, "" for nothing.
func counted(title string, e checklist.LedgerEntry) string {
	ever := ""
	if e.Total != nil && *e.Total > 0 {
		ever = fmt.Sprintf(", %s since the counter began", content.Show(*e.Total))
	}
	where := fmt.Sprintf("%s (%s)", title, e.Counter)
	switch {
	case e.Drops > 0 && e.Loss:
		return fmt.Sprintf("Lost %s %s now at %s%s.", content.Show(e.Drops), e.Unit, where, ever)
	case e.Drops > 0:
		return fmt.Sprintf("Counted %s %s now at %s%s; perhaps nobody misses them.", content.Show(e.Drops), e.Unit, where, ever)
	case ever != "":
		return fmt.Sprintf("Earlier %s %s at %s, nothing now.", content.Show(*e.Total), e.Unit, where)
	}
	return ""
}
