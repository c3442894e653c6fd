package ui

import (
	"strings"
	"unicode"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// noteLine is the one-line editor for the note of a question.
type noteLine struct{ input textinput.Model }

// longestNote is how many characters a note may have: what is pasted by mistake
// does not make the report unreadable.
const longestNote = 1000

func newNoteLine(s string) noteLine {
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
	return noteLine{in}
}

func (n *noteLine) String() string { return n.input.Value() }

// Insert puts text at the cursor; line breaks become spaces, and what cannot be
// printed is left out.
func (n *noteLine) Insert(s string) {
	n.input, _ = n.input.Update(tea.PasteMsg{Content: strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)})
}

func (n *noteLine) key(k tea.KeyPressMsg) { n.input, _ = n.input.Update(k) }

// view shows the line, moved so that the cursor is to be seen.
func (n *noteLine) view(t theme, width int) string {
	n.input.SetWidth(max(width-1, 3))
	return t.clip(n.input.View(), max(width, 4))
}
