package ui

import (
	"fmt"

	"whydrop/checklist"
	"whydrop/content"
)

// causesScreen shows the causes ranked, and what speaks for and against the one
// under the cursor.
type causesScreen struct {
	at     string // cause id; the place stays when the ranking moves
	scroll scroll
}

func (s *causesScreen) key(m *model, name string) {
	if m.diagnosis == nil {
		return
	}
	i, n := s.index(m), len(m.diagnosis.Findings)
	switch name {
	case "up", "k":
		i--
	case "down", "j":
		i++
	case "pgup":
		i -= 10
	case "pgdown", "space":
		i += 10
	case "home":
		i = 0
	case "end":
		i = n - 1
	case "enter":
		m.show(plan)
		return
	}
	s.at = m.diagnosis.Findings[min(max(i, 0), n-1)].Cause.ID
}

func (s *causesScreen) index(m *model) int {
	for i, f := range m.diagnosis.Findings {
		if f.Cause.ID == s.at {
			return i
		}
	}
	return 0
}

func (s *causesScreen) draw(m *model, w, h int) []string {
	if m.diagnosis == nil {
		return nil
	}
	at := s.index(m)
	rows := min(max(4, h/3), 12)
	list := s.scroll.keep(m.causeList(w, at), at, at, rows)
	lines := append([]string{}, list...)
	lines = append(lines, m.theme.dim.Render(repeat(m.theme.rule, w)))
	detail := m.causeDetail(m.diagnosis.Findings[at], w)
	return append(lines, detail...)
}

func repeat(s string, n int) string {
	out := ""
	for range max(0, n) {
		out += s
	}
	return out
}

func (m *model) causeList(w, at int) []string {
	var lines []string
	for i, f := range m.diagnosis.Findings {
		lines = append(lines, m.causeLine(f, w, i == at))
	}
	return lines
}

// causeLine is one cause with its probability as a bar, a number and words.
func (m *model) causeLine(f *checklist.Finding, w int, here bool) string {
	t := m.theme
	bar := 10
	if w < 60 {
		bar = 4
	}
	text := fmt.Sprintf("%s %6s  %s", t.meter(f.Probability, bar), checklist.Percent(f.Probability), f.Cause.Title)
	text = t.clip(text, w-2)
	mark := "  "
	if here {
		mark = t.pointer + " "
	}
	switch {
	case here:
		return mark + t.cursor.Render(text)
	case f.Named():
		return mark + t.bad.Render(text)
	case f.Probability < 0.05:
		return mark + t.dim.Render(text)
	default:
		return mark + text
	}
}

// causeBars are the first causes, for the side of a wide screen.
func (m *model) causeBars(w, rows int) []string {
	var lines []string
	for i, f := range m.diagnosis.Findings {
		if i == rows {
			break
		}
		lines = append(lines, m.causeLine(f, w, false))
	}
	return lines
}

func (m *model) causeDetail(f *checklist.Finding, w int) []string {
	t := m.theme
	lines := []string{t.clip(t.bold.Render(f.Cause.Title)+"  "+t.dim.Render(f.Cause.ID), w)}
	add := func(mark, text string) {
		for _, l := range wrap(mark+content.Show(text), w, "  ") {
			lines = append(lines, l)
		}
	}
	for _, r := range f.For {
		add("+ ", r.Says+weight(r, "+"))
	}
	for _, r := range f.Against {
		add("- ", r.Says+weight(r, "-"))
	}
	for _, r := range f.Explained {
		add("  ", r.Says+" (accounted for by: "+m.title(r.By)+")")
	}
	if len(f.For)+len(f.Against)+len(f.Explained) == 0 {
		lines = append(lines, t.dim.Render("nothing speaks for or against it yet"))
	}
	if n := len(f.Unknown); n > 0 {
		add("? ", fmt.Sprintf("%d of its signs could not be looked at", n))
	}
	lines = append(lines, "")
	add("", f.Cause.Happens)
	lines = append(lines, "")
	add("", f.Cause.Notice)
	if f.Cause.Settle != "" {
		add("To settle it: ", f.Cause.Settle)
	}
	return lines
}

func weight(r checklist.Reason, sign string) string {
	if r.Answer {
		return fmt.Sprintf(" (%s%s dB, remembered)", sign, content.Show(r.Weight))
	}
	return fmt.Sprintf(" (%s%s dB)", sign, content.Show(r.Weight))
}

func (m *model) title(cause string) string {
	if c := m.kase.Book.Cause(cause); c != nil {
		return c.Title
	}
	return cause
}
