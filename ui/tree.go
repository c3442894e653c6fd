package ui

import (
	"fmt"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// ruledOut is the probability below which a cause is shown as out of question.
const ruledOut = 0.02

// hopLines is the tree with one entry a hop, for the side of a wide screen.
func (m *model) hopLines(w int, whole bool) []string {
	var lines []string
	for _, v := range m.kase.Hops(m.diagnosis) {
		hop := m.hopEntry(v, w)
		if !whole {
			hop[0] = m.theme.clip(hop[0], w)
			hop = hop[:1]
		}
		lines = append(lines, hop...)
	}
	return lines
}

// hopEntry is one hop: whether it is open, what it lost, and either its most
// probable cause or the fact that closed it.
func (m *model) hopEntry(v checklist.HopView, w int) []string {
	t := m.theme
	state, style := t.open, t.plain
	switch {
	case v.Probability > checklist.Named:
		state, style = "!", t.bad
	case v.Closed:
		state, style = t.shut, t.dim
	}
	text := fmt.Sprintf("%s %-10s", state, v.Hop.Short)
	if v.Drops > 0 {
		text += content.Show(v.Drops) + " lost here. "
	}
	switch {
	case v.Closed:
		text += "closed: " + content.Show(v.Why)
	case len(v.Causes) > 0 && v.Probability >= ruledOut:
		text += checklist.Percent(v.Probability) + " " + v.Causes[0].Cause.Title
	default:
		text += "open, nothing speaks for it"
	}
	head, rest := text[:len(state)+11], text[len(state)+11:]
	var lines []string
	for _, l := range wrap(rest, w-ansi.StringWidth(head), "") {
		lines = append(lines, style.Render(head+l))
		head = fmt.Sprintf("%12s", "")
	}
	return lines
}

// treeLines is the tree with the causes under each open hop.
func (m *model) treeLines(w int) []string {
	t, hops := m.theme, m.kase.Hops(m.diagnosis)
	shut := 0
	for _, v := range hops {
		if v.Closed {
			shut++
		}
	}
	text := fmt.Sprintf("The packet's way, from the application down to the wire and beyond. Of %d places %d are closed (%s), %d are open (%s).",
		len(hops), shut, t.shut, len(hops)-shut, t.open)
	lines := append(wrap(text, w, ""), "")
	for _, v := range hops {
		lines = append(lines, m.hopEntry(v, w)...)
		if v.Closed {
			continue
		}
		for _, f := range v.Causes {
			lines = append(lines, m.treeCause(f, w)...)
		}
	}
	return lines
}

// treeCause is a cause under an open hop; one that is out of question is dim
// and says why.
func (m *model) treeCause(f *checklist.Finding, w int) []string {
	t, style := m.theme, m.theme.plain
	mark, text := t.branch, checklist.Percent(f.Probability)+" "+f.Cause.Title
	switch {
	case f.Named():
		mark, style = "!", t.bad
	case f.Probability < ruledOut && len(f.Against) > 0:
		mark, style = t.shut, t.dim
		text = f.Cause.Title + ": " + content.Show(f.Against[0].Says)
	case f.Probability < ruledOut:
		text = f.Cause.Title
	}
	var lines []string
	for i, l := range wrap(text, w-14, "") {
		if i > 0 {
			mark = " "
		}
		lines = append(lines, style.Render(fmt.Sprintf("%12s%s %s", "", mark, l)))
	}
	return lines
}
