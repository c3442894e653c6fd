package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// draw shows one question. The question, the option under the cursor and the
// note while it is typed are always to be seen; what is left of the height goes
// to the measurements, and then to the reason why it is asked.
func (s *walkScreen) draw(m *model, w, h int) []string {
	t, q := m.theme, s.question(m)
	head := append([]string{s.heading(m, q, w)}, styled(wrap(q.Ask, w, ""), t.bold.Render)...)
	if len(head) > 2 && len(head) > h-2 {
		head = head[1:] // the question before the progress
	}
	head = head[:min(len(head), max(1, h-1))]
	choice := s.choice(m, q, w, h-len(head))
	part := m.hostPart
	if s.findOut {
		part = m.findOutPart
	}
	title, lower := part(q, w)
	left := h - len(head) - len(choice)

	if s.tight = left < 3; s.tight && s.findOut && !s.editing {
		return s.measured(m, q, w, h)
	}
	lines := head
	why := styled(wrap(q.Why, w, ""), t.dim.Render)
	if !s.findOut && left >= len(why)+len(lower)+3 {
		lines = append(lines, why...)
		left -= len(why)
	}
	if left >= min(len(lower), 4)+3 {
		lines = append(lines, "")
		left--
	}
	s.placed(choice, len(lines))
	lines = append(lines, choice...)
	if s.tight {
		return lines
	}
	lines = append(append(lines, ""), s.window(m, title, lower, w, left-1)...)
	if s.findOut {
		return lines
	}
	if findOut := indented(wrap(q.FindOut, w-2, "")); h-len(lines) >= len(findOut)+2 {
		lines = append(append(lines, "", t.bold.Render("How to find out")), findOut...)
	}
	return append(lines, m.courses(q, w, h-len(lines))...)
}

// placed notes on which lines of the screen the options stand, from one on.
func (s *walkScreen) placed(choice []string, from int) {
	s.rows = map[int]int{}
	for i := range choice {
		if at := s.options.top + i; at < len(s.owners) {
			s.rows[from+i] = s.owners[at]
		}
	}
}

// window is a part of the measurements below their title, in h lines.
func (s *walkScreen) window(m *model, title string, lines []string, w, h int) []string {
	shown := s.lower.window(lines, h-1)
	if len(shown) < len(lines) {
		place := fmt.Sprintf("lines %d-%d of %d", s.lower.top+1, s.lower.top+len(shown), len(lines))
		if keys := ", " + m.keys.key(actPageDown) + " " + m.keys.key(actPageUp); ansi.StringWidth(title+place+keys)+2 <= w {
			place += keys
		}
		title = m.theme.apart(title, m.theme.dim.Render(place), w)
	}
	return append([]string{title}, shown...)
}

// measured shows the measurements and how to find out in the place of the
// options, on a screen that has no room for both.
func (s *walkScreen) measured(m *model, q *content.Question, w, h int) []string {
	s.rows = nil
	title, lines := m.hostPart(q, w)
	how, more := m.findOutPart(q, w)
	lines = append(append(lines, "", how), more...)
	return append([]string{m.theme.bold.Render(m.theme.clip(q.Ask, w))}, s.window(m, title, lines, w, h-1)...)
}

// courseHeight is how many lines the chart of one number has.
const courseHeight = 3

// courses are charts of the numbers that the measurements of a question stand on
// and that moved, as many as there is room for in h lines.
func (m *model) courses(q *content.Question, w, h int) []string {
	t := m.theme
	if h < courseHeight+3 || m.diagnosis.facts == nil {
		return nil
	}
	lines, told := []string{"", t.bold.Render("How it moved in the last two minutes")}, map[string]bool{}
	for _, e := range m.diagnosis.Evidence(q) {
		for _, name := range e.Facts {
			points, def := m.course(name), m.kase.Book.Facts.Fact(name)
			if told[name] || def == nil || level(points) || len(lines)+courseHeight+1 >= h {
				continue
			}
			told[name] = true
			top := checklist.Peak(points)
			unit := def.Unit
			if def.Type == content.Count {
				unit += " a second"
			}
			text := fmt.Sprintf("%s: now %s, at most %s %s", name, short(points[len(points)-1]), short(top), unit)
			lines = append(lines, t.clip("  "+content.Show(text), w))
			lines = append(lines, indented(t.chart(points, min(w-2, 60), courseHeight, top))...)
		}
	}
	if len(told) == 0 {
		return nil
	}
	return lines
}

// level says whether a series never changed.
func level(points []float64) bool {
	return !slices.ContainsFunc(points, func(p float64) bool { return p != points[0] })
}

func (s *walkScreen) heading(m *model, q *content.Question, w int) string {
	t, g := m.theme, groupOf(m.kase.Book, q)
	questions := m.kase.Book.Questions()
	left := t.bold.Render(fmt.Sprintf("%d %s", g.Number, g.Title))
	short := t.dim.Render(fmt.Sprintf("%s, %d of %d", q.ID, s.at+1, len(questions)))
	strip := " "
	for i, each := range questions {
		strip += s.mark(m, each, i == s.at)
	}
	if ansi.StringWidth(left+short+strip)+2 > w {
		strip = ""
	}
	return t.apart(left, short+strip, w)
}

// mark is one question in the strip that shows how far one has come.
func (s *walkScreen) mark(m *model, q *content.Question, here bool) string {
	t, glyph := m.theme, m.theme.barRest
	a := m.kase.Answers[q.ID]
	switch {
	case len(a.Options) == 1 && a.Options[0] == content.DontKnow:
		glyph = "?"
	case a.Given():
		glyph = t.bar
	}
	if here {
		return "[" + glyph + "]"
	}
	return glyph
}

// choice is the options and the note, in at most h lines. The labels wrap where
// all of them have room; else only the one under the cursor.
func (s *walkScreen) choice(m *model, q *content.Question, w, h int) []string {
	note := s.noteLines(m, q, w)
	lines, first, last := s.optionLines(m, q, w, true)
	if len(lines)+len(note) > h {
		lines, first, last = s.optionLines(m, q, w, false)
	}
	if len(lines)+len(note) <= h {
		s.options.top = 0
		return append(lines, note...)
	}
	if s.editing {
		note = note[:min(len(note), h)]
		return append(s.more(m.theme, s.options.keep(lines, first, last, h-len(note)), len(lines)), note...)
	}
	return s.more(m.theme, s.options.keep(lines, first, last, h), len(lines))
}

// more marks at the left edge of some of n lines of options that there are more
// above or below.
func (s *walkScreen) more(t theme, shown []string, n int) []string {
	shown = slices.Clone(shown)
	mark := func(i int, glyph string) {
		if rest, free := strings.CutPrefix(shown[i], "  "); free {
			shown[i] = glyph + " " + rest
		}
	}
	if last := len(shown) - 1; last >= 0 && s.options.top+last < n-1 {
		mark(last, t.down)
	}
	if len(shown) > 0 && s.options.top > 0 {
		mark(0, t.up)
	}
	return shown
}

// optionLines are the options with "don't know" as the last, and where the one
// under the cursor begins and ends.
func (s *walkScreen) optionLines(m *model, q *content.Question, w int, whole bool) (lines []string, first, last int) {
	t := m.theme
	on := map[string]bool{}
	for _, o := range m.kase.Answers[q.ID].Options {
		on[o] = true
	}
	s.owners = nil
	add := func(i int, id, label string) {
		box := unticked
		if on[id] {
			box = ticked
		}
		here := i == s.option && !s.editing
		rows := wrap(box+" "+label, w-2, "    ")
		if !whole && !here && len(rows) > 1 {
			rows = []string{t.clip(box+" "+label, w-2)}
		}
		if i == s.option {
			first, last = len(lines), len(lines)+len(rows)-1
		}
		for j, r := range rows {
			mark := "  "
			if here {
				r = t.cursor.Render(r)
				if j == 0 {
					mark = t.pointer + " "
				}
			}
			lines, s.owners = append(lines, mark+r), append(s.owners, i)
		}
	}
	for i, o := range q.Options {
		add(i, o.ID, o.Label)
	}
	add(len(q.Options), content.DontKnow, "Don't know")
	return lines, first, last
}

func (s *walkScreen) noteLines(m *model, q *content.Question, w int) []string {
	note := content.Show(m.kase.Answers[q.ID].Note)
	switch {
	case s.editing:
		return []string{"  note: " + s.note.view(m.theme, w-8)}
	case note != "":
		return wrap("  note: "+note, w, "        ")
	default:
		return nil
	}
}

// findOutPart is how to find out the answer, and why it is asked.
func (m *model) findOutPart(q *content.Question, w int) (title string, lines []string) {
	lines = wrap(q.FindOut, w-2, "")
	lines = append(append(lines, ""), wrap("Why it is asked: "+q.Why, w-2, "")...)
	return m.theme.bold.Render("How to find out"), indented(lines)
}

// hostPart is what this host shows for the question.
func (m *model) hostPart(q *content.Question, w int) (title string, lines []string) {
	t := m.theme
	if m.diagnosis.facts == nil {
		return t.bold.Render("This host now"), []string{t.dim.Render("  measuring")}
	}
	title = t.bold.Render(fmt.Sprintf("This host, last %.0f s", m.diagnosis.facts.Seconds))
	for _, e := range m.diagnosis.Evidence(q) {
		mark, style := "- ", t.plain
		if !e.Complete {
			mark, style = "? ", t.dim
		}
		rows := styled(wrap(mark+content.Show(e.Says), w-2, "  "), style.Render)
		last := len(rows) - 1
		rows[last] = t.apart(rows[last], m.chart(subject(q, e), min(chartWidth, w/4)), w-2)
		lines = append(lines, rows...)
	}
	lines = append(lines, m.probeLines(q, w-2)...)
	if len(lines) == 0 {
		lines = []string{"nothing on this host bears on the question"}
	}
	return title, indented(lines)
}

func indented(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		if l != "" {
			out[i] = "  " + l
		}
	}
	return out
}

// chartWidth is how wide the small chart beside a measurement is at most.
const chartWidth = 16

// chart is how a number of the host moved in the last two minutes; empty where it
// did not move.
func (m *model) chart(name string, w int) string {
	points := m.course(name)
	if points == nil {
		return ""
	}
	return m.theme.dim.Render(m.theme.spark(points, w, 0))
}

// subject is the fact that a measurement is about: the one in the first number of
// its sentence, "" where the sentence begins with a statement of its own. A chart
// of another, such as of how much was sent in all, would read as one of this.
func subject(q *content.Question, e checklist.Evidence) string {
	for _, line := range q.Evidence {
		before, rest, _ := strings.Cut(line.Says.Source, "{")
		if !strings.HasPrefix(e.Says, before) || !uses(line.Says.Uses(), e.Facts) {
			continue
		}
		if strings.Contains(before, ";") {
			return ""
		}
		number, _, _ := strings.Cut(rest, "}")
		return firstIn(number, e.Facts)
	}
	return ""
}

// uses says whether all of some facts are among others.
func uses(all, some []string) bool {
	return !slices.ContainsFunc(some, func(name string) bool { return !slices.Contains(all, name) })
}

// firstIn is the name that an expression begins with, "" if it has none of them.
func firstIn(expression string, names []string) string {
	at := func(name string) int { return strings.Index(expression+name, name) }
	first := ""
	for _, name := range names {
		if i := at(name); i < len(expression) && (first == "" || i < at(first) || i == at(first) && len(name) > len(first)) {
			first = name
		}
	}
	return first
}

// course is how a number of the host moved in the last two minutes, nil where
// there is nothing to draw.
func (m *model) course(name string) []float64 {
	points := m.track().Recent(name)
	if name == windowSeconds || len(points) < 2 || checklist.Peak(points) <= 0 {
		return nil
	}
	return points
}

// probeLines say of each probe that bears on a question whether it could look,
// and what it could not see.
func (m *model) probeLines(q *content.Question, w int) []string {
	t := m.theme
	var lines, fine []string
	for _, p := range m.diagnosis.facts.Probes {
		switch {
		case !slices.Contains(q.Probes, p.Name):
		case p.Status == "ok":
			fine = append(fine, p.Name)
		default:
			lines = append(lines, styled(wrap("? "+skipped(p), w, "  "), t.dim.Render)...)
		}
	}
	for _, b := range m.diagnosis.facts.Blind {
		if slices.Contains(q.Probes, b.Probe) {
			lines = append(lines, styled(wrap("? cannot see "+unseen(b), w, "  "), t.dim.Render)...)
		}
	}
	if len(fine) > 0 {
		lines = append(lines, styled(wrap("probes that looked: "+strings.Join(fine, ", "), w, "  "), t.dim.Render)...)
	}
	return lines
}
