package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"whydrop/content"
)

// copyable is a command or value that one may want elsewhere.
type copyable struct{ label, text string }

// copyList lets one choose what is copied where a screen has several.
type copyList struct {
	items  []copyable
	at     int
	scroll scroll
	print  bool // printed instead
}

// copy copies what the screen offers, or asks which of it. With print it is
// printed plainly instead, which works on any terminal.
func (m *model) copy(print bool) tea.Cmd {
	items := m.screen().copies(m)
	switch len(items) {
	case 0:
		m.notice = "there is nothing to copy on this screen"
		return nil
	case 1:
		return m.copyItem(items[0], print)
	}
	m.copying = &copyList{items: items, print: print}
	return nil
}

func (m *model) inCopyList(a action) tea.Cmd {
	c := m.copying
	switch a {
	case actUp:
		c.at = max(0, c.at-1)
	case actDown:
		c.at = min(len(c.items)-1, c.at+1)
	case actFirst:
		c.at = 0
	case actLast:
		c.at = len(c.items) - 1
	case actEnter, actCopy, actTick, actPrint:
		m.copying = nil
		return m.copyItem(c.items[c.at], c.print || a == actPrint)
	case actBack, actLeave:
		m.copying = nil
	}
	return nil
}

func (m *model) copyItem(c copyable, print bool) tea.Cmd {
	if m.surface == nil {
		m.notice = "no terminal to copy to"
		return nil
	}
	if print {
		return m.beside(func() error { return m.surface.Print(m.ctx, plainly(c.text)) })
	}
	m.notice = "copied, if the terminal allows it: " + content.Show(c.text) + "  (" + m.keys.key(actPrint) + " prints it)"
	if err := m.surface.Copy(c.text); err != nil {
		m.notice = "not copied: " + err.Error()
	}
	return nil
}

// plainly is text as the plain terminal may show it.
func plainly(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = content.Show(l)
	}
	return strings.Join(lines, "\n") + "\n\n(enter goes back)\n"
}

func (c *copyList) draw(m *model, w, h int) []string {
	t := m.theme
	verb := "copied"
	if c.print {
		verb = "printed"
	}
	lines := []string{t.bold.Render(fmt.Sprintf("What is to be %s?", verb)), ""}
	var list []string
	for i, item := range c.items {
		text := t.clip(item.label+": "+content.Show(item.text), w-2)
		if i == c.at {
			list = append(list, t.pointer+" "+t.cursor.Render(text))
			continue
		}
		list = append(list, "  "+text)
	}
	return append(lines, c.scroll.keep(list, c.at, c.at, h-len(lines))...)
}
