package ui

import (
	"fmt"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// draw returns the lines of the whole screen.
func (m *model) draw() []string {
	l := m.layout
	if l.width <= 0 || l.height <= 0 {
		return []string{""}
	}
	if m.screen == welcome {
		return m.theme.block(m.drawWelcome(), l.width, l.height)
	}
	lines := m.drawHeader()
	main := m.theme.block(m.drawMain(), l.mainWidth, l.bodyHeight)
	if l.sideWidth > 0 {
		side := m.theme.block(m.drawSide(), l.sideWidth, l.bodyHeight)
		for i := range main {
			main[i] += " " + m.theme.dim.Render("│") + " " + side[i]
			if m.theme.bar == "#" {
				main[i] = strings.Replace(main[i], "│", "|", 1)
			}
		}
	}
	lines = append(lines, main...)
	return append(lines, m.drawFooter())
}

func (m *model) drawHeader() []string {
	t, l := m.theme, m.layout
	tabs := t.bold.Render("whydrop")
	for _, s := range screens {
		name := s.key + " " + s.title
		if l.width < 60 {
			name = s.key
		}
		style := t.tab
		if s.screen == m.screen {
			style = t.tabOn
			name = s.key + " " + s.title
		}
		tabs += "  " + style.Render(name)
	}
	if m.kase != nil && l.width >= 60 {
		tabs += "  " + t.dim.Render(m.hostLine())
	}
	lines := []string{t.pad(tabs, l.width)}
	if l.header > 1 {
		lines = append(lines, t.pad(m.verdictLine(), l.width))
	}
	if l.header > 2 {
		lines = append(lines, t.dim.Render(strings.Repeat(t.rule, l.width)))
	}
	return lines
}

func (m *model) hostLine() string {
	if m.facts == nil {
		return ""
	}
	s := content.Show(m.facts.Host)
	if m.paused {
		s += " (paused)"
	}
	return s
}

// verdictLine is always to be seen: what is known at this moment.
func (m *model) verdictLine() string {
	t := m.theme
	switch {
	case m.kase == nil || m.facts == nil || m.diagnosis == nil:
		return t.dim.Render("looking at the host")
	case m.diagnosis.Verdict == checklist.Fault:
		return t.bad.Render(m.kase.Headline(m.diagnosis))
	case m.diagnosis.Verdict == checklist.Healthy:
		return t.good.Render(fmt.Sprintf("HEALTHY so far: nothing lost packets in the last %.0f s", m.facts.Seconds))
	default:
		s := m.kase.Headline(m.diagnosis)
		if len(m.diagnosis.Symptoms) > 0 {
			s = "UNEXPLAINED: " + m.diagnosis.Symptoms[0]
		}
		return t.warn.Render(s)
	}
}

func (m *model) drawFooter() string {
	t := m.theme
	switch {
	case m.leaving:
		return t.pad(t.warn.Render("Leave? y yes, e write the report first, any other key stays. Answers are kept."), m.layout.width)
	case m.notice != "":
		return t.pad(t.accent.Render(content.Show(m.notice)), m.layout.width)
	}
	return t.pad(t.dim.Render(m.keys()), m.layout.width)
}

// keys are the keys of the screen that one is on, the most used first.
func (m *model) keys() string {
	common := "  1-5 screens  e report  ? keys  q quit"
	switch m.screen {
	case walk:
		if m.walk.editing {
			return "typing a note: enter or esc keeps it"
		}
		return "space tick  enter next  b back  n note  f find out" + common
	case causes:
		return "up/down choose" + common
	case tree:
		return "up/down scroll" + common
	default:
		return "up/down scroll" + common
	}
}

func (m *model) drawMain() []string {
	w, h := m.layout.mainWidth, m.layout.bodyHeight
	switch {
	case m.help:
		return m.drawHelp()
	case m.failed != nil:
		return m.drawFailure(w)
	case m.kase == nil:
		return []string{"", "reading the checklist"}
	}
	switch m.screen {
	case walk:
		return m.walk.draw(m, w, h)
	case causes:
		return m.causes.draw(m, w, h)
	case tree:
		return m.tree.draw(m, w, h)
	case plan:
		return m.plan.draw(m.planLines(w), h)
	default:
		return m.report.draw(m.reportLines(w), h)
	}
}

func (m *model) drawFailure(w int) []string {
	lines := []string{m.theme.bad.Render("The content could not be loaded:"), ""}
	for _, l := range strings.Split(m.failed.Error(), "\n") {
		lines = append(lines, wrap(content.Show(l), w, "  ")...)
	}
	return append(lines, "", "Mend it, or start without --content. q leaves.")
}

func (m *model) drawWelcome() []string {
	w := m.layout.width
	var lines []string
	add := func(s string) { lines = append(lines, wrap(s, w-2, "")...) }
	lines = append(lines, m.theme.bold.Render("whydrop"))
	add("Why does this host drop TCP packets, and what to do about it?")
	lines = append(lines, "")
	add("It asks twenty questions, measures beside each, names the likely causes, and ends with a plan and an incident report.")
	add("It only reads: it changes nothing, sends nothing, and needs no root. Root lets it see more.")
	lines = append(lines, "")
	switch {
	case m.failed != nil:
		lines = append(lines, m.drawFailure(w)...)
	case m.kase == nil:
		lines = append(lines, m.theme.dim.Render("reading the checklist"))
	default:
		lines = append(lines, m.theme.accent.Render("enter")+" start    "+m.theme.accent.Render("q")+" leave", "")
		lines = append(lines, m.verdictLine())
	}
	return lines
}

func (m *model) drawHelp() []string {
	rows := [][2]string{
		{"1 2 3 4 5", "the screens: walk, causes, tree, plan, report"},
		{"up down", "move (also k j); page up, page down, home, end scroll"},
		{"space", "walk: tick or untick the option"},
		{"enter", "walk: next question (right, tab); b, left: the one before"},
		{"d", "walk: don't know, and next"},
		{"n", "walk: write a note to the question"},
		{"f", "walk: how to find out, if you don't know"},
		{"s", "walk: go to the question that would tell most"},
		{"g", "walk: go to the next group"},
		{"P", "pause and go on with taking new measurements"},
		{"e", "write the incident report (markdown)"},
		{"esc", "back to the screen before"},
		{"q", "leave; ctrl+c leaves at once. Answers are kept either way"},
	}
	lines := []string{m.theme.bold.Render("Keys"), ""}
	for _, r := range rows {
		lines = append(lines, m.theme.pad("  "+r[0], 14)+r[1])
	}
	return append(lines, "", m.theme.dim.Render("any key closes this"))
}

// drawSide is what stands beside the screen where there is room: the causes and
// the tree, or on these screens the other one.
func (m *model) drawSide() []string {
	if m.kase == nil || m.diagnosis == nil {
		return nil
	}
	w, h := m.layout.sideWidth, m.layout.bodyHeight
	if m.screen == causes {
		return m.treeLines(w)
	}
	lines := []string{m.theme.bold.Render("Causes")}
	lines = append(lines, m.causeBars(w, max(5, h/2-4))...)
	if m.screen != tree {
		lines = append(lines, "", m.theme.bold.Render("Where on the packet's way"))
		lines = append(lines, m.treeLines(w)...)
	}
	return lines
}
