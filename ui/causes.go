package ui

import (
	"fmt"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// causesScreen shows the diagnosis: first its summary, then the causes ranked,
// and below what speaks for and against the one under the cursor.
type causesScreen struct {
	at     string // cause id, "" for the summary; the place stays when the ranking moves
	list   scroll
	detail scroll
}

func (s *causesScreen) key(m *model, name string) {
	if m.diagnosis == nil {
		return
	}
	i := s.index(m)
	switch name {
	case "up", "k":
		s.choose(m, i-1)
	case "down", "j":
		s.choose(m, i+1)
	case "home":
		s.choose(m, 0)
	case "end":
		s.choose(m, len(m.diagnosis.Findings))
	case "pgup":
		s.detail.top -= max(1, m.layout.bodyHeight/2)
	case "pgdown", "space":
		s.detail.top += max(1, m.layout.bodyHeight/2)
	case "enter":
		m.show(plan)
	}
}

// choose moves to an entry of the list: 0 is the summary, then the findings.
func (s *causesScreen) choose(m *model, i int) {
	s.detail.top = 0
	i = min(max(i, 0), len(m.diagnosis.Findings))
	s.at = ""
	if i > 0 {
		s.at = m.diagnosis.Findings[i-1].Cause.ID
	}
}

func (s *causesScreen) index(m *model) int {
	for i, f := range m.diagnosis.Findings {
		if f.Cause.ID == s.at {
			return i + 1
		}
	}
	return 0
}

func (s *causesScreen) draw(m *model, w, h int) []string {
	t, at := m.theme, s.index(m)
	mark, summary := "  ", "Summary"
	if at == 0 {
		mark, summary = t.pointer+" ", t.cursor.Render(summary)
	}
	list := []string{mark + summary}
	for i, f := range m.diagnosis.Findings {
		list = append(list, m.causeLine(f, w, i+1 == at))
	}
	detail := m.summaryLines(w)
	if at > 0 {
		detail = m.causeDetail(m.diagnosis.Findings[at-1], w)
	}
	rows := min(max(h/3, 1), 12, len(m.diagnosis.Named())+4)
	lines := append([]string{}, s.list.keep(list, at, at, rows)...)
	shown := s.detail.window(detail, h-rows-1)
	place := ""
	if len(shown) < len(detail) {
		place = fmt.Sprintf(" lines %d-%d of %d, pgdn pgup", s.detail.top+1, s.detail.top+len(shown), len(detail))
	}
	lines = append(lines, t.dim.Render(strings.Repeat(t.rule, max(0, w-len(place)))+place))
	return append(lines, shown...)
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
	switch {
	case here:
		return t.pointer + " " + t.cursor.Render(text)
	case f.Named():
		return t.bad.Render("! " + text)
	case f.Probability < ruledOut:
		return "  " + t.dim.Render(text)
	default:
		return "  " + text
	}
}

// suspects are the causes that are named, and the n most likely others that
// something speaks for and that are worth a look.
func (m *model) suspects(n int) []*checklist.Finding {
	list := m.diagnosis.Named()
	for _, f := range m.diagnosis.Suspects(n) {
		if f.Probability >= ruledOut {
			list = append(list, f)
		}
	}
	return list
}

// suspectLines are the causes that are named or that something speaks for, with
// their weightiest reasons, in at most h lines.
func (m *model) suspectLines(w, h int) []string {
	t, d := m.theme, m.diagnosis
	suspects := m.suspects(8)
	rest := fmt.Sprintf("%d causes considered, none is likely", len(d.Findings))
	if n := len(suspects); n > 0 {
		rest = fmt.Sprintf("and %d that are less likely", len(d.Findings)-n)
	}
	lines := []string{t.bold.Render("Causes")}
	for _, f := range suspects {
		entry := []string{m.causeLine(f, w, false)}
		for i, r := range f.For {
			if i == 3 || !f.Named() && i == 1 {
				break
			}
			entry = append(entry, wrap("    + "+content.Show(r.Says), w, "      ")...)
		}
		if len(lines)+len(entry) >= h {
			break
		}
		lines = append(lines, entry...)
	}
	return append(lines, t.dim.Render("  "+rest))
}

// summaryLines is the diagnosis in words: what was found, what shows that
// something is wrong, what was lost where, and what to do next.
func (m *model) summaryLines(w int) []string {
	t, d := m.theme, m.diagnosis
	var lines []string
	part := func(title string, entries []string) {
		if len(entries) == 0 {
			return
		}
		lines = append(lines, t.bold.Render(title))
		for _, e := range entries {
			lines = append(lines, wrap(content.Show(e), w, "    ")...)
		}
	}
	lines = append(lines, wrap(m.standing(), w, "")...)
	lines = append(lines, "")
	if len(m.suspects(3)) == 0 {
		lines = append(lines, fmt.Sprintf("%d causes were considered, none is likely.", len(d.Findings)))
	}
	var signs, lost, notes, likely []string
	for _, s := range d.Symptoms {
		signs = append(signs, "  ! "+s)
	}
	for _, s := range d.Doubts {
		signs = append(signs, "  ? "+s)
	}
	for _, e := range d.Ledger {
		if !e.Loss {
			continue
		}
		lost = append(lost, fmt.Sprintf("  %s %s: %s %s (%s)", e.Hop, e.Direction, content.Show(e.Drops), e.Unit, e.Counter))
	}
	for _, n := range d.Notes {
		notes = append(notes, "  - "+n)
	}
	for _, f := range m.suspects(3) {
		likely = append(likely, fmt.Sprintf("  %s %s", checklist.Percent(f.Probability), f.Cause.Title))
		for _, r := range f.For[:min(2, len(f.For))] {
			likely = append(likely, "    + "+r.Says)
		}
	}
	heading := "Likely causes"
	if len(d.Named()) == 0 {
		heading = "Unlikely, but not ruled out"
	}
	part(heading, likely)
	part("Signs that something is wrong", signs)
	if d.Balance.Worth() {
		lost = append(lost, "  "+d.Balance.String())
	}
	part("Lost on this host", lost)
	part("Worth knowing", notes)
	lines = append(lines, m.nextLines(w)...)
	return append(lines, m.blindLines(w)...)
}

// standing says how far the walk has come and where it goes on.
func (m *model) standing() string {
	total := len(m.kase.Book.Questions())
	text := fmt.Sprintf("%d of %d questions are answered", m.kase.Answered(), total)
	if m.kase.Answered() == total {
		text = "All questions are answered"
	}
	if n := len(m.kase.Plan(m.diagnosis)); n > 0 {
		return text + fmt.Sprintf(". Next: enter shows the plan (%d to do), e writes the report.", n)
	}
	if m.diagnosis.Verdict == checklist.Inconclusive {
		return text + ". Next: s goes to the question that would tell most, e writes the report."
	}
	return text + ". Next: enter shows the plan, e writes the report."
}

// nextLines is what would tell most, if anything is left to find out: open
// questions, and what a probe could not see.
func (m *model) nextLines(w int) []string {
	d := m.diagnosis
	if d.Verdict == checklist.Healthy || m.kase.Facts == nil {
		return nil
	}
	var lines []string
	first := m.mostTelling()
	for _, step := range d.Next {
		if len(lines) >= 6 {
			break
		}
		q := m.kase.Book.Question(step.ID)
		if step.Kind == "question" && q != nil {
			text := "  " + q.ID + ": " + q.Ask
			if q == first {
				text += " (s goes there)"
			}
			lines = append(lines, wrap(text, w, "    ")...)
		}
		for _, b := range m.kase.Facts.Blind {
			if step.Kind == "probe" && b.Probe == step.ID {
				lines = append(lines, wrap("  to see "+unseen(b), w, "    ")...)
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{m.theme.bold.Render("What would tell most")}, lines...)
}

func (m *model) causeDetail(f *checklist.Finding, w int) []string {
	t := m.theme
	lines := styled(wrap(f.Cause.Title, w, ""), t.bold.Render)
	lines = append(lines, t.dim.Render(fmt.Sprintf("%s, %s likely to be at work now", f.Cause.ID, checklist.Percent(f.Probability))))
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
		add("= ", r.Says+" (accounted for by: "+m.title(r.By)+")")
	}
	if len(f.For)+len(f.Against)+len(f.Explained) == 0 {
		lines = append(lines, t.dim.Render("nothing speaks for or against it yet"))
	}
	if n := len(f.Unknown); n > 0 {
		add("? ", fmt.Sprintf("%d of its signs could not be looked at", n))
	}
	for _, text := range [][2]string{
		{"What happens: ", f.Cause.Happens}, {"What one notices: ", f.Cause.Notice},
		{"To settle it: ", f.Cause.Settle}, {"Mind: ", f.Cause.Believed},
	} {
		if text[1] != "" {
			lines = append(lines, "")
			add(text[0], text[1])
		}
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
