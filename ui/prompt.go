package ui

import (
	"strings"
	"unicode"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// line is a one-line editor.
type line struct{ input textinput.Model }

// longestNote is how many characters a line may have: what is pasted by mistake
// does not make the report unreadable.
const longestNote = 1000

func newLine(s string) line {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = longestNote
	// Its paste key would start a program to read the clipboard; what the
	// terminal pastes comes as a message of its own.
	in.KeyMap.Paste.SetEnabled(false)
	in.SetStyles(textinput.Styles{})
	in.SetValue(s)
	in.CursorEnd()
	in.Focus()
	return line{in}
}

func (l *line) String() string { return l.input.Value() }

// Insert puts text at the cursor; line breaks become spaces, and what cannot be
// printed is left out.
func (l *line) Insert(s string) {
	l.input, _ = l.input.Update(tea.PasteMsg{Content: strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)})
}

func (l *line) key(k tea.KeyPressMsg) { l.input, _ = l.input.Update(k) }

// view shows the line, moved so that the cursor is to be seen.
func (l *line) view(t theme, width int) string {
	l.input.SetWidth(max(width-1, 3))
	return t.clip(l.input.View(), max(width, 4))
}

// prompt is a line that is being typed at the foot of the screen. Every way out
// of it keeps what was typed.
type prompt struct {
	label, short string // short is for a small screen: a word
	line         line
	offered      bool // the text is only offered: what is typed takes its place
	// typed is told the text after every key, done when enter ends it, left when
	// esc does. Any may be nil.
	typed, done, left func(text string) tea.Cmd
}

// ask begins to ask for a line.
func (m *model) ask(p prompt) {
	m.notice = ""
	m.prompt = &p
}

// take passes a key to the line. in is where the prompt stands: one that ends is
// removed from there before anybody is told.
func (p *prompt) take(k tea.KeyPressMsg, in **prompt) tea.Cmd {
	end := p.typed
	switch k.String() {
	case "enter":
		*in, end = nil, p.done
	case "esc":
		*in, end = nil, p.left
	default:
		p.edit(k)
	}
	if end == nil {
		return nil
	}
	return end(p.line.String())
}

// insert puts what was pasted into the line.
func (p *prompt) insert(text string) {
	if p.offered {
		p.line, p.offered = newLine(""), false
	}
	p.line.Insert(text)
}

// edit passes a key to the line. The first letter takes the place of a text that is
// only offered; a key that moves in it keeps it.
func (p *prompt) edit(k tea.KeyPressMsg) {
	if p.offered && k.Text != "" {
		p.line = newLine("")
	}
	p.offered = false
	p.line.key(k)
}

// leastTyping is how much of what is typed is to be seen at least.
const leastTyping = 16

func (p *prompt) draw(t theme, w int) string {
	head := p.label + " "
	if len(head) > w/2 {
		head = p.short + "> "
	}
	ways := "  enter ends, esc leaves"
	if p.offered {
		ways = "  enter, or type another"
	}
	if w-len(head)-len(ways) < leastTyping {
		ways = ""
	}
	room := max(4, w-len(head)-len(ways))
	return t.bold.Render(head) + t.pad(p.line.view(t, room), room) + ways
}

// startSearch asks for the text that the screen's list is searched for.
func (m *model) startSearch() {
	s, ok := m.screen().(searchable)
	if !ok {
		m.notice = "there is nothing to search on this screen"
		return
	}
	find := func(text string) tea.Cmd { s.search(m, text); return nil }
	m.ask(prompt{label: "search:", short: "find", line: newLine(s.searching()), typed: find, done: find})
}
