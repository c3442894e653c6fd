package ui

import (
	"fmt"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// drawWelcome is the first screen: what this is, what it will and will not do,
// and the first question, which is there before anything is loaded.
func (m *model) drawWelcome(w int) []string {
	t := m.theme
	if m.failed != nil {
		return m.drawFailure(w)
	}
	var lines []string
	add := func(s string) { lines = append(lines, wrap(s, min(w, 78), "")...) }
	lines = append(lines, styled(wrap("Why does this host drop TCP packets, and what to do about it?", w, ""), t.bold.Render)...)
	add("One question at a time; beside it stands what this host shows right now.")
	add("Both narrow down the causes. Then come a plan and an incident report.")
	add("It only reads: it changes nothing and sends nothing. Nothing you type is lost.")
	if m.options.Note != "" {
		lines = append(lines, styled(wrap(m.options.Note, min(w, 78), ""), t.warn.Render)...)
	}
	if q := m.options.First; q != nil {
		lines = append(lines, "", t.dim.Render("The first question"))
		lines = append(lines, styled(wrap(q.Ask, min(w, 78), ""), t.bold.Render)...)
		for _, o := range q.Options {
			lines = append(lines, wrap("  "+unticked+" "+o.Label, min(w, 78), "      ")...)
		}
	}
	lines = append(lines, "", t.bold.Render(m.keys.key(actEnter))+" starts", "")
	return append(lines, m.blindLines(min(w, 78))...)
}

func (m *model) drawFailure(w int) []string {
	lines := []string{m.theme.bad.Render("The content could not be loaded:"), ""}
	for _, l := range strings.Split(m.failed.Error(), "\n") {
		lines = append(lines, wrap(content.Show(l), w, "  ")...)
	}
	if room := max(1, m.layout.bodyHeight-6); len(lines) > room {
		lines = append(lines[:room], fmt.Sprintf("and %d lines more", len(lines)-room))
	}
	return append(lines, "", "Mend it, or start without --content. "+m.keys.key(actLeave)+" leaves.")
}

// blindLines says what could not be seen and what would let it.
func (m *model) blindLines(w int) []string {
	if m.facts == nil {
		return nil
	}
	var lines []string
	for _, b := range m.facts.Blind {
		lines = append(lines, wrap("? "+unseen(b), w, "  ")...)
	}
	for _, s := range m.facts.Probes {
		if s.Status != "ok" {
			lines = append(lines, wrap("? probe "+s.Name+" "+s.Status+": "+content.Show(s.Why), w, "  ")...)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{m.theme.bold.Render("Cannot be seen")}, lines...)
}

func unseen(b fact.Blind) string {
	s := content.Show(b.What)
	if b.Needs != "" {
		s += ": needs " + content.Show(b.Needs)
	}
	return s
}
