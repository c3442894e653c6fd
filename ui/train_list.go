package ui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/content"
)

// trainList is the list of incidents.
type trainList struct {
	all    []TrainIncident
	cursor int
	scroll scroll
}

// move sets the cursor on an incident, if it is in the list.
func (l *trainList) move(id string) {
	if n := slices.IndexFunc(l.all, func(i TrainIncident) bool { return i.ID == id }); n >= 0 {
		l.cursor = n
	}
}

// show takes the incidents as they stand now. The cursor is on the one that was open,
// at first on the one that is suggested.
func (l *trainList) show(all []TrainIncident) {
	at := func(i TrainIncident) bool { return i.Why != "" }
	if len(l.all) > 0 && l.all[l.cursor].Why == "" {
		id := l.all[l.cursor].ID
		at = func(i TrainIncident) bool { return i.ID == id }
	}
	l.all = all
	l.cursor = max(0, slices.IndexFunc(all, at))
}

// levelSays are the levels in words.
var levelSays = map[int]string{1: "a single clear fault", 2: "look-alikes", 3: "two faults, false tracks, or a false alarm"}

func (m *trainModel) inList(key string, a action) tea.Cmd {
	l := &m.list
	if key == "b" && len(l.all) > 0 && l.all[l.cursor].Begun {
		i := l.all[l.cursor]
		m.confirm = &confirmation{
			asks: fmt.Sprintf("Begin it anew? The interview that was begun, %s, is not gone on with then.", stepsTaken(i.Steps)),
			keys: "y begin anew, n not",
			by:   map[string]func() tea.Cmd{"y": func() tea.Cmd { return m.open(i.ID, true) }},
		}
		return nil
	}
	switch a {
	case actLeave:
		return m.leave()
	case actUp:
		l.cursor = max(0, l.cursor-1)
	case actDown:
		l.cursor = max(0, min(len(l.all)-1, l.cursor+1))
	case actPageUp:
		l.cursor = max(0, l.cursor-m.room()/2)
	case actPageDown:
		l.cursor = max(0, min(len(l.all)-1, l.cursor+m.room()/2))
	case actFirst:
		l.cursor = 0
	case actLast:
		l.cursor = max(0, len(l.all)-1)
	case actEnter:
		if len(l.all) > 0 {
			return m.open(l.all[l.cursor].ID, false)
		}
	}
	return nil
}

// standing is how an incident stands, in words.
func (i TrainIncident) standing() string {
	switch {
	case i.Begun:
		return fmt.Sprintf("begun, %s", stepsTaken(i.Steps))
	case i.Times > 0:
		return fmt.Sprintf("best %.0f %%", 100*i.Best)
	case i.Why != "":
		return "suggested"
	}
	return ""
}

func stepsTaken(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

func (m *trainModel) drawList(w, h int) []string {
	t, l := m.theme, &m.list
	if len(l.all) == 0 {
		return wrap("There is no incident.", w, "")
	}
	var lines []string
	first, last, level := 0, 0, 0
	for n, i := range l.all {
		if i.Level != level {
			if level > 0 {
				lines = append(lines, "")
			}
			level = i.Level
			lines = append(lines, t.bold.Render(t.clip(fmt.Sprintf("Level %d: %s", level, levelSays[level]), w)))
		}
		text := t.clip(content.Show(i.Title), w-2)
		if standing := i.standing(); ansi.StringWidth(text)+len(standing)+4 <= w {
			text = t.apart(text, standing, min(w-2, 64))
		}
		mark := "  "
		if n == l.cursor {
			mark, text = t.pointer+" ", t.cursor.Render(text)
			first, last = len(lines), len(lines)
			if n == 0 || l.all[n-1].Level != level {
				first--
			}
		}
		lines = append(lines, mark+text)
	}
	about := m.aboutIncident(w)
	if h < 12 {
		about = nil
	}
	lines = l.scroll.keep(lines, first, last, h-len(about))
	for len(about) > 0 && len(lines) < h-len(about) {
		lines = append(lines, "")
	}
	return append(slices.Clone(lines), about...)
}

// aboutIncident are the lines below the list about what the cursor is at: its opening,
// and why it is suggested.
func (m *trainModel) aboutIncident(w int) []string {
	t, i := m.theme, m.list.all[m.list.cursor]
	var lines []string
	if sc := m.options.Book.Scenario(i.ID); sc != nil {
		lines = wrap("\""+content.Show(sc.Opening)+"\"", w, "")
	}
	if i.Why != "" {
		lines = append(lines, wrap("Suggested: "+content.Show(i.Why)+".", w, "")...)
	}
	return append([]string{t.dim.Render(strings.Repeat(t.rule, w))}, t.atMost(6, lines, w)...)
}
