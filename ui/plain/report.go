package plain

import (
	"strings"
)

// readReport reads the incident report out: headings, sentences, and the rows of
// its tables as sentences. Commands stand on lines of their own.
func (s *session) readReport() {
	var b strings.Builder
	kase, d := s.kase, s.diagnosis
	if s.Redact != nil {
		kase, d = s.Redact(kase)
	}
	if err := kase.WriteReport(&b, d, s.now()); err != nil {
		s.pen.say("The report could not be made: " + sentence(err.Error()))
		return
	}
	s.pen.say("This is what r writes to a file, as markdown.")
	s.readMarkdown(strings.Split(b.String(), "\n"))
}

func (s *session) readMarkdown(lines []string) {
	code, drawing := false, false
	for i, l := range lines {
		text := strings.TrimSpace(l)
		point, listed := strings.CutPrefix(text, "- ")
		switch {
		case text == "":
		case strings.HasPrefix(text, "```"):
			code, drawing = !code, !code && text != "```sh"
		case drawing: // the table beside it tells the same
		case code:
			s.command(text)
		case listed && isCode(point):
			s.command(strings.Trim(point, "`"))
		case listed:
			s.pen.item("  ", sentence(unmarked(point)))
		case strings.HasPrefix(text, "#"):
			s.pen.heading(unmarked(strings.TrimLeft(text, "# ")))
		case strings.HasPrefix(text, "|"):
			s.readRow(text, i+1 < len(lines) && strings.HasPrefix(lines[i+1], "| --"))
		default:
			s.pen.say(unmarked(text))
		}
	}
}

// isCode says whether a text is one span of code and nothing else.
func isCode(text string) bool {
	inner := strings.Trim(text, "`")
	return len(inner) > 0 && len(text) >= len(inner)+2 && text[0] == '`' && text[len(text)-1] == '`' && !strings.Contains(inner, "`")
}

func (s *session) command(text string) {
	s.pen.say("Command:")
	s.pen.whole(text)
}

// readRow reads a row of a table, or its head, as a sentence; an empty one, and
// the line under the head, not at all.
func (s *session) readRow(row string, head bool) {
	told := cells(row)
	switch {
	case len(told) == 0:
	case head:
		s.pen.item("  Columns: ", sentence(strings.Join(told, ", ")))
	case len(told) == 1:
		s.pen.item("  ", sentence(told[0]))
	default:
		s.pen.item("  "+told[0]+": ", sentence(strings.Join(told[1:], ", ")))
	}
}

// cells are the cells of a row of a table up to the last that is not empty; an
// empty one before it stands as a dash, so that those after it keep their place.
func cells(row string) []string {
	row = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|"), `\|`, "\x00")
	var told []string
	last := 0
	for _, c := range strings.Split(row, "|") {
		c = strings.TrimSpace(strings.ReplaceAll(unmarked(c), "\x00", "|"))
		if strings.Trim(c, "-:") == "" {
			c = "-"
		}
		told = append(told, c)
		if c != "-" {
			last = len(told)
		}
	}
	return told[:last]
}

// unmarked is text without the marks of markdown; what stands behind a backslash
// is no mark.
func unmarked(text string) string {
	text = strings.TrimPrefix(text, "> ")
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && strings.IndexByte("\\`*_{}[]<>()#+-=.!|~&", text[i+1]) >= 0:
			i++
			b.WriteByte(text[i])
		case c == '`':
		case strings.HasPrefix(text[i:], "**"):
			i++
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
