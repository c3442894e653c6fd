package ui

import (
	"fmt"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// pager shows lines that may be more than the screen holds.
type pager struct{ scroll scroll }

func (p *pager) key(name string, height int) {
	switch name {
	case "up", "k":
		p.scroll.top--
	case "down", "j":
		p.scroll.top++
	case "pgup", "b":
		p.scroll.top -= height - 2
	case "pgdown", "space":
		p.scroll.top += height - 2
	case "home", "g":
		p.scroll.top = 0
	case "end", "G":
		p.scroll.top = 1 << 30
	}
}

// draw shows a part of the lines, and below it which part if it is not all.
func (p *pager) draw(m *model, lines []string, w, height int) []string {
	if len(lines) <= height || height < 4 {
		return p.scroll.window(lines, height)
	}
	shown := p.scroll.window(lines, height-1)
	place := fmt.Sprintf("lines %d-%d of %d", p.scroll.top+1, p.scroll.top+len(shown), len(lines))
	return append(append([]string{}, shown...), m.theme.apart("", m.theme.dim.Render(place), w))
}

// planLines is the plan: what to do about the causes that are named.
func (m *model) planLines(w int) []string {
	t := m.theme
	steps := m.kase.Plan(m.diagnosis)
	if len(steps) == 0 {
		return append([]string{t.bold.Render("Plan: nothing to change"), ""}, wrap(m.noPlan(), w, "")...)
	}
	intro := fmt.Sprintf("Plan: %d steps. whydrop changes nothing itself: take one step at a time, and verify it before the next.", len(steps))
	if len(steps) == 1 {
		intro = "Plan: one step. whydrop changes nothing itself: take it, and verify it."
	}
	lines := wrap(intro, w, "")
	for i, s := range steps {
		lines = append(append(lines, ""), m.planStep(i+1, s, w)...)
	}
	return lines
}

func (m *model) noPlan() string {
	if m.diagnosis.Verdict == checklist.Healthy {
		return "Nothing lost packets during the observation, so there is nothing to mend on this host now. If the trouble comes and goes, leave whydrop running until it comes again."
	}
	return "No cause is named. Change nothing on a guess: answer more questions (1), or see what would tell most (2)."
}

func (m *model) planStep(number int, s checklist.PlanStep, w int) []string {
	t := m.theme
	lines := styled(wrap(fmt.Sprintf("%d. %s", number, s.Remedy.Title), w, "   "), t.bold.Render)
	lines = append(lines, styled(wrap("   for: "+s.Cause.Title, w, "        "), t.dim.Render)...)
	unchecked := ""
	if s.Unchecked {
		unchecked = "whether it applies could not be checked on this host"
	}
	for _, field := range [][2]string{
		{"mind", unchecked}, {"change", s.Change}, {"why", s.Why}, {"current", s.Current}, {"proposed", s.Value},
		{"computed", s.Calculation}, {"effect", s.Effect}, {"risk", s.Risk}, {"scope", s.Scope}, {"now", s.Runtime},
		{"for good", s.Persist}, {"to keep", s.Keep}, {"take back", s.Rollback}, {"verify", s.Verify}, {"to send", s.Ask},
	} {
		if field[1] == "" {
			continue
		}
		head := field[0]
		for _, l := range wrap(content.Show(field[1]), w-13, "") {
			lines = append(lines, t.dim.Render(t.pad("   "+head, 12))+" "+l)
			head = ""
		}
	}
	return lines
}

// reportScreen is a preview of the incident report. It is set anew only for a
// new diagnosis or width.
type reportScreen struct {
	pager
	of    *checklist.Diagnosis
	width int
	lines []string
}

func (m *model) reportLines(w int) []string {
	r := &m.report
	if r.of == m.diagnosis && r.width == w {
		return r.lines
	}
	var b strings.Builder
	if err := m.kase.WriteReport(&b, m.diagnosis, m.now()); err != nil {
		return wrap(content.Show(err.Error()), w, "")
	}
	r.of, r.width = m.diagnosis, w
	r.lines = append(wrap("This is what e writes to a file, as markdown. It follows the measurements until then; P holds them.", w, ""), "")
	r.lines = append(r.lines, m.theme.markdown(b.String(), w)...)
	return r.lines
}
