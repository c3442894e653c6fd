package checklist

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// wellFormed checks a report in all formats: its markdown by a parser of CommonMark
// with GFM tables, its HTML, its diagram.
func wellFormed(t *testing.T, r *Report) {
	t.Helper()
	markdownIsSafe(t, writtenReport(t, r, "markdown"))
	htmlIsSafe(t, writtenReport(t, r, "html"))
	diagramIsSound(t, r.Way.Mermaid)
	var v map[string]any
	if text := writtenReport(t, r, "json"); json.Unmarshal([]byte(text), &v) != nil || v["schema"] != ReportSchema {
		t.Error("the JSON is none")
	}
	for _, format := range ReportFormats {
		for _, c := range writtenReport(t, r, format) {
			if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c == '\u202e' {
				t.Fatalf("%s has the character %U", format, c)
			}
		}
	}
}

func markdownIsSafe(t *testing.T, report string) {
	t.Helper()
	var html bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(report), &html); err != nil {
		t.Fatal(err)
	}
	page := html.String()
	if regexp.MustCompile(`raw HTML omitted|<script|<a |<img |<h1[^>]*>head`).MatchString(page) {
		t.Error("something from outside is live in the markdown")
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "<p>|") || strings.Contains(line, "| --- |") {
			t.Errorf("a table is broken: %s", line)
		}
	}
	// Every row has as many cells as its table's head.
	for _, table := range strings.Split(page, "<table>")[1:] {
		table, _, _ = strings.Cut(table, "</table>")
		want := strings.Count(strings.SplitN(table, "</thead>", 2)[0], "<th>")
		for _, row := range strings.Split(table, "<tr>")[2:] {
			if got := strings.Count(row, "<td>"); got != want {
				t.Errorf("%d cells in a table of %d: %s", got, want, row)
			}
		}
	}
	// In the source, too: a parser drops what is too much.
	cells := 0
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(strings.ReplaceAll(line, `\|`, ""))
		if !strings.HasPrefix(line, "|") {
			cells = 0
		} else if n := strings.Count(line, "|"); cells == 0 {
			cells = n
		} else if n != cells {
			t.Errorf("%d bars in a table of %d: %s", n, cells, line)
		}
	}
}

// htmlIsSafe parses a page: elements that end, nothing live, nothing from elsewhere.
func htmlIsSafe(t *testing.T, page string) {
	t.Helper()
	page = regexp.MustCompile(`<meta [^>]*>`).ReplaceAllString(page, "")
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.Entity = true, xml.HTMLEntity
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "link", "img", "iframe", "object", "a", "image", "use"}, element.Name.Local) {
			t.Errorf("the page has the element %s", element.Name.Local)
		}
		for _, a := range element.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || slices.Contains([]string{"src", "href", "style"}, a.Name.Local) {
				t.Errorf("the element %s has %s=%q", element.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
	if style, _, _ := strings.Cut(page[strings.Index(page, "<style>"):], "</style>"); regexp.MustCompile(`url\(|@import|expression`).MatchString(style) {
		t.Error("the style fetches something")
	}
}

var diagramLine = regexp.MustCompile(`^(flowchart TB|  subgraph host\["[^"\x60<#&$\\]*"\]|  end|  (  )?n\d+\["(?:[^"\x60<#&$\\]|<br/>)*"\]:::(sick|quiet|unread)|  n\d+ <--> n\d+|  classDef (sick|quiet|unread) [a-z0-9#:,\- ]+)$`)

// diagramIsSound checks each line of a diagram, and that no directive is in it.
func diagramIsSound(t *testing.T, diagram string) {
	t.Helper()
	for line := range strings.SplitSeq(diagram, "\n") {
		if !diagramLine.MatchString(line) {
			t.Errorf("a line of the diagram is none: %s", line)
		}
	}
	if strings.Contains(diagram, "%%") || strings.Contains(diagram, "%{") {
		t.Error("the diagram has a directive")
	}
}
