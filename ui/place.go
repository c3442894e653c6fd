package ui

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// stopLines tell of one place on the packet's way: what it is, its causes that
// are likely, what its counters say, and what happens there.
func (m *model) stopLines(s checklist.Stop, w int) []string {
	t := m.theme
	lines := styled(wrap(content.Show(s.Hop.Title), w, ""), t.bold.Render)
	lines = append(lines, styled(wrap(content.Show(s.Hop.Means), w, ""), t.dim.Render)...)
	for _, f := range s.Causes {
		switch text := checklist.Percent(f.Probability) + " " + content.Show(f.Cause.Title); {
		case f.Named():
			lines = append(lines, styled(wrap("! "+text, w, "  "), t.bad.Render)...)
		case f.Probability >= ruledOut:
			lines = append(lines, wrap("? "+text, w, "  ")...)
		}
	}
	if s.Closed {
		lines = append(lines, styled(wrap(t.shut+" closed: "+content.Show(s.Why), w, "  "), t.dim.Render)...)
	}
	lines = append(lines, m.laneLines("Received", s, s.Received, w)...)
	if s.Outside && m.diagnosis.Balance.Worth() && m.diagnosis.Balance.Unlocated > 0 {
		lines = append(append(lines, "", t.bold.Render("Sent")), m.elsewhereLines(s, w)...)
	} else {
		lines = append(lines, m.laneLines("Sent", s, s.Sent, w)...)
	}
	return append(lines, m.stepLines(s.Hop.ID, w)...)
}

// elsewhereLines say of a place outside what was lost and is counted nowhere.
func (m *model) elsewhereLines(s checklist.Stop, w int) []string {
	way, n := m.diagnosis.way(), checklist.Counted(m.diagnosis.Balance.Unlocated, "segments")
	i := slices.IndexFunc(way, func(stop checklist.Stop) bool { return stop.Outside && stop.Hop.ID != way[0].Hop.ID })
	if i >= 0 && way[i].Hop.ID == s.Hop.ID {
		return wrap("? "+n+" sent again that no place of this host lost: put down to what lies outside", w, "  ")
	}
	text := "nothing on this host counts losses here"
	if i >= 0 && s.Sent.Passes {
		text += "; of the " + n + " that got lost elsewhere (see " + content.Show(way[i].Hop.Short) + ") some may have ended here"
	}
	return styled(wrap("  "+text, w, "  "), m.theme.dim.Render)
}

// mostPlaces is how many counters of a lane are told one by one.
const mostPlaces = 40

// laneLines are the counters of one lane: those that moved with what they mean,
// then those that moved before, then the rest in short.
func (m *model) laneLines(title string, s checklist.Stop, l checklist.Lane, w int) []string {
	t := m.theme
	if !l.Passes {
		return nil
	}
	if len(l.Places) == 0 {
		return append([]string{"", t.bold.Render(title)}, styled(wrap("  nothing on this host counts losses here", w, "  "), t.dim.Render)...)
	}
	lines := []string{"", t.bold.Render(fmt.Sprintf("%s, last %.0f s", title, m.window()))}
	var before, still []string
	unread, told := newGroups(), 0
	for _, e := range l.Places {
		switch {
		case e.Unknown != "":
			unread.add(e.Unknown, content.Show(e.Counter))
		case e.Drops <= 0 && (e.Total == nil || *e.Total <= 0):
			still = append(still, content.Show(e.Counter))
		case e.Drops <= 0:
			before = append(before, content.Show(*e.Total)+" "+content.Show(e.Counter))
		case told < mostPlaces:
			told++
			lines = append(lines, m.placeLines(e, s.Probability > checklist.Named, w)...)
		default:
			told++
		}
	}
	if told > mostPlaces {
		lines = append(lines, t.dim.Render(fmt.Sprintf("  and %d more", told-mostPlaces)))
	}
	dim := func(text string) { lines = append(lines, styled(wrap(text, w, "    "), t.dim.Render)...) }
	if len(before) > 0 {
		dim("  0 now, before: " + t.listed(before))
	}
	if len(still) > 0 {
		dim("  0 now and ever: " + t.listed(slices.Compact(still)))
	}
	for _, why := range unread.order {
		dim("  ? " + content.Show(why) + ": " + t.listed(unread.of[why]))
	}
	return lines
}

// placeLines tell of one counter that moved, at a place where a cause is named or
// not.
func (m *model) placeLines(e checklist.LedgerEntry, named bool, w int) []string {
	t := m.theme
	before := ""
	if e.Total != nil && *e.Total > e.Drops {
		before = content.Show(*e.Total-e.Drops) + " before"
	}
	mark, style, note := "* ", t.bold, ""
	switch {
	case !e.Loss:
		mark, style, note = "? ", t.plain, " (not all of it need be a loss, or it is counted elsewhere)"
	case named:
		mark, style = "! ", t.bad
	}
	head := mark + checklist.Counted(e.Drops, e.Unit)
	if rate := perSecond(e.Drops, m.window()); rate != "" {
		head += ", " + rate
	}
	lines := styled(wrap(head+note, w, "  "), style.Render)
	if points := m.track().Recent(e.Fact); e.Fact != "" && len(points) > 1 {
		chart := t.spark(points, 16, 0) + t.dim.Render(" two minutes")
		if len(lines) == 1 && len(head)+31 <= w {
			lines[0] += "  " + chart
		} else {
			lines = append(lines, "    "+chart)
		}
	}
	text := content.Show(e.Counter)
	if before != "" {
		text += ", " + before
	}
	lines = append(lines, wrap("    "+text, w, "    ")...)
	if def := m.kase.Book.Facts.Fact(e.Fact); def != nil {
		lines = append(lines, styled(wrap("    "+content.Show(def.Means), w, "    "), t.dim.Render)...)
	}
	return lines
}

// stepLines tell what happens to a packet at a hop, in the order of its journey.
func (m *model) stepLines(hop string, w int) []string {
	t := m.theme
	lines := []string{"", t.bold.Render("What happens here")}
	for _, s := range m.stepsAt(hop) {
		side := map[string]string{"source": "sending", "destination": "receiving", "network": "on the way"}[s.Side]
		lines = append(lines, wrap("  "+content.Show(s.Title)+" ("+side+"): "+content.Show(s.Happens), w, "    ")...)
		if s.Loses != "" {
			lines = append(lines, wrap("    What is lost: "+content.Show(s.Loses), w, "    ")...)
		}
	}
	if len(lines) == 2 {
		return nil
	}
	return lines
}

// stepsAt are the steps of the journey that pass a hop: first those that begin or
// end there, each in the order of the journey.
func (m *model) stepsAt(hop string) []*content.JourneyStep {
	var mainly, also []*content.JourneyStep
	for _, s := range m.kase.Book.Journey {
		switch i := slices.Index(s.Hops, hop); {
		case i == 0, i > 0 && i == len(s.Hops)-1:
			mainly = append(mainly, s)
		case i > 0:
			also = append(also, s)
		}
	}
	return append(mainly, also...)
}

// listed joins names, at most eight, and counts the rest.
func (t theme) listed(names []string) string {
	const most, longest = 8, 90
	var shown []string
	for _, name := range names[:min(most, len(names))] {
		shown = append(shown, t.clip(name, longest))
	}
	text := strings.Join(shown, ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// groups are names under what they have in common, in the order of coming.
type groups struct {
	order []string
	of    map[string][]string
}

func newGroups() *groups { return &groups{of: map[string][]string{}} }

func (g *groups) add(key, name string) {
	if g.of[key] == nil {
		g.order = append(g.order, key)
	}
	if names := g.of[key]; len(names) == 0 || names[len(names)-1] != name {
		g.of[key] = append(names, name)
	}
}

// window is how long the measurements that are shown took, in seconds; 0 before
// the first.
func (m *model) window() float64 {
	if m.diagnosis.facts == nil {
		return 0
	}
	return m.diagnosis.facts.Seconds
}
