package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/content"
	"whydrop/probes/fact"
)

const (
	maxRows = 20 // rows of a table that are shown without --all
	maxCell = 32 // columns of a cell without --all
	narrow  = 60 // columns below which facts don't stand in a table
)

var paces = map[string]string{
	"tick": "looks every 0.5 s or as its cost allows", "ends": "looks at both ends of an observation", "once": "looks once",
}

// showProbes writes the list of probes.
func showProbes(s *sheet, list []probeInfo) error {
	for _, p := range list {
		s.text(cell(p.Name, 10, false)+" ", costText(p.Cost)+"; "+paces[p.Pace])
		s.text("    reads  ", content.Show(p.Reads))
		if len(p.Needs) == 0 {
			s.text("    needs  ", "nothing: shows everything to everybody")
		}
		head := "    needs  "
		for _, n := range p.Needs {
			s.text(head, needText(n))
			head = "           "
		}
		if p.Status != "ok" {
			s.text("    ", p.Status+": "+content.Show(p.Why))
		}
	}
	s.whole("")
	s.text("", "whydrop probe NAME shows what one sees; whydrop doctor tells which rights are missing.")
	return s.flush()
}

func needText(n fact.Need) string {
	text := capabilities(n.Capabilities)
	if n.Or != "" {
		text += " (or " + n.Or + ")"
	}
	return text + ": " + n.For
}

// capabilities says all of them in one phrase.
func capabilities(names []string) string { return strings.Join(names, " and ") }

// costText says what the looks took: CPU time, and the time that passed.
func costText(c cost) string {
	one := func(cpu, wall *float64) string {
		if cpu == nil || wall == nil {
			return "?"
		}
		return fmt.Sprintf("%.1f ms (CPU %.1f)", *wall, *cpu)
	}
	if c.Wall == nil {
		return "a look took " + one(c.FirstCPU, c.FirstWall)
	}
	return "the first look took " + one(c.FirstCPU, c.FirstWall) + ", the next " + one(c.CPU, c.Wall)
}

// showProbe writes what one probe saw.
func showProbe(s *sheet, p probeInfo, f *fact.Facts, gaps []gap, words *content.Vocabulary, all bool) error {
	s.text(p.Name+": ", content.Show(p.Reads))
	s.text("", fmt.Sprintf("%s, kernel %s; %s; %.1f s apart", content.Show(f.Host), content.Show(f.Kernel), costText(p.Cost), f.Seconds))
	delete(f.Values, "window.seconds")
	showValues(s, f, words, all)
	var empty []string
	for _, name := range slices.Sorted(maps.Keys(f.Tables)) {
		if rows := f.Tables[name]; len(rows) > 0 {
			showTable(s, name, words.TableOf(name), rows, all)
		} else {
			empty = append(empty, content.Show(name))
		}
	}
	if len(empty) > 0 {
		s.whole("")
		s.text("", "Tables without a row: "+strings.Join(empty, ", "))
	}
	if p.Status != "ok" {
		s.heading("Status")
		s.text("  ", p.Status+": "+content.Show(p.Why))
	} else {
		showGaps(s, gaps)
	}
	return s.flush()
}

// showValues writes the scalar facts: first what moved and what is not a counter,
// then the counters that stood still, whose totals are history, in short.
func showValues(s *sheet, f *fact.Facts, words *content.Vocabulary, all bool) {
	var shown, still []string
	zero := 0
	for _, name := range f.Names() {
		v := f.Values[name]
		switch {
		case all || v.Now != 0.0:
			shown = append(shown, name)
		case v.Total != nil && *v.Total != 0:
			still = append(still, content.Show(name)+"="+content.Show(*v.Total))
		default:
			zero++
		}
	}
	if len(shown) > 0 {
		writeValues(s, shown, f, words)
	}
	if len(still) > 0 {
		s.heading("Counters that stood still, and their totals (history)")
		s.text("  ", strings.Join(still, " "))
	}
	if zero > 0 {
		s.whole("")
		s.text("", fmt.Sprintf("Facts that are 0, shown with --all: %d", zero))
	}
}

// writeValues writes facts as a table; their meaning stands beside them where
// there is room, else below.
func writeValues(s *sheet, names []string, f *fact.Facts, words *content.Vocabulary) {
	block := []column{{name: "fact"}, {name: "now", right: true}, {name: "total", right: true}, {name: "unit"}}
	var meanings []string
	for _, name := range names {
		v, total, unit, means := f.Values[name], "-", "", ""
		if v.Total != nil {
			total = content.Show(*v.Total)
		}
		if d := words.Fact(name); d != nil {
			unit, means = d.Unit, d.Means
		}
		for i, text := range []string{content.Show(name), content.Show(v.Now), total, unit} {
			block[i].cells = append(block[i].cells, text)
		}
		meanings = append(meanings, means)
	}
	if s.width < narrow {
		s.whole("")
		for row := range names {
			s.text("  ", describe(block, row, meanings[row]))
		}
		return
	}
	used := 2
	for i := len(block) - 1; i >= 0; i-- { // what is left is the name's
		limit := s.width / 4
		if i == 0 {
			limit = s.width - used
		}
		block[i].fit(limit)
		used += block[i].width + 2
	}
	s.whole("")
	s.whole("  " + line(block, -1))
	for row := range names {
		text := line(block, row)
		switch {
		case meanings[row] == "":
			s.whole("  " + text)
		case s.width-used >= 40:
			s.text("  "+cell(text, used-2, false), meanings[row])
		default:
			s.whole("  " + text)
			s.text("      ", meanings[row])
		}
	}
}

// describe tells one fact in a sentence, where there is no room for columns.
func describe(block []column, row int, means string) string {
	text := block[0].cells[row] + "=" + block[1].cells[row]
	if total := block[2].cells[row]; total != "-" {
		text += " (total " + total + ")"
	}
	if unit := block[3].cells[row]; unit != "" {
		text += " " + unit
	}
	if means != "" {
		text += ": " + means
	}
	return text
}

// column is one field of a table as text.
type column struct {
	name  string
	cells []string // "" where the field is not known
	right bool
	width int
}

// fit makes the column as wide as its widest cell, but not wider than a limit.
func (c *column) fit(limit int) {
	c.width = ansi.StringWidth(c.name)
	for _, text := range c.cells {
		c.width = max(c.width, ansi.StringWidth(text))
	}
	c.width = min(c.width, limit)
}

// showTable writes a table. Fields that are the same in every row are told once;
// the others stand in columns, in as many blocks as the width asks for.
func showTable(s *sheet, name string, def *content.TableDef, rows []fact.Row, all bool) {
	title := content.Show(name)
	if def != nil {
		title += " - " + def.Means
	}
	s.whole("")
	s.text("", title)
	rows = newestFirst(rows)
	left := 0
	if !all && len(rows) > maxRows {
		left = len(rows) - maxRows
		rows = rows[:maxRows]
	}
	key, columns, same := columnsOf(def, rows, all)
	if len(rows) == 1 {
		s.text("  "+key.cells[0]+"  ", strings.Join(same, ", "))
		return
	}
	for _, block := range blocks(key, columns, s.width-2) {
		for row := -1; row < len(rows); row++ {
			s.whole("  " + line(block, row))
		}
	}
	if len(same) > 0 {
		s.text("  every row: ", strings.Join(same, ", "))
	}
	if left > 0 {
		s.text("  ", fmt.Sprintf("%d more rows; --all shows them", left))
	}
}

// newestFirst puts the youngest rows of a table that tells their age first.
func newestFirst(rows []fact.Row) []fact.Row {
	age := func(r fact.Row) float64 { a, _ := r["age_s"].(float64); return a }
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b fact.Row) int { return cmp.Compare(age(a), age(b)) })
	return rows
}

// columnsOf turns rows into columns: the one that names the rows, those that
// differ, and what is the same in all.
func columnsOf(def *content.TableDef, rows []fact.Row, all bool) (key column, differ []column, same []string) {
	widest := maxCell
	if all {
		widest = maxWidth
	}
	key = column{name: "name", cells: make([]string, len(rows))}
	var zero []string
	for _, field := range fieldsOf(def, rows) {
		c := columnOf(field, rows)
		c.fit(widest)
		switch equal := len(slices.Compact(slices.Clone(c.cells))) == 1; {
		case field == "name":
			key = c
		case equal && c.cells[0] == "0":
			zero = append(zero, c.name)
		case equal && c.cells[0] == "":
		case equal:
			same = append(same, c.name+" "+c.cells[0])
		case longer(c, key):
			key.cells = c.cells
			key.fit(maxWidth)
		default:
			differ = append(differ, c)
		}
	}
	if len(zero) > 0 {
		same = append(same, "0 in "+strings.Join(zero, " "))
	}
	return key, differ, same
}

func columnOf(field string, rows []fact.Row) column {
	c := column{name: content.Show(field), right: true}
	for _, r := range rows {
		text := "-" // not known
		if v, known := r[field]; known {
			text = content.Show(v)
			_, number := v.(float64)
			c.right = c.right && number
		}
		c.cells = append(c.cells, text)
	}
	return c
}

// longer reports whether a column only says the same as the key at more length,
// as a log's text does.
func longer(c, key column) bool {
	for i, text := range c.cells {
		if key.cells[i] == "" || !strings.HasPrefix(text, key.cells[i]) {
			return false
		}
	}
	return true
}

// fieldsOf returns the fields that some row has: in the vocabulary's order, a
// count's total after it, then those it does not know.
func fieldsOf(def *content.TableDef, rows []fact.Row) []string {
	have := map[string]bool{}
	for _, r := range rows {
		for field := range r {
			have[field] = true
		}
	}
	var fields []string
	take := func(field string) {
		if have[field] {
			fields = append(fields, field)
			delete(have, field)
		}
	}
	if def != nil {
		for _, d := range def.Fields {
			take(d.Name)
			take(content.TotalOf(d.Name))
		}
	}
	return append(fields, slices.Sorted(maps.Keys(have))...)
}

// blocks puts columns side by side until the width is full, and begins anew; each
// block begins with the key.
func blocks(key column, columns []column, width int) [][]column {
	rest := 0
	for _, c := range columns {
		rest += 2 + c.width
	}
	key.width = min(key.width, max(8, width/2, width-rest))
	all := [][]column{{key}}
	used := key.width
	for _, c := range columns {
		last := len(all) - 1
		if used+2+c.width > width && len(all[last]) > 1 {
			all = append(all, []column{key})
			last, used = last+1, key.width
		}
		c.width = min(c.width, max(4, width-key.width-2))
		all[last] = append(all[last], c)
		used += 2 + c.width
	}
	return all
}

// line writes one row of a block, -1 for the names of the columns.
func line(block []column, row int) string {
	var b strings.Builder
	for i, c := range block {
		if i > 0 {
			b.WriteString("  ")
		}
		text := c.name
		if row >= 0 {
			text = c.cells[row]
		}
		b.WriteString(cell(text, c.width, c.right))
	}
	return strings.TrimRight(b.String(), " ")
}
