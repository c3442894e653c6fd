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
	title, lower := s.lowerPart(m, q, w)
	left := h - len(head) - len(choice)

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
	s.rows = map[int]int{}
	for i := range choice {
		if at := s.options.top + i; at < len(s.owners) {
			s.rows[len(lines)+i] = s.owners[at]
		}
	}
	lines = append(lines, choice...)
	if left < 3 {
		return lines
	}
	shown := s.lower.window(lower, left-2)
	if more := len(lower) - len(shown); more > 0 {
		title = t.apart(title, t.dim.Render(fmt.Sprintf("%d-%d of %d lines, pgdn pgup", s.lower.top+1, s.lower.top+len(shown), len(lower))), w)
	}
	lines = append(append(lines, "", title), shown...)
	if findOut := indented(wrap(q.FindOut, w-2, "")); !s.findOut && left-2-len(shown) >= len(findOut)+2 {
		lines = append(append(lines, "", t.bold.Render("How to find out")), findOut...)
	}
	return lines
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
		return append(s.options.keep(lines, first, last, h-len(note)), note...)
	}
	return s.options.keep(lines, first, last, h)
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

// lowerPart is what this host shows for the question, or why it is asked and
// how to find out.
func (s *walkScreen) lowerPart(m *model, q *content.Question, w int) (title string, lines []string) {
	t := m.theme
	if s.findOut {
		lines = wrap(q.FindOut, w-2, "")
		lines = append(append(lines, ""), wrap("Why it is asked: "+q.Why, w-2, "")...)
		return t.bold.Render("How to find out"), indented(lines)
	}
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
		rows[last] = t.apart(rows[last], m.chart(e, min(chartWidth, w/4)), w-2)
		lines = append(lines, rows...)
	}
	lines = append(lines, m.probeLines(q, w-2)...)
	if len(lines) == 0 {
		lines = []string{t.dim.Render("nothing on this host bears on the question")}
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

// chart is how the number of a measurement moved in the last two minutes; empty
// where it did not move.
func (m *model) chart(e checklist.Evidence, w int) string {
	for _, name := range e.Facts {
		if points := m.kase.Track.Recent(name); len(points) > 1 && checklist.Peak(points) > 0 {
			return m.theme.dim.Render(m.theme.spark(points, w, 0))
		}
	}
	return ""
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
