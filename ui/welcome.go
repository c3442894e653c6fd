package ui

import (
	"fmt"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// drawWelcome is the first screen. It says what will happen, and what whydrop
// can and cannot see of this host.
func (m *model) drawWelcome(w int) []string {
	t := m.theme
	var lines []string
	add := func(s string) { lines = append(lines, wrap(s, min(w, 78), "")...) }
	lines = append(lines, styled(wrap("Why does this host drop TCP packets, and what to do about it?", w, ""), t.bold.Render)...)
	lines = append(lines, "")
	if m.failed != nil {
		return append(lines, m.drawFailure(w)...)
	}
	if m.kase == nil {
		return append(lines, t.dim.Render("reading the checklist"))
	}
	add(fmt.Sprintf("You are asked %d questions. Beside each stands what this host shows right now. Answers and measurements narrow down the causes; then come a plan and an incident report.",
		len(m.kase.Book.Questions())))
	lines = append(lines, "")
	add("It only reads: it changes nothing and sends nothing. Skip what you don't know; every answer can be changed, and all of them are kept when you leave.")
	lines = append(lines, "", t.bold.Render("enter")+" starts", "")
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
	return append(lines, "", "Mend it, or start without --content. q leaves.")
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

func (m *model) drawHelp(w, h int) []string {
	rows := [][2]string{
		{"enter", "the next question; after the last one the causes, the plan, the report"},
		{"b", "the question before (also left); right, tab: the next one"},
		{"space", "tick or untick; several answers may be ticked"},
		{"d", "don't know, and on to the next question"},
		{"f", "why it is asked, and how to find out"},
		{"n", "write a note to the question"},
		{"s", "go to the open question that would tell most"},
		{"g", "go to the next group of questions; home, end: first and last"},
		{"1 2 3 4 5", "the screens: walk, causes, tree, plan, report"},
		{"up down", "move, scroll (also k, j); pgup, pgdn: by pages"},
		{"P", "pause: hold the measurements as they are; P again goes on"},
		{"e", "write the incident report (markdown) to a file"},
		{"esc", "back to the screen before"},
		{"q", "leave; ctrl+c leaves at once. The answers are kept either way"},
		{"ctrl+z", "suspend; fg comes back"},
	}
	var lines []string
	if h > len(rows)+2 {
		lines = append(lines, m.theme.bold.Render("Keys"), "")
	}
	for _, r := range rows {
		for i, l := range wrap(r[1], w-12, "") {
			head := ""
			if i == 0 {
				head = r[0]
			}
			lines = append(lines, m.theme.bold.Render(m.theme.pad(head, 11))+" "+l)
		}
	}
	return m.helpScroll.window(lines, h)
}
