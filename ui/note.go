package ui

import (
	"slices"
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/content"
)

// noteLine is a one-line editor for the note of a question.
type noteLine struct {
	text []rune
	at   int
}

func newNoteLine(s string) noteLine {
	r := []rune(s)
	return noteLine{text: r, at: len(r)}
}

func (n *noteLine) String() string { return string(n.text) }

// longestNote is how many characters a note may have: what is pasted by mistake
// does not make the report unreadable.
const longestNote = 1000

// Insert puts text at the cursor; line breaks become spaces, and what is too
// much is left out.
func (n *noteLine) Insert(s string) {
	var add []rune
	for _, r := range s {
		if r == '\n' || r == '\r' || r == '\t' {
			r = ' '
		}
		if len(n.text)+len(add) == longestNote {
			break
		}
		if unicode.IsPrint(r) {
			add = append(add, r)
		}
	}
	n.text = slices.Insert(n.text, n.at, add...)
	n.at += len(add)
}

func (n *noteLine) key(k tea.KeyPressMsg) {
	switch k.String() {
	case "left", "ctrl+b":
		n.at = max(0, n.at-1)
	case "right", "ctrl+f":
		n.at = min(len(n.text), n.at+1)
	case "home", "ctrl+a":
		n.at = 0
	case "end", "ctrl+e":
		n.at = len(n.text)
	case "backspace", "ctrl+h":
		if n.at > 0 {
			n.text = append(n.text[:n.at-1], n.text[n.at:]...)
			n.at--
		}
	case "delete", "ctrl+d":
		if n.at < len(n.text) {
			n.text = append(n.text[:n.at], n.text[n.at+1:]...)
		}
	case "ctrl+u":
		n.text, n.at = n.text[n.at:], 0
	case "ctrl+k":
		n.text = n.text[:n.at]
	case "ctrl+w":
		kept := strings.TrimRight(string(n.text[:n.at]), " ")
		kept = kept[:strings.LastIndexByte(kept, ' ')+1]
		rest := n.text[n.at:]
		n.text = append([]rune(kept), rest...)
		n.at = len(n.text) - len(rest)
	default:
		n.Insert(k.Key().Text)
	}
}

// view shows the line with a cursor, moved so that the cursor is to be seen.
func (n *noteLine) view(t theme, width int) string {
	width = max(width, 4)
	before := content.Show(string(n.text[:n.at]))
	if room := width - 2; ansi.StringWidth(before) > room {
		before = ansi.TruncateLeft(before, ansi.StringWidth(before)-room, "")
	}
	under, after := " ", ""
	if n.at < len(n.text) {
		under, after = content.Show(string(n.text[n.at])), content.Show(string(n.text[n.at+1:]))
	}
	return t.clip(before+t.cursor.Render(under)+after, width)
}
