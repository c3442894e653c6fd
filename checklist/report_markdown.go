package checklist

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"text/template"
	"time"
	"unicode"

	htmltemplate "html/template"

	"whydrop/content"
)

//go:embed report.md.tmpl
var reportMarkdown string

//go:embed report.html.tmpl
var reportHTML string

// ReportTemplate is the template by which a report is written, "" for a format
// without one: where one's own begins.
func ReportTemplate(format string) string {
	switch format {
	case "markdown":
		return reportMarkdown
	case "html":
		return reportHTML
	}
	return ""
}

// reportFuncs are what templates of all formats can use. None of them reads or
// runs anything.
var reportFuncs = map[string]any{
	"percent": Percent,
	"num":     func(v float64) string { return content.Show(v) },
	"time":    stamp,
	"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"join":    strings.Join,
	"prose":   content.Show,
	"why":     WhyNot,
	"inc":     func(i int) int { return i + 1 },
	"changes": changesText,
	"cut":     cut,
}

// markdownFuncs escape for markdown: md a text on a line, cell one in a table, code
// one to be shown as code, fence several lines of it.
var markdownFuncs = map[string]any{
	"md": markdown, "cell": of(cell), "code": of(codeCell), "command": codeSpan, "fence": fenced, "table": markdownTable,
}

// WriteAs writes the report by a template, called name in error messages, that makes
// markdown (text/template) or html (html/template, which escapes by itself). What is
// wrong with it is told with its line. A template sees the report and the functions
// named in the built-in one; it can read no file and run no command.
func (r *Report) WriteAs(w io.Writer, format, name, text string) error {
	out := &boundedWriter{w: w, name: name, left: 64 << 20}
	var err error
	switch format {
	case "markdown":
		funcs := maps.Clone(reportFuncs)
		maps.Copy(funcs, markdownFuncs)
		var t *template.Template
		if t, err = template.New(name).Funcs(funcs).Parse(text); err == nil {
			err = t.Execute(out, r)
		}
	case "html":
		funcs := maps.Clone(reportFuncs)
		maps.Copy(funcs, htmlFuncs)
		var t *htmltemplate.Template
		if t, err = htmltemplate.New(name).Funcs(funcs).Parse(text); err == nil {
			err = t.Execute(out, r)
		}
	default:
		return fmt.Errorf("there are no templates for the format %q: expected markdown or html", format)
	}
	if err != nil {
		return errors.New(content.Show(err.Error()))
	}
	return nil
}

// boundedWriter takes so many bytes: a template may go round in circles.
type boundedWriter struct {
	w    io.Writer
	name string // of the template
	left int
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("template: %s: the report grows beyond 64 MiB: it may repeat itself without end", b.name)
	}
	return b.w.Write(p)
}

// changesText tells what a step changed.
func changesText(settings []ReportSetting) string {
	var all []string
	for _, s := range settings {
		if s.Left == "" {
			all = append(all, s.Name+" "+s.Was+" -> "+s.To)
		}
	}
	return strings.Join(all, ", ")
}

// cut is the beginning of a text, up to n characters.
func cut(n int, s string) string {
	if r := []rune(s); len(r) > n && n > 3 {
		return string(r[:n-3]) + "..."
	}
	return s
}

// planMarkdown writes the steps of a plan as the report has them.
func planMarkdown(w io.Writer, steps []ReportStep) error {
	funcs := maps.Clone(reportFuncs)
	maps.Copy(funcs, markdownFuncs)
	t, err := template.New("report.md.tmpl").Funcs(funcs).Parse(reportMarkdown)
	if err != nil {
		return fmt.Errorf("report %w", err)
	}
	return t.ExecuteTemplate(w, "plan", steps)
}

// markdownTable writes a table; the columns named are set as code. An empty table
// is nothing.
func markdownTable(t ReportTable, code ...string) string {
	if len(t.Rows) == 0 {
		return ""
	}
	asCode := map[string]bool{}
	for _, c := range code {
		asCode[c] = true
	}
	var b strings.Builder
	row := func(cells []string, show func(i int, s string) string) {
		b.WriteString("|")
		for i := range t.Columns {
			s := ""
			if i < len(cells) {
				s = cells[i]
			}
			b.WriteString(" " + show(i, s) + " |")
		}
		b.WriteString("\n")
	}
	row(t.Columns, func(_ int, s string) string { return cell(s) })
	row(nil, func(int, string) string { return "---" })
	for _, r := range t.Rows {
		row(r, func(i int, s string) string {
			if s != "" && asCode[t.Columns[i]] {
				return codeCell(s)
			}
			return cell(s)
		})
	}
	if t.Left > 0 {
		fmt.Fprintf(&b, "\n%d more rows are left out.\n", t.Left)
	}
	return b.String()
}

// fenced is a block of code, whatever backticks are in it.
func fenced(language, s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + language + "\n" + s + "\n" + fence
}

// of makes a function of texts one of any value.
func of(f func(string) string) func(any) string {
	return func(v any) string {
		switch v := v.(type) {
		case nil:
			return f("")
		case string:
			return f(v)
		default:
			return f(content.Show(v))
		}
	}
}

var markdownSpecial = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "](", `\](`, "][", `\]\[`,
	"<", "&lt;", "&", "&amp;", " & ", " & ", "|", `\|`, "#", `\#`, "~", `\~`,
)

// markdown escapes text so that it is shown as it is, on one line. What would notify
// somebody on GitHub or GitLab, @team, is set as code: they look for it in the page,
// where an escaped sign is one as well, but not in code.
func markdown(s string) string {
	s = markdownSpecial.Replace(content.Show(strings.Join(strings.Fields(s), " ")))
	runes := []rune(s)
	var b strings.Builder
	code := 0 // up to where
	for i, r := range runes {
		if i < code {
			b.WriteRune(r)
			if i == code-1 {
				b.WriteByte('`')
			}
			continue
		}
		if code = i + mention(runes[i:]); code > i && (i == 0 || !nameRune(runes[i-1])) {
			b.WriteString("`@")
			continue
		}
		code = 0
		if r == '_' && !(i > 0 && wordRune(runes[i-1]) && i+1 < len(runes) && wordRune(runes[i+1])) {
			b.WriteByte('\\')
		}
		if i == 0 && strings.ContainsRune("[>+-=", r) {
			b.WriteByte('\\') // no link's definition, quotation, list or underline
		}
		b.WriteRune(r)
	}
	return b.String()
}

// mention is how long a mention of somebody at the beginning of a text is, 0 if there is
// none.
func mention(s []rune) int {
	if len(s) < 2 || s[0] != '@' || !nameRune(s[1]) {
		return 0
	}
	n := 1
	for n < len(s) && (nameRune(s[n]) || strings.ContainsRune("@/.-_", s[n])) {
		n++
	}
	for strings.ContainsRune("@/.-_", s[n-1]) {
		n--
	}
	return n
}

// nameRune says whether a sign may stand in the name of an account; behind one an @
// mentions nobody.
func nameRune(r rune) bool {
	return r < unicode.MaxASCII && wordRune(r)
}

// wordRune says whether an underscore beside it is inside a word, where it
// cannot begin or end emphasis.
func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// cell is markdown for a table's cell, never empty.
func cell(s string) string {
	if s = markdown(s); s == "" {
		return "-"
	}
	return s
}

// codeCell is code in a table's cell, where a bar would end the cell.
func codeCell(s string) string { return strings.ReplaceAll(codeSpan(s), "|", `\|`) }

// codeSpan shows text as code, whatever backticks are in it.
func codeSpan(s string) string {
	s = content.Show(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}
