package ui

import (
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// switchMouse gives the mouse to the program or back to the terminal, where it
// selects text.
func (m *model) switchMouse() {
	m.mouse = !m.mouse
	if m.surface != nil {
		m.surface.Mouse(m.mouse)
	}
	m.notice = "the mouse selects text again"
	if m.mouse {
		m.notice = "the mouse turns pages and chooses; shift and drag selects text in most terminals, " + m.keys.key(actMouse) + " gives it back"
	}
}

// unasked drops what looks like a report of the mouse while it belongs to the
// terminal: that is junk of a bad line or of a paste.
func (m *model) unasked(_ tea.Model, msg tea.Msg) tea.Msg {
	if _, ok := msg.(tea.MouseMsg); ok && !m.mouse {
		return nil
	}
	return msg
}

// wheel moves as three presses of a key would.
func (m *model) wheel(at tea.Mouse) tea.Cmd {
	a := actDown
	switch at.Button {
	case tea.MouseWheelUp:
		a = actUp
	case tea.MouseWheelDown:
	default:
		return nil
	}
	switch {
	case m.help:
		m.inHelp(a)
	case m.copying != nil:
		return m.inCopyList(a)
	case m.welcome || m.prompt != nil || m.leaving || m.diagnosis == nil || m.noting():
	default:
		for range 3 {
			m.screen().do(m, a)
		}
	}
	return nil
}

// click chooses a tab, or what is under the mouse on the screen.
func (m *model) click(at tea.Mouse) tea.Cmd {
	if at.Button != tea.MouseLeft || m.prompt != nil || m.leaving || m.copying != nil {
		return nil
	}
	switch {
	case m.help:
		m.help = false
	case m.failed != nil:
	case at.Y == 0 && m.layout.tabbed():
		m.clickTab(at.X)
	case m.welcome:
		return m.begin(actEnter)
	case m.diagnosis != nil:
		return m.clickScreen(at)
	}
	return nil
}

// clickTab goes to the screen whose tab is at a column of the first line.
func (m *model) clickTab(x int) {
	for id, span := range m.tabSpans() {
		if x >= span[0] && x < span[1] {
			m.show(screenID(id))
			return
		}
	}
}

// clickScreen chooses what is under the mouse on the screen that one is on.
func (m *model) clickScreen(at tea.Mouse) tea.Cmd {
	row := at.Y - m.layout.header
	if row < 0 || row >= m.layout.bodyHeight || at.X >= m.layout.mainWidth {
		return nil
	}
	if s, ok := m.screen().(clickable); ok {
		return s.click(m, row, at.X)
	}
	return nil
}

// tabSpans are the columns of each tab in the first line, from and to.
func (m *model) tabSpans() [screenCount][2]int {
	var spans [screenCount][2]int
	x := ansi.StringWidth(m.tabHead())
	for id := range tabs {
		n := ansi.StringWidth(m.tab(screenID(id)))
		spans[id] = [2]int{x, x + n}
		x += n
	}
	return spans
}
