package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/content"
)

// markdown lays out the markdown of a report for reading: headings, lists,
// quotes, tables and code. A diagram cannot be drawn here. Anything else stays as
// it is.
func (t theme) markdown(source string, w int) []string {
	var lines []string
	var table [][]string
	code, diagram := false, false
	flush := func() {
		lines = append(lines, t.table(table, w)...)
		table = nil
	}
	for _, l := range strings.Split(strings.TrimRight(source, "\n"), "\n") {
		if strings.HasPrefix(l, "|") && !code {
			table = append(table, cells(l))
			continue
		}
		flush()
		if strings.HasPrefix(l, "```") {
			code, diagram = !code, !code && l == "```mermaid"
			if diagram {
				lines = append(lines, wrap("(a diagram, drawn where the file is shown as a page)", w, "")...)
			}
			continue
		}
		if diagram {
			continue
		}
		if code {
			lines = append(lines, codeLine(content.Show(l), w)...)
			continue
		}
		if l == "" && len(lines) > 0 && lines[len(lines)-1] == "" {
			continue
		}
		lines = append(lines, t.markdownLine(l, w)...)
	}
	flush()
	return lines
}

// codeLine keeps a line of code or of a drawing as it is, if there is room.
func codeLine(l string, w int) []string {
	if l = "  " + l; ansi.StringWidth(l) <= w {
		return []string{l}
	}
	return wrap(l, w, "    ")
}

func (t theme) markdownLine(l string, w int) []string {
	switch {
	case strings.HasPrefix(l, "#"):
		return styled(wrap(inline(strings.TrimLeft(l, "# ")), w, ""), t.bold.Render)
	case strings.HasPrefix(l, "- "):
		return wrap(inline(l), w, "  ")
	case strings.HasPrefix(l, "> "):
		return indented(wrap(inline(l[2:]), w-2, ""))
	default:
		return wrap(inline(l), w, "")
	}
}

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// inline takes the marks out of a line: escapes, entities, emphasis and code.
func inline(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '*':
		case '`':
			run := len(s[i:]) - len(strings.TrimLeft(s[i:], "`"))
			span, _, closed := strings.Cut(s[i+run:], s[i:i+run])
			if !closed {
				continue
			}
			b.WriteString(strings.ReplaceAll(strings.TrimSpace(span), "&", "&amp;"))
			i += run + len(span) + run - 1
		default:
			b.WriteByte(c)
		}
	}
	return content.Show(entities.Replace(b.String()))
}

// cells splits the line of a table. A backslash before a bar makes it a part of
// the cell, in code too.
func cells(l string) []string {
	var out []string
	cell := ""
	for i := 1; i < len(l); i++ {
		switch {
		case l[i] == '\\' && i+1 < len(l) && l[i+1] == '|':
			cell += "|"
			i++
		case l[i] == '\\' && i+1 < len(l):
			cell += l[i : i+2]
			i++
		case l[i] == '|':
			out = append(out, inline(strings.TrimSpace(cell)))
			cell = ""
		default:
			cell += l[i : i+1]
		}
	}
	return out
}

// table lays out the rows of a table in columns. The widest column gives way
// until all have room.
func (t theme) table(rows [][]string, w int) []string {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if !separator(r) {
				widths[i] = max(widths[i], ansi.StringWidth(c))
			}
		}
	}
	fit(widths, w)
	if torn(rows, widths) && separator(rows[1]) {
		return t.records(rows, w)
	}
	var lines []string
	for i, r := range rows {
		if separator(r) || strings.Join(r, "") == "" {
			continue
		}
		head := i == 0 && len(rows) > 1 && separator(rows[1])
		for _, l := range t.tableRow(r, widths) {
			if head {
				l = t.bold.Render(l)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// torn says whether a word of a table has no room in its column.
func torn(rows [][]string, widths []int) bool {
	for _, r := range rows {
		for i, c := range r {
			for _, word := range strings.Fields(c) {
				if ansi.StringWidth(word) > widths[i] && !separator(r) {
					return len(rows) > 2
				}
			}
		}
	}
	return false
}

// records lays out a table that has no room for its columns: the first cell of a
// row on a line of its own, below it the others under their names.
func (t theme) records(rows [][]string, w int) []string {
	var lines []string
	for _, r := range rows[2:] {
		if len(r) == 0 {
			continue
		}
		lines = append(lines, styled(wrap(r[0], w, ""), t.bold.Render)...)
		var rest []string
		for i, c := range r[1:] {
			if i+1 < len(rows[0]) && rows[0][i+1] != "" && c != "" {
				c = rows[0][i+1] + ": " + c
			}
			if c != "" {
				rest = append(rest, c)
			}
		}
		lines = append(lines, indented(wrap(strings.Join(rest, "; "), w-2, ""))...)
	}
	return lines
}

func separator(row []string) bool {
	return len(row) > 0 && strings.Trim(row[0], "-") == "" && row[0] != ""
}

// fit takes from the widest column until all of them and two spaces between
// have room.
func fit(widths []int, w int) {
	sum := 2 * (len(widths) - 1)
	for _, n := range widths {
		sum += n
	}
	for ; sum > w; sum-- {
		widest := 0
		for i, n := range widths {
			if n > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 4 {
			return
		}
		widths[widest]--
	}
}

func (t theme) tableRow(row []string, widths []int) []string {
	var wrapped [][]string
	height := 1
	for i, c := range row {
		lines := wrap(c, max(4, widths[i]), "")
		wrapped = append(wrapped, lines)
		height = max(height, len(lines))
	}
	lines := make([]string, height)
	for y := range lines {
		for i, cell := range wrapped {
			text := ""
			if y < len(cell) {
				text = cell[y]
			}
			lines[y] += t.pad(text, widths[i]) + "  "
		}
		lines[y] = strings.TrimRight(lines[y], " ")
	}
	return lines
}
