package train

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Reading is what a probe shows, as the candidate sees it: figures, and no word on
// what they come to.
type Reading struct {
	Probe   string
	ByHand  []string // the commands that show the same
	Seconds float64  // the length of the observation
	// Status is "ok", "skipped" or "failed"; Why says why not.
	Status, Why string
	Moved       []Figure // counters that grew during the observation
	State       []Figure // everything else that is not nothing
	History     []Figure // counters that did not grow and are not zero: since boot
	Still       int      // counters that are zero
	Tables      []Sheet
	Blind       []fact.Blind
	// Remarks are what somebody says unasked at this point.
	Remarks []*content.Remark
}

// Figure is a fact with its value as text.
type Figure struct {
	Name  string
	Value string
	Total string // of a counter that grew: since it began
	Unit  string
	Means string // what it counts, in a line
}

// Sheet is a table: the rows that matter first.
type Sheet struct {
	Name  string
	Means string
	Rows  []Line
}

// Line is a row of a table: its name, and those of its fields that are not nothing.
type Line struct {
	Name   string
	Fields []Figure
	moved  float64
}

// newReading makes a reading of the facts of one probe.
func newReading(book *content.Book, f *fact.Facts, probe string) *Reading {
	r := &Reading{Probe: probe, Seconds: f.Seconds, Blind: f.Blind}
	for _, p := range f.Probes {
		r.Status, r.Why = content.Show(p.Status), content.Show(p.Why)
	}
	weights := weightsOf(book)
	for _, name := range slices.Sorted(maps.Keys(f.Values)) {
		if d := book.Facts.Fact(name); d != nil && d.Probe == probe {
			r.figure(d, f.Values[name])
			r.command(d.ByHand)
		}
	}
	for _, list := range [][]Figure{r.Moved, r.State, r.History} {
		slices.SortStableFunc(list, func(a, b Figure) int { return cmp.Compare(weights[b.Name], weights[a.Name]) })
	}
	for _, name := range slices.Sorted(maps.Keys(f.Tables)) {
		t := book.Facts.TableOf(name)
		if t == nil || t.Probe != probe {
			continue
		}
		r.command(t.ByHand)
		r.Tables = append(r.Tables, newSheet(book, t, f.Tables[name], weights))
	}
	slices.SortStableFunc(r.Tables, func(a, b Sheet) int { return cmp.Compare(weights[b.Name], weights[a.Name]) })
	return r
}

func (r *Reading) command(byHand string) {
	if byHand != "" && !slices.Contains(r.ByHand, byHand) {
		r.ByHand = append(r.ByHand, byHand)
	}
}

// figure puts a fact where it belongs.
func (r *Reading) figure(d *content.FactDef, v fact.Value) {
	f := Figure{Name: d.Name, Unit: d.Unit, Means: d.Means}
	if v.Total == nil {
		if !nothing(v.Now) || v.Now == 0.0 && strings.HasPrefix(d.Name, "sysctl.") { // 0 is a setting, too
			f.Value = content.Show(v.Now)
			r.State = append(r.State, f)
		}
		return
	}
	grew, known := v.Now.(float64)
	switch {
	case known && grew != 0:
		f.Value, f.Total = content.Show(grew), content.Show(*v.Total)
		r.Moved = append(r.Moved, f)
	case *v.Total != 0:
		f.Value = content.Show(*v.Total)
		r.History = append(r.History, f)
	default:
		r.Still++
	}
}

func nothing(v any) bool { return v == nil || v == 0.0 || v == "" || v == false }

// classic is what a figure counts more without which no host can be called healthy: it is
// what everybody looks at first.
const classic content.Decibans = 1000

// weightsOf is how much each fact and table counts in the rules of the content,
// whatever the host shows: by it the figures are ordered.
func weightsOf(book *content.Book) map[string]content.Decibans {
	w := map[string]content.Decibans{}
	for _, c := range book.Causes {
		for _, r := range slices.Concat(c.For, c.Against) {
			for _, name := range append(r.When.Uses(), r.Each) {
				w[name] = max(w[name], r.Weight)
			}
		}
	}
	for _, symptom := range book.Symptoms {
		for _, name := range symptom.Needs {
			w[name] = max(w[name], classic)
		}
	}
	return w
}

// newSheet makes a sheet of the rows of a table: those with more that moved first.
func newSheet(book *content.Book, t *content.TableDef, rows []fact.Row, weights map[string]content.Decibans) Sheet {
	s := Sheet{Name: t.Name, Means: t.Means}
	for _, row := range rows {
		s.Rows = append(s.Rows, newLine(t, row, weights))
	}
	if list := book.List(t.Name); list != nil && len(list.Columns) > 0 {
		order := map[string]int{}
		for i, c := range list.Columns {
			order[c.Field] = len(list.Columns) - i
		}
		for _, l := range s.Rows {
			slices.SortStableFunc(l.Fields, func(a, b Figure) int { return cmp.Compare(order[b.Name], order[a.Name]) })
		}
	}
	slices.SortStableFunc(s.Rows, func(a, b Line) int { return cmp.Compare(b.moved, a.moved) })
	return s
}

func newLine(t *content.TableDef, row fact.Row, weights map[string]content.Decibans) Line {
	l := Line{Name: content.Show(row["name"])}
	for _, d := range t.Fields {
		v, known := row[d.Name]
		if !known || d.Name == "name" || nothing(v) {
			continue
		}
		if n, ok := v.(float64); ok && d.Type == content.Count {
			l.moved += n * (1 + weights[t.Name+"."+d.Name])
		}
		l.Fields = append(l.Fields, Figure{Name: d.Name, Value: content.Show(v), Unit: d.Unit, Means: d.Means})
	}
	rank := func(f Figure) int { // what everybody wants to see, what moved, what is, what was
		d := t.Fields[slices.IndexFunc(t.Fields, func(d *content.FactDef) bool { return d.Name == f.Name })]
		switch {
		case slices.Contains(t.Show, f.Name):
			return 3
		case d.Type == content.Count:
			return 2
		case isTotal(t, f.Name):
			return 0
		}
		return 1
	}
	slices.SortStableFunc(l.Fields, func(a, b Figure) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(weights[t.Name+"."+b.Name], weights[t.Name+"."+a.Name]))
	})
	return l
}

// isTotal says whether a field of a table is the total of a counter.
func isTotal(t *content.TableDef, field string) bool {
	return slices.ContainsFunc(t.Fields, func(d *content.FactDef) bool { return d.Type == content.Count && content.TotalOf(d.Name) == field })
}

// Limits of what is shown of a reading at first.
const (
	firstFigures = 14
	firstRows    = 6
	firstFields  = 8
)

// TextKind says what a line of a reading is.
type TextKind string

// The kinds of lines.
const (
	Heading TextKind = "heading"
	Value   TextKind = "value"
	Remark  TextKind = "remark" // what could not be seen, what is left out
)

// TextLine is one line of a reading for people.
type TextLine struct {
	Kind TextKind
	Text string
	// Means says what the figure is, on demand; "" where there is nothing to say.
	Means string
}

// Lines writes the reading as lines: the first of everything, or all.
func (r *Reading) Lines(all bool) []TextLine {
	w := &readingWriter{all: all}
	if r.Status != "ok" {
		w.add(Remark, strings.Trim(r.Status+": "+r.Why, ": "), "")
	}
	if r.Seconds > 0 && len(r.Moved) > 0 {
		w.figures(fmt.Sprintf("moved in %s s", content.Show(r.Seconds)), r.Moved, func(f Figure) string {
			text := fmt.Sprintf("%s +%s%s", f.Name, f.Value, unit(f.Unit))
			if f.Total != "" {
				text += " (total " + f.Total + ")"
			}
			return text
		})
	}
	for _, t := range r.Tables {
		w.sheet(t)
	}
	w.figures("state", r.State, func(f Figure) string { return fmt.Sprintf("%s %s%s", f.Name, f.Value, unit(f.Unit)) })
	w.figures("did not move; totals since they began (history)", r.History, func(f Figure) string { return fmt.Sprintf("%s %s%s", f.Name, f.Value, unit(f.Unit)) })
	if r.Still > 0 {
		w.add(Remark, zeros(r.Still), "")
	}
	for _, b := range r.Blind {
		text := "could not be seen: " + content.Show(b.What)
		if b.Needs != "" {
			text += " (needs " + content.Show(b.Needs) + ")"
		}
		w.add(Remark, text, "")
	}
	return w.lines
}

type readingWriter struct {
	all   bool
	lines []TextLine
}

func (w *readingWriter) add(kind TextKind, text, means string) {
	w.lines = append(w.lines, TextLine{kind, text, means})
}

func (w *readingWriter) more(n int, what string) {
	if n > 0 {
		w.add(Remark, fmt.Sprintf("and %d more %s", n, what), "")
	}
}

func (w *readingWriter) figures(title string, list []Figure, text func(Figure) string) {
	if len(list) == 0 {
		return
	}
	w.add(Heading, title, "")
	n := len(list)
	if !w.all {
		n = min(n, firstFigures)
	}
	for _, f := range list[:n] {
		w.add(Value, text(f), f.Means)
	}
	w.more(len(list)-n, "figures")
}

func (w *readingWriter) sheet(t Sheet) {
	if len(t.Rows) == 0 {
		w.add(Remark, "no "+t.Name, t.Means)
		return
	}
	w.add(Heading, fmt.Sprintf("%s (%d)", t.Name, len(t.Rows)), t.Means)
	n := len(t.Rows)
	fields := firstFields
	if !w.all {
		n = min(n, firstRows)
	}
	for _, l := range t.Rows[:n] {
		text := l.Name
		if w.all {
			fields = len(l.Fields)
		}
		for _, f := range l.Fields[:min(fields, len(l.Fields))] {
			text += "  " + f.Name + "=" + f.Value + unit(f.Unit)
		}
		if more := len(l.Fields) - fields; more > 0 {
			text += fmt.Sprintf("  (and %d more)", more)
		}
		w.add(Value, text, "")
	}
	w.more(len(t.Rows)-n, "rows")
}

func zeros(n int) string {
	if n == 1 {
		return "1 more counter is zero"
	}
	return fmt.Sprintf("%d more counters are zero", n)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}
