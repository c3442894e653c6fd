package ui

import (
	"fmt"
	"math"
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
		lines = append(lines, styled(wrap(m.options.Note, w, ""), t.warn.Render)...)
	}
	if q := m.options.First; q != nil {
		lines = append(lines, "", t.dim.Render("The first question"))
		lines = append(lines, styled(wrap(q.Ask, min(w, 78), ""), t.bold.Render)...)
		for _, o := range q.Options {
			lines = append(lines, wrap("  "+unticked+" "+o.Label, min(w, 78), "      ")...)
		}
	}
	lines = append(lines, "", t.bold.Render(m.keys.key(actEnter))+" starts.")
	if m.layout.header > 1 {
		lines = append(lines, wrap(fmt.Sprintf("The keys above go straight to a screen, %s comes back.", m.keys.key(actBack)), min(w, 78), "")...)
	}
	lines = append(lines, "")
	return append(lines, m.blindIn(min(w, 78), m.layout.bodyHeight-len(lines))...)
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
func (m *model) blindLines(w int) []string { return m.blindIn(w, math.MaxInt) }

// blindIn says it in at most h lines. None of it is cut in two; what has no room
// is counted.
func (m *model) blindIn(w, h int) []string {
	if m.facts == nil {
		return nil
	}
	var entries [][]string
	for _, b := range m.facts.Blind {
		entries = append(entries, wrap("? "+unseen(b), w, "  "))
	}
	for _, s := range m.facts.Probes {
		if s.Status != "ok" {
			entries = append(entries, wrap("? "+skipped(s), w, "  "))
		}
	}
	lines := []string{m.theme.bold.Render("Cannot be seen")}
	for i, e := range entries {
		left := 0 // a line for how many have no room
		if i < len(entries)-1 {
			left = 1
		}
		if len(lines)+len(e)+left > h {
			lines = append(lines, m.theme.dim.Render(fmt.Sprintf("  and %d more", len(entries)-i)))
			break
		}
		lines = append(lines, e...)
	}
	switch {
	case len(entries) == 0:
		return nil
	case len(lines) > h || len(lines) == 2 && len(entries) > 1:
		return wrap(fmt.Sprintf("%d things cannot be seen here: %s (%s) names them.", len(entries), tabs[causesID].title, m.keys.key(actCauses)), w, "")[:min(1, max(0, h))]
	}
	return lines
}

func unseen(b fact.Blind) string {
	s := content.Show(b.What)
	if b.Needs != "" {
		s += ": needs " + content.Show(b.Needs)
	}
	return s
}

// skipped says why a probe could not look. What it says begins with its name.
func skipped(s fact.Status) string {
	return "probe " + s.Name + " " + s.Status + ": " + content.Show(strings.TrimPrefix(s.Why, s.Name+": "))
}
