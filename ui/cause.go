package ui

import (
	"fmt"

	"whydrop/checklist"
	"whydrop/content"
)

// causeDetail tells of one cause: how likely it is and why, what could not be
// looked at, what would settle it, and what happens.
func (m *model) causeDetail(f *checklist.Finding, w int) []string {
	t := m.theme
	lines := styled(wrap(content.Show(f.Cause.Title), w, ""), t.bold.Render)
	lines = append(lines, m.likelihood(f, w))
	add := func(mark, text string) {
		if text != "" {
			lines = append(lines, wrap(mark+content.Show(text), w, "  ")...)
		}
	}
	for _, r := range f.For {
		add("+ ", r.Says+weight(r, "+"))
	}
	for _, r := range f.Against {
		add("- ", r.Says+weight(r, "-"))
	}
	for _, r := range f.Explained {
		add("= ", r.Says+" (counts nothing: accounted for by "+m.title(r.By)+")")
	}
	if len(f.For)+len(f.Against)+len(f.Explained) == 0 {
		lines = append(lines, "nothing speaks for or against it yet")
	}
	lines = append(lines, styled(wrap(sum(f), w, "  "), t.dim.Render)...)
	lines = append(lines, m.lackLines(f, w)...)
	for _, text := range [][2]string{
		{"To settle it (" + m.keys.key(actCopy) + " copies): ", f.Cause.Settle}, {"What happens: ", f.Cause.Happens},
		{"What one notices: ", f.Cause.Notice}, {"Mind: ", f.Cause.Believed},
	} {
		if text[1] != "" {
			lines = append(lines, "")
			add(text[0], text[1])
		}
	}
	for i, c := range f.Cause.ConfusedWith {
		if i == 0 {
			lines = append(lines, "", "Easily mistaken for it:")
		}
		add("  ", m.title(c.Cause)+": "+c.Tell)
	}
	return lines
}

// likelihood is the probability now and how it moved.
func (m *model) likelihood(f *checklist.Finding, w int) string {
	t := m.theme
	text := checklist.Percent(f.Probability) + " likely to be at work now"
	if f.Named() {
		text = t.bad.Render(text)
	}
	if points := m.causeSeries(f); len(points) > 1 && w >= 70 {
		text += "  " + t.spark(points, 20, 1) + t.dim.Render(" last two minutes")
	}
	return text
}

// causeSeries is how the probability of a cause moved in the last two minutes;
// what is out of question is 0.
func (m *model) causeSeries(f *checklist.Finding) []float64 {
	points := m.track().Recent(checklist.CauseSeries(f.Cause.ID))
	for i, p := range points {
		if p < ruledOut {
			points[i] = 0
		}
	}
	return points
}

// weight says how much a reason counts, in a word and in decibans.
func weight(r checklist.Reason, sign string) string {
	if r.Answer {
		return fmt.Sprintf(" (%s, as remembered, %s%s)", r.Strength(), sign, content.Show(r.Weight))
	}
	return fmt.Sprintf(" (%s, %s%s)", r.Strength(), sign, content.Show(r.Weight))
}

// sum says what the evidence comes to.
func sum(f *checklist.Finding) string {
	return fmt.Sprintf("%s weighs %s, from %s before any evidence; named above 0",
		content.Show(f.Cause.ID), content.Show(f.Evidence), content.Show(f.Cause.Prior))
}

// lackLines say what could not be looked at and what would let one.
func (m *model) lackLines(f *checklist.Finding, w int) []string {
	lacks := m.kase.Lacks(m.diagnosis.Diagnosis, f)
	if len(lacks) == 0 {
		return nil
	}
	signs := len(f.Cause.For) + len(f.Cause.Against)
	lines := []string{"", fmt.Sprintf("Could not be looked at (%d of its %d signs):", len(f.Unknown), signs)}
	for _, l := range lacks {
		var what []string
		for _, text := range l.What {
			what = append(what, content.Show(text))
		}
		text := "? " + content.Show(l.Why) + ": " + m.theme.listed(what)
		lines = append(lines, wrap(text, w, "  ")...)
	}
	return lines
}

// restLines say what the causes are that are folded away.
func (m *model) restLines(w int) []string {
	out, open := 0, 0
	for _, f := range m.diagnosis.Findings {
		switch {
		case f.Probability >= ruledOut:
		case len(f.Against) > 0:
			out++
		default:
			open++
		}
	}
	text := fmt.Sprintf("Of the causes below something speaks against %d; for or against the other %d nothing was measured, or nothing could be. %s looks at them, %s finds one by a word.",
		out, open, m.keys.key(actDown), m.keys.key(actSearch))
	return wrap(text, w, "")
}

func (m *model) title(cause string) string {
	if c := m.kase.Book.Cause(cause); c != nil {
		return c.Title
	}
	return cause
}
