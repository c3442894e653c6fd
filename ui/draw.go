package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// draw returns the lines of the whole screen.
func (m *model) draw() []string {
	l, t := m.layout, m.theme
	if l.width <= 0 || l.height <= 0 {
		return []string{""}
	}
	lines := t.block(m.drawHeader(), l.width, l.header)
	if m.screen == welcome || l.sideWidth == 0 {
		lines = append(lines, t.block(m.drawMain(l.width), l.width, l.bodyHeight)...)
	} else {
		main := t.block(m.drawMain(l.mainWidth), l.mainWidth, l.bodyHeight)
		side := t.block(m.drawSide(), l.sideWidth, l.bodyHeight)
		for i := range main {
			lines = append(lines, main[i]+" "+t.dim.Render(t.border)+" "+side[i])
		}
	}
	return append(lines, t.pad(m.drawFooter(), l.width))[:l.height]
}

func (m *model) drawHeader() []string {
	t, l := m.theme, m.layout
	verdict := m.verdictLine(l.width)
	if l.header == 1 {
		return []string{verdict}
	}
	return []string{t.apart(m.tabs(), m.hostLine(), l.width), verdict, t.dim.Render(strings.Repeat(t.rule, l.width))}
}

// tabs names the screens with their keys, the one that one is on in brackets.
// Where there is no room only the keys of the others are left.
func (m *model) tabs() string {
	t := m.theme
	text := t.bold.Render("whydrop") + " "
	for _, s := range screens {
		name := s.key + " " + s.title
		switch {
		case s.screen == m.screen:
			text += t.bold.Render("[" + name + "]")
		case m.layout.width < 60:
			text += " " + s.key + " "
		default:
			text += " " + name + " "
		}
	}
	return text
}

func (m *model) hostLine() string {
	if m.facts == nil {
		return ""
	}
	return m.theme.dim.Render(content.Show(m.facts.Host))
}

// verdictLine is always to be seen: what is known at this moment. Where there
// is no room for all of it, the cause's title is cut, never the verdict.
func (m *model) verdictLine(w int) string {
	t, d := m.theme, m.diagnosis
	if m.kase == nil || m.facts == nil || d == nil {
		return t.dim.Render("measuring: the first result takes a second")
	}
	head, text, tail, style := "", "", "", t.warn
	switch d.Verdict {
	case checklist.Fault:
		named := d.Named()
		head, text, style = "FAULT: ", named[0].Cause.Title, t.bad
		tail = fmt.Sprintf(" (%s)", checklist.Percent(named[0].Probability))
		if n := len(named) - 1; n > 0 {
			tail += fmt.Sprintf(", and %d more", n)
		}
	case checklist.Healthy:
		head, style = "HEALTHY so far", t.good
		text = fmt.Sprintf(": nothing lost packets in the last %.0f s", m.kase.Facts.Seconds)
	default:
		head, text = "INCONCLUSIVE: ", "no cause can be named yet"
		if len(d.Symptoms) > 0 {
			head, text = "UNEXPLAINED: ", content.Show(d.Symptoms[0])
		}
	}
	if m.paused {
		head = "PAUSED. " + head
	}
	room := w - ansi.StringWidth(head) - ansi.StringWidth(tail)
	return style.Render(head + t.clip(text, room) + tail)
}

func (m *model) drawFooter() string {
	t, w := m.theme, m.layout.width
	switch {
	case m.leaving && w < 76:
		return t.warn.Render("Leave? y yes, n no, e report first")
	case m.leaving:
		return t.warn.Render("Leave? y yes, e write the report first, n stay. The answers are kept.")
	case m.notice != "":
		return t.bold.Render(content.Show(m.notice))
	}
	return m.keyHelp(w)
}

// keyHelp names as many keys as there is room for, the most needed first; how
// to see all of them is always among them.
func (m *model) keyHelp(w int) string {
	last := "? keys"
	text, used := "", len(last)
	for _, k := range m.keys() {
		if used += len(k[0]) + 1 + len(k[1]) + 2; used > w {
			break
		}
		text += m.theme.bold.Render(k[0]) + " " + k[1] + "  "
	}
	return text + m.theme.bold.Render("?") + " keys"
}

// keys are the keys of the screen that one is on with what they do, the most
// used first.
func (m *model) keys() [][2]string {
	switch {
	case m.help:
		return [][2]string{{"any key", "closes this"}, {"up/down", "scroll"}}
	case m.screen == welcome && m.kase == nil:
		return [][2]string{{"q", "quit"}}
	case m.screen == welcome:
		return [][2]string{{"enter", "start"}, {"q", "quit"}}
	case m.kase == nil:
		return [][2]string{{"q", "quit"}}
	case m.screen == walk && m.walk.editing:
		return [][2]string{{"enter", "keep the note"}, {"ctrl+u", "clear it"}}
	}
	return append(m.screenKeys(), [2]string{"q", "quit"}, [2]string{"1-5", "screens"}, [2]string{"e", "write report"}, [2]string{"s", "most telling question"})
}

func (m *model) screenKeys() [][2]string {
	switch m.screen {
	case walk:
		next := "next"
		if m.walk.at == len(m.kase.Book.Questions())-1 {
			next = "diagnosis"
		}
		return [][2]string{{"space", "tick"}, {"enter", next}, {"b", "back"}, {"f", "find out"}, {"n", "note"}, {"d", "don't know"}}
	case causes:
		return [][2]string{{"up/down", "choose"}, {"enter", "plan"}, {"pgdn", "read on"}}
	case tree:
		return [][2]string{{"up/down", "open a place"}, {"enter", "its causes"}}
	case plan:
		return [][2]string{{"up/down", "scroll"}, {"enter", "report"}}
	default:
		return [][2]string{{"e", "write it to a file"}, {"up/down", "scroll"}}
	}
}

func (m *model) drawMain(w int) []string {
	h := m.layout.bodyHeight
	switch {
	case m.help:
		return m.drawHelp(w, h)
	case m.screen == welcome:
		return m.drawWelcome(w)
	case m.kase == nil || m.diagnosis == nil:
		return nil
	}
	switch m.screen {
	case walk:
		return m.walk.draw(m, w, h)
	case causes:
		return m.causes.draw(m, w, h)
	case tree:
		return m.tree.draw(m, w, h)
	case plan:
		return m.plan.draw(m, m.planLines(w), w, h)
	default:
		return m.report.draw(m, m.reportLines(w), w, h)
	}
}

// drawSide is what stands beside the screen where there is room: the causes
// that anything speaks for, and the tree.
func (m *model) drawSide() []string {
	if m.kase == nil || m.diagnosis == nil {
		return nil
	}
	w, h := m.layout.sideWidth, m.layout.bodyHeight
	var lines []string
	if m.screen != causes {
		lines = append(m.suspectLines(w, h/2), "")
	}
	if m.screen != tree {
		tree := m.hopLines(w, true)
		if len(lines)+len(tree)+1 > h {
			tree = m.hopLines(w, false)
		}
		lines = append(lines, m.theme.bold.Render("Where on the packet's way"))
		lines = append(lines, tree...)
	}
	for _, part := range [][]string{m.nextLines(w), m.blindLines(w)} {
		if len(part) > 0 && len(lines)+1+len(part) <= h {
			lines = append(append(lines, ""), part...)
		}
	}
	return lines
}
