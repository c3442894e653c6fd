package ui

import (
	"strings"
	"time"

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
		p.scroll.top -= height - 1
	case "pgdown", "space":
		p.scroll.top += height - 1
	case "home", "g":
		p.scroll.top = 0
	case "end", "G":
		p.scroll.top = 1 << 30
	}
}

func (p *pager) draw(lines []string, height int) []string {
	return p.scroll.window(lines, height)
}

// planLines is the plan: what to do about the causes that are named.
func (m *model) planLines(w int) []string {
	t := m.theme
	if m.diagnosis == nil {
		return nil
	}
	steps := m.kase.Plan(m.diagnosis)
	if len(steps) == 0 {
		return append([]string{t.bold.Render("Plan"), ""},
			wrap("No cause is named, so there is nothing to change. Change nothing on a guess: answer more questions (1), or look at what would settle the leading causes (2).", w, "")...)
	}
	var lines []string
	for i, s := range steps {
		lines = append(lines, t.clip(t.bold.Render(content.Show(float64(i+1))+". "+s.Remedy.Title)+"  "+t.dim.Render(s.Cause.ID), w))
		field := func(name, text string) {
			if text != "" {
				for j, l := range wrap(content.Show(text), w-14, "") {
					head := "  " + name
					if j > 0 {
						head = ""
					}
					lines = append(lines, t.dim.Render(t.pad(head, 13))+" "+l)
				}
			}
		}
		field("change", s.Change)
		field("why", s.Why)
		field("current", s.Current)
		field("proposed", s.Value)
		field("computed", s.Calculation)
		field("effect", s.Effect)
		field("risk", s.Risk)
		field("scope", s.Scope)
		field("now", s.Runtime)
		field("for good", s.Persist)
		field("take back", s.Rollback)
		field("verify", s.Verify)
		field("to send", s.Ask)
		if s.Unchecked {
			field("mind", "whether it applies could not be checked on this host")
		}
		lines = append(lines, "")
	}
	return append(lines, t.dim.Render("whydrop changes nothing: apply a step yourself, one at a time, and verify."))
}

// reportLines is a preview of the incident report.
func (m *model) reportLines(w int) []string {
	if m.diagnosis == nil {
		return nil
	}
	var b strings.Builder
	if err := m.kase.WriteReport(&b, m.diagnosis, time.Now()); err != nil {
		return []string{content.Show(err.Error())}
	}
	lines := []string{m.theme.dim.Render(m.theme.clip("Preview. e writes it to a file.", w)), ""}
	for _, l := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		lines = append(lines, wrap(content.Show(l), w, "")...)
	}
	return lines
}
