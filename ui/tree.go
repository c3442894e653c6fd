package ui

import (
	"fmt"

	"whydrop/checklist"
	"whydrop/content"
)

// treeScreen shows the decision tree: the hops of the packet's way and the
// causes at each, closed branches with the fact that closed them.
type treeScreen struct{ pager pager }

func (s *treeScreen) key(m *model, name string) { s.pager.key(name, m.layout.bodyHeight) }

func (s *treeScreen) draw(m *model, w, h int) []string {
	if m.diagnosis == nil {
		return nil
	}
	return s.pager.draw(m.treeFull(w), h)
}

// treeLines is the tree with one line a hop, for the side of a wide screen.
func (m *model) treeLines(w int) []string {
	var lines []string
	for _, v := range m.kase.Hops(m.diagnosis) {
		lines = append(lines, m.hopLine(v, w))
	}
	return lines
}

func (m *model) hopLine(v checklist.HopView, w int) string {
	t := m.theme
	state, style := t.open, t.plain
	switch {
	case v.Probability > checklist.Named:
		style = t.bad
	case v.Closed:
		state, style = t.shut, t.dim
	}
	text := fmt.Sprintf("%s %-10s", state, v.Hop.Short)
	if v.Drops > 0 {
		text += fmt.Sprintf(" %s lost", content.Show(v.Drops))
	}
	switch {
	case v.Closed:
		text += "  closed: " + v.Why
	case len(v.Causes) > 0:
		text += fmt.Sprintf("  %s  %s", checklist.Percent(v.Probability), v.Causes[0].Cause.Title)
	}
	return style.Render(t.clip(content.Show(text), w))
}

// treeFull is the tree with the causes under each open hop.
func (m *model) treeFull(w int) []string {
	t := m.theme
	lines := []string{t.dim.Render(t.clip("From the application down to the wire and beyond. "+t.open+" open, "+t.shut+" closed.", w))}
	for _, v := range m.kase.Hops(m.diagnosis) {
		lines = append(lines, m.hopLine(v, w))
		if v.Closed {
			continue
		}
		for _, f := range v.Causes {
			text := fmt.Sprintf("   %s %6s  %s", t.branch, checklist.Percent(f.Probability), f.Cause.Title)
			if len(f.Against) > 0 && !f.Named() && f.Probability < 0.02 {
				text += " (" + f.Against[0].Says + ")"
			}
			text = t.clip(content.Show(text), w)
			switch {
			case f.Named():
				text = t.bad.Render(text)
			case f.Probability < 0.02:
				text = t.dim.Render(text)
			}
			lines = append(lines, text)
		}
	}
	return lines
}
