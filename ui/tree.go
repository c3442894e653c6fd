package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// ruledOut is the probability below which a cause is shown as out of question.
const ruledOut = 0.02

// treeScreen shows the decision tree: the places on the packet's way, closed
// ones with the fact that closed them. The place under the cursor, and those
// with a likely cause, stand open and show their causes.
type treeScreen struct {
	at     string // hop id, "" until one has moved: the most likely, if any is
	scroll scroll
}

func (s *treeScreen) key(m *model, name string) {
	hops := m.kase.Hops(m.diagnosis)
	i := s.index(hops)
	switch name {
	case "up", "k":
		i--
	case "down", "j":
		i++
	case "pgup":
		i -= 5
	case "pgdown", "space":
		i += 5
	case "home":
		i = 0
	case "end":
		i = len(hops) - 1
	case "enter":
		if v := hops[i]; len(v.Causes) > 0 {
			m.causes = causesScreen{at: v.Causes[0].Cause.ID}
			m.show(causes)
		}
		return
	}
	s.at = hops[min(max(i, 0), len(hops)-1)].Hop.ID
}

func (s *treeScreen) index(hops []checklist.HopView) int {
	best := 0
	for i, v := range hops {
		if v.Hop.ID == s.at {
			return i
		}
		if v.Probability >= ruledOut && v.Probability > hops[best].Probability {
			best = i
		}
	}
	return best
}

func (s *treeScreen) draw(m *model, w, h int) []string {
	t, hops := m.theme, m.kase.Hops(m.diagnosis)
	shut := 0
	for _, v := range hops {
		if v.Closed {
			shut++
		}
	}
	text := fmt.Sprintf("%d of %d places on the packet's way are closed (%s). Sent packets go down, received ones up.", shut, len(hops), t.shut)
	head := styled(wrap(text, w, ""), t.dim.Render)
	if h < 12 {
		head = nil
	}
	at := s.index(hops)
	var lines []string
	var first, last int
	for i, v := range hops {
		entry := m.hopEntry(v, w-2, i == at)
		mark := "  "
		if i == at {
			mark, first, last = t.pointer+" ", len(lines), len(lines)+len(entry)-1
		}
		for j, l := range entry {
			if j > 0 {
				mark = "  "
			}
			lines = append(lines, mark+l)
		}
	}
	room := h - len(head)
	return append(head, s.scroll.keep(lines, first, min(last, first+room-1), room)...)
}

// hopEntry is a hop with its causes if it is chosen, or the likely ones.
func (m *model) hopEntry(v checklist.HopView, w int, chosen bool) []string {
	lines := m.hopLine(v, w)
	if chosen {
		for _, l := range wrap(v.Hop.Title+": "+v.Hop.Means, w-12, "") {
			lines = append(lines, m.theme.dim.Render(fmt.Sprintf("%12s%s", "", l)))
		}
	}
	for _, f := range v.Causes {
		if chosen || f.Probability >= ruledOut {
			lines = append(lines, m.treeCause(f, w)...)
		}
	}
	return lines
}

// hopLine is one hop: whether it is open, what it lost, and either how many
// causes are open or the fact that closed it.
func (m *model) hopLine(v checklist.HopView, w int) []string {
	t := m.theme
	state, style := t.open, t.plain
	switch {
	case v.Probability > checklist.Named:
		state, style = "!", t.bad
	case v.Closed:
		state, style = t.shut, t.dim
	}
	text := ""
	if v.Drops > 0 {
		text = content.Show(v.Drops) + " lost here. "
	}
	switch {
	case v.Closed:
		text += "closed: " + content.Show(v.Why)
	case v.Probability >= ruledOut:
		text += checklist.Percent(v.Probability) + " " + v.Causes[0].Cause.Title
	default:
		text += m.openText(v)
	}
	head := fmt.Sprintf("%s %-9s ", state, v.Hop.Short)
	var lines []string
	for _, l := range wrap(text, w-12, "") {
		lines = append(lines, style.Render(head+l))
		head = strings.Repeat(" ", 12)
	}
	return lines
}

// openText says why a hop without a likely cause is still open.
func (m *model) openText(v checklist.HopView) string {
	open := 0
	for _, f := range v.Causes {
		if !out(f) {
			open++
		}
	}
	return fmt.Sprintf("open: %d of %d causes not ruled out", open, len(v.Causes))
}

// out says whether a cause is ruled out by something.
func out(f *checklist.Finding) bool { return f.Probability < ruledOut && len(f.Against) > 0 }

// treeCause is a cause under its hop; one that is out of question is dim and
// says why.
func (m *model) treeCause(f *checklist.Finding, w int) []string {
	t, style := m.theme, m.theme.plain
	mark, text := t.open, f.Cause.Title
	switch {
	case f.Named():
		mark, style = "!", t.bad
		text = checklist.Percent(f.Probability) + " " + text
	case out(f):
		mark, style = t.shut, t.dim
		text += ": " + content.Show(f.Against[0].Says)
	case f.Probability >= ruledOut:
		text = checklist.Percent(f.Probability) + " " + text
	}
	var lines []string
	for i, l := range wrap(text, w-14, "") {
		if i > 0 {
			mark = " "
		}
		lines = append(lines, style.Render(strings.Repeat(" ", 12)+mark+" "+l))
	}
	return lines
}

// hopLines is the tree with one entry a hop, for the side of a wide screen;
// whole entries where there is room, else one line each.
func (m *model) hopLines(w int, whole bool) []string {
	var lines []string
	for _, v := range m.kase.Hops(m.diagnosis) {
		hop := m.hopLine(v, w)
		if !whole && len(hop) > 1 {
			hop = []string{ansi.Truncate(hop[0], w-1, "") + m.theme.ellipsis}
		}
		lines = append(lines, hop...)
	}
	return lines
}
