package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// ruledOut is the probability below which a cause is shown as out of question.
const ruledOut = 0.02

// treeScreen shows the decision tree: the places on the packet's way, closed
// ones with the fact that closed them. The place under the cursor, and those
// with a likely cause, stand open and show their causes.
type treeScreen struct {
	at     string // hop id, "" until the screen is shown: then the most likely, if any is
	scroll scroll
	drawn  []int // for each line that was drawn last its hop, -1 for none
	inside int   // how many lines of the open place are scrolled away
	beyond int   // how many there were too many when it was drawn last

	seen    *judgement // whose branches are known
	shut    map[string]bool
	changed map[string]time.Time // when a branch closed or opened
}

// learn notes which branches closed or opened since the tree was looked at last.
func (s *treeScreen) learn(m *model) {
	if s.seen == m.diagnosis {
		return
	}
	first := s.seen == nil || s.seen.facts == nil
	if first {
		s.shut, s.changed = map[string]bool{}, map[string]time.Time{}
	}
	s.seen = m.diagnosis
	note := func(id string, shut bool) {
		if was, known := s.shut[id]; known && was != shut {
			s.changed[id] = m.now()
		}
		s.shut[id] = shut
	}
	for _, v := range m.diagnosis.hops {
		note(v.Hop.ID, v.Closed)
		for _, f := range v.Causes {
			note(f.Cause.ID, out(f))
		}
	}
}

// fresh says whether a branch closed or opened a moment ago.
func (s *treeScreen) fresh(m *model, id string) bool {
	at, ever := s.changed[id]
	return ever && m.now().Sub(at) < freshFor
}

func (s *treeScreen) do(m *model, a action) tea.Cmd {
	hops := m.diagnosis.hops
	if len(hops) == 0 {
		return nil
	}
	i := s.index(hops)
	likely := func(i int) bool { return hops[i].Probability >= ruledOut || hops[i].Drops > 0 }
	switch a {
	case actUp:
		i--
	case actDown:
		i++
	case actPageUp, actPageDown, actTick:
		if s.turn(a, max(1, m.layout.bodyHeight/2)) {
			return nil
		}
		i += 5
		if a == actPageUp {
			i -= 10
		}
	case actFirst:
		i = 0
	case actLast:
		i = len(hops) - 1
	case actNext:
		i = nextWhere(i, len(hops), 1, likely)
	case actPrevious:
		i = nextWhere(i, len(hops), -1, likely)
	case actEnter:
		m.showCauses(hops[i])
		return nil
	}
	s.choose(hops[min(max(i, 0), len(hops)-1)])
	return nil
}

func (s *treeScreen) choose(v checklist.HopView) { s.at, s.inside = v.Hop.ID, 0 }

// turn scrolls within the open place where it is longer than the screen, and says
// whether it could.
func (s *treeScreen) turn(a action, lines int) bool {
	if a == actPageUp {
		lines = -lines
	}
	before := s.inside
	s.inside = min(max(s.inside+lines, 0), s.beyond)
	return s.inside != before
}

func (s *treeScreen) hints(*model) []hint {
	return []hint{{actDown, "open a place"}, {actNext, "next likely"}, {actEnter, "its causes"}}
}

// copies are the causes of the place that is open.
func (s *treeScreen) copies(m *model) []copyable {
	var items []copyable
	if len(m.diagnosis.hops) == 0 {
		return nil
	}
	for _, f := range m.diagnosis.hops[s.index(m.diagnosis.hops)].Causes {
		items = append(items, copyable{f.Cause.Title, f.Cause.ID})
	}
	return items
}

func (s *treeScreen) click(m *model, row, _ int) tea.Cmd {
	if row < len(s.drawn) && s.drawn[row] >= 0 {
		s.choose(m.diagnosis.hops[s.drawn[row]])
	}
	return nil
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
	hops := m.diagnosis.hops
	if len(hops) == 0 {
		return nil
	}
	s.learn(m)
	at := s.index(hops)
	s.at = hops[at].Hop.ID
	var head []string
	if h >= 12 {
		head = m.treeHead(w)
	}
	var lines []string
	var of []int
	var first, last int
	whole := h >= 3*len(hops)
	for i, v := range hops {
		entry := m.hopEntry(v, w-2, branchLook{i == at, whole || i == at})
		if i == at {
			first, last = len(lines), len(lines)+len(entry)-1
		}
		for j, l := range entry {
			mark := "  "
			if i == at && j == 0 {
				mark = m.theme.pointer + " "
			}
			lines, of = append(lines, mark+l), append(of, i)
		}
	}
	room := h - len(head)
	s.beyond = max(0, last-first+1-room)
	s.inside = min(s.inside, s.beyond)
	first += s.inside
	shown := s.scroll.keep(lines, first, min(last, first+room-1), room)
	s.drawn = slices.Repeat([]int{-1}, len(head))
	s.drawn = append(s.drawn, of[s.scroll.top:s.scroll.top+len(shown)]...)
	return append(head, shown...)
}

// treeHead says how far the tree is narrowed.
func (m *model) treeHead(w int) []string {
	t := m.theme
	causes, open, named, shut := 0, 0, 0, 0
	for _, v := range m.diagnosis.hops {
		if v.Closed {
			shut++
		}
		for _, f := range v.Causes {
			causes++
			if !out(f) {
				open++
			}
			if f.Named() {
				named++
			}
		}
	}
	bar := ""
	if causes > 0 && w >= 76 {
		bar = t.meter(float64(open)/float64(causes), 20) + " "
	}
	text := fmt.Sprintf("%d of %d causes open, %d named; %d of %d places closed (%s)", open, causes, named, shut, len(m.diagnosis.hops), t.shut)
	return []string{
		t.clip(bar+text, w),
		t.dim.Render(t.clip("Sent packets go down, received ones up.", w)),
	}
}

// treeName is the width of what stands before the text of a place.
const treeName = 12

// treeIndent is of what stands below a place: under its text, or where there is
// no room for that, under its name.
func treeIndent(w int) int {
	if w < 60 {
		return 2
	}
	return treeName
}

// branchLook is how a branch is drawn: under the cursor, which is never faint, and
// whole, not in one line.
type branchLook struct{ chosen, whole bool }

// hopEntry is a hop with its causes if it is chosen, or the likely ones.
func (m *model) hopEntry(v checklist.HopView, w int, look branchLook) []string {
	t := m.theme
	lines := m.hopLine(v, m.hopText(v, false), w, look)
	if look.chosen && m.layout.bodyHeight >= 12 {
		in := treeIndent(w)
		for _, l := range wrap(content.Show(v.Hop.Title+": "+v.Hop.Means), w-in, "") {
			lines = append(lines, t.dim.Render(strings.Repeat(" ", in)+l))
		}
	}
	var shown []*checklist.Finding
	for _, f := range v.Causes {
		if look.chosen || f.Probability >= ruledOut {
			shown = append(shown, f)
		}
	}
	for i, f := range shown {
		lines = append(lines, m.treeCause(f, w, look, i == len(shown)-1)...)
	}
	return lines
}

// hopLine is one hop with a text about it.
func (m *model) hopLine(v checklist.HopView, text string, w int, look branchLook) []string {
	t := m.theme
	state, style := t.open, t.plain
	switch {
	case v.Probability > checklist.Named:
		state, style = "!", t.bad
	case v.Closed:
		state, style = t.shut, t.faint(!look.chosen)
	}
	if m.tree.fresh(m, v.Hop.ID) {
		text, style = "[new] "+text, t.bold
	}
	head := t.pad(state+" "+content.Show(v.Hop.Short), treeName)
	if !look.whole {
		return []string{style.Render(t.clip(head+text, w))}
	}
	var lines []string
	for _, l := range wrap(text, w-treeName, "") {
		lines = append(lines, style.Render(head+l))
		head = strings.Repeat(" ", treeName)
	}
	return lines
}

// hopText says what a hop lost, and why it is closed or open: with its likeliest
// cause by name where that is not told below.
func (m *model) hopText(v checklist.HopView, named bool) string {
	text := ""
	if v.Drops > 0 {
		text = content.Show(v.Drops) + " lost here. "
	}
	switch {
	case v.Closed:
		return text + "closed: " + content.Show(v.Why)
	case named && v.Probability >= ruledOut:
		return text + checklist.Percent(v.Probability) + " " + content.Show(v.Causes[0].Cause.Title)
	}
	open := 0
	for _, f := range v.Causes {
		if !out(f) {
			open++
		}
	}
	return text + fmt.Sprintf("open: %d of %d causes not ruled out", open, len(v.Causes))
}

// out says whether a cause is ruled out by something.
func out(f *checklist.Finding) bool { return f.Probability < ruledOut && len(f.Against) > 0 }

// treeCause is a cause under its hop; one that is out of question is dim and
// says why.
func (m *model) treeCause(f *checklist.Finding, w int, look branchLook, last bool) []string {
	t, style := m.theme, m.theme.plain
	mark, text := t.open, content.Show(f.Cause.Title)
	switch {
	case f.Named():
		mark, style = "!", t.bad
		text = checklist.Percent(f.Probability) + " " + text
	case out(f):
		mark, style = t.shut, t.faint(!look.chosen)
		text += ": " + content.Show(f.Against[0].Says)
	case f.Probability >= ruledOut:
		text = checklist.Percent(f.Probability) + " " + text
	}
	if m.tree.fresh(m, f.Cause.ID) {
		text, style = "[new] "+text, t.bold
	}
	joint, on := t.branch, t.border
	if last {
		joint, on = t.lastBranch, " "
	}
	in := treeIndent(w)
	indent := strings.Repeat(" ", in)
	if !look.whole {
		return []string{t.dim.Render(indent+joint+" ") + style.Render(t.clip(mark+" "+text, w-in-2))}
	}
	var lines []string
	for _, l := range wrap(text, w-in-4, "") {
		lines = append(lines, t.dim.Render(indent+joint+" ")+style.Render(mark+" "+l))
		joint, mark = on, " "
	}
	return lines
}

// treeSide is the tree with one entry a hop, for the side of a wide screen; whole
// entries where there is room, else one line each.
func (m *model) treeSide(w, h int) []string {
	m.tree.learn(m)
	lines := append([]string{m.theme.bold.Render("Where on the packet's way")}, m.hopLines(w, true)...)
	if len(lines) > h {
		lines = append(lines[:1], m.hopLines(w, false)...)
	}
	return lines
}

func (m *model) hopLines(w int, whole bool) []string {
	var lines []string
	for _, v := range m.diagnosis.hops {
		lines = append(lines, m.hopLine(v, m.hopText(v, true), w, branchLook{whole: whole})...)
	}
	return lines
}
