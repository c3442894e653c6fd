package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// clip cuts a line to a width, with an ellipsis if anything is lost.
func (t theme) clip(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, t.cut(width))
}

// cut is what shows that a line of a width was cut: in little room a little.
func (t theme) cut(width int) string {
	if width < 8 {
		return ansi.Truncate(t.ellipsis, min(width, 2), "")
	}
	return t.ellipsis
}

// pad clips a line and fills it with spaces to exactly a width.
func (t theme) pad(s string, width int) string {
	s = t.clip(s, width)
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// apart puts one text at the left and one at the right end of a line. The right
// one goes first where there is no room.
func (t theme) apart(left, right string, width int) string {
	gap := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 2 {
		return t.pad(left, width)
	}
	return left + strings.Repeat(" ", gap) + right
}

// block makes exactly height lines of exactly width columns.
func (t theme) block(lines []string, width, height int) []string {
	out := make([]string, max(0, height))
	for i := range out {
		if i < len(lines) {
			out[i] = t.pad(lines[i], width)
		} else {
			out[i] = strings.Repeat(" ", max(0, width))
		}
	}
	return out
}

// wrap breaks plain text at spaces into lines of a width; lines after the first
// begin with indent. Hyphens don't break, so that options of commands stay
// whole, and a number stays with what it counts; a word longer than a line is
// cut. Leading spaces stay.
func wrap(s string, width int, indent string) []string {
	width = max(width, 4)
	if len(indent)+4 > width {
		indent = ""
	}
	body := strings.TrimLeft(s, " ")
	line := s[:len(s)-len(body)]
	if len(line)+4 > width {
		line = ""
	}
	used, empty := len(line), true
	var lines []string
	flush := func() {
		lines = append(lines, line)
		line, used, empty = indent, len(indent), true
	}
	for _, word := range phrases(strings.Fields(body), min(width-max(len(line), len(indent)), max(16, width/3))) {
		n := ansi.StringWidth(word)
		if !empty && used+1+n > width {
			flush()
		}
		if !empty {
			line, used = line+" ", used+1
		}
		if used+n > width {
			parts := strings.Split(ansi.Hardwrap(word, width-max(used, len(indent)), true), "\n")
			for _, part := range parts[:len(parts)-1] {
				line += part
				flush()
			}
			word = parts[len(parts)-1]
			n = ansi.StringWidth(word)
		}
		line, used, empty = line+word, used+n, false
	}
	return append(lines, line)
}

// phrases joins the words that no line ends between, as long as that takes no more
// than some room: a number with its unit, percent sign or what it counts, and what a
// comparison or share is of.
func phrases(words []string, room int) []string {
	out := words[:0:0]
	for i, word := range words {
		if i > 0 && together(words[i-1], word) {
			if phrase := out[len(out)-1] + " " + word; ansi.StringWidth(phrase) <= room {
				out[len(out)-1] = phrase
				continue
			}
		}
		out = append(out, word)
	}
	return out
}

func together(word, next string) bool {
	word, next = strings.TrimLeft(word, "([+-~"), strings.TrimLeft(next, "(")
	if next == "" {
		return false
	}
	switch word {
	case "<", ">", "<=", ">=", "of":
		return isDigit(next[0])
	case "":
		return false
	}
	r, _ := utf8.DecodeRuneInString(next)
	return isDigit(word[0]) && isDigit(word[len(word)-1]) && strings.Trim(word, "0123456789.,") == "" && (r == '%' || unicode.IsLetter(r))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// shell breaks a command into lines of a width that a shell reads as the same
// command: after a semicolon, or at a space with a backslash, never in quotes. A
// word that is longer than a line stays whole and is cut by the screen's edge.
func shell(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range shellWords(s) {
		next := word
		if line != "" {
			next = line + " " + word
		}
		if line == "" || ansi.StringWidth(next)+len(" \\") <= width {
			line = next
			continue
		}
		if !strings.HasSuffix(line, ";") {
			line += " \\"
		}
		lines, line = append(lines, line), "  "+word
	}
	return append(lines, line)
}

// shellWords splits a command at the spaces that are not quoted.
func shellWords(s string) []string {
	var words []string
	var quote byte
	start := -1
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ' ' && quote == 0 {
			if start >= 0 {
				words = append(words, s[start:i])
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
	}
	if start >= 0 {
		words = append(words, s[start:])
	}
	return words
}

// styled puts a style on each line.
func styled(lines []string, render func(...string) string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = render(l)
	}
	return out
}

// meter draws a share between 0 and 1.
func (t theme) meter(share float64, width int) string {
	full := min(max(int(share*float64(width)+0.5), 0), width)
	return strings.Repeat(t.bar, full) + strings.Repeat(t.barRest, width-full)
}

// scroll is a place in a list of lines that is longer than the screen.
type scroll struct{ top int }

// keep moves so that the lines from first to last are to be seen, and returns
// the visible lines.
func (s *scroll) keep(lines []string, first, last, height int) []string {
	if last >= s.top+height {
		s.top = last - height + 1
	}
	if first < s.top {
		s.top = first
	}
	return s.window(lines, height)
}

// window returns the visible lines.
func (s *scroll) window(lines []string, height int) []string {
	height = max(height, 0)
	s.top = max(0, min(s.top, len(lines)-height))
	return lines[s.top:min(len(lines), s.top+height)]
}
