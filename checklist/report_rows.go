package checklist

import (
	"slices"
	"strings"

	"whydrop/content"
)

// ReportRaw are rows of a table of facts with all the fields that the rules went by, as
// the vocabulary calls them, and what each of them means.
type ReportRaw struct {
	Table  ReportTable  `json:"table"`
	Fields []ReportPair `json:"fields"`
}

// Bounds of a table of rows: more columns are hard to read in a ticket.
const (
	mostColumns    = 7
	mostRawColumns = 12
)

// evidenceRows are rows of one table that rules hold for.
type evidenceRows struct {
	table string
	said  []string // the fields that the sentences tell, beside the name
	asked []string // the others that the conditions go by
	rows  []*content.Env
	taken map[string]bool // by name
}

// evidence are the rows on which the reasons of causes stand, one list a table.
func (d *Diagnosis) evidence(causes []*Finding) []*evidenceRows {
	var gathered []*evidenceRows
	for _, f := range causes {
		for _, reason := range f.For {
			i := slices.IndexFunc(f.Cause.For, func(r *content.Rule) bool { return r.ID == reason.Rule })
			if i < 0 || f.Cause.For[i].Each == "" {
				continue
			}
			rule := f.Cause.For[i]
			j := slices.IndexFunc(gathered, func(e *evidenceRows) bool { return e.table == rule.Each })
			if j < 0 {
				j, gathered = len(gathered), append(gathered, &evidenceRows{table: rule.Each, taken: map[string]bool{}})
			}
			rows, _ := d.facts.matching(rule.Each, rule.When, rule.Order)
			gathered[j].add(rule, rows)
		}
	}
	return gathered
}

func (e *evidenceRows) add(rule *content.Rule, rows []*content.Env) {
	e.said = e.fields(e.said, rule.Says.Uses())
	e.asked = e.fields(e.asked, rule.When.Uses())
	for _, row := range rows {
		v, _ := row.Value(e.table + ".name")
		if name := content.Show(v); !e.taken[name] {
			e.taken[name] = true
			e.rows = append(e.rows, row)
		}
	}
}

// fields adds those of the table that are among the names used.
func (e *evidenceRows) fields(have, used []string) []string {
	for _, name := range used {
		field, of := strings.CutPrefix(name, e.table+".")
		if of && field != "name" && !slices.Contains(have, field) {
			have = append(have, field)
		}
	}
	return have
}

// evidenceTables tell the rows on which the reasons of named causes stand: what the
// sentences speak of, for people, and every field that the rules went by.
func (c *Case) evidenceTables(d *Diagnosis) (told []ReportTable, raw []ReportRaw) {
	told, raw = []ReportTable{}, []ReportRaw{}
	for _, e := range d.evidence(d.Named()) {
		def := c.Book.Facts.TableOf(e.table)
		if def == nil {
			continue
		}
		means, _, _ := strings.Cut(clause(def.Means), ". ")
		title := e.table + ": " + means
		if c.Book.Facts.Field(e.table, "process") != nil && !slices.Contains(e.said, "process") {
			e.said = slices.Insert(e.said, 0, "process") // whose it is
		}
		shown, fields := slices.Clone(e.said), slices.Clone(e.said)
		for _, f := range e.asked {
			if slices.Contains(fields, f) {
				continue
			}
			fields = append(fields, f)
			if field := c.Book.Facts.Field(e.table, f); field != nil && field.Unit != "" {
				shown = append(shown, f) // an amount, not a condition
			}
		}
		if len(shown) > 0 {
			t := c.evidenceTable(e, shown[:min(len(shown), mostColumns)])
			t.Title = title
			told = append(told, t)
		}
		raw = append(raw, c.rawTable(e, title, fields[:min(len(fields), mostRawColumns)]))
	}
	return told, raw
}

// evidenceTable writes rows out with names and units that people read.
func (c *Case) evidenceTable(e *evidenceRows, fields []string) ReportTable {
	heads := []string{e.table}
	for _, f := range fields {
		heads = append(heads, heading(c.Book.Facts.Field(e.table, f), f))
	}
	t := table(heads...)
	e.write(&t, fields, func(field string, v any) string {
		if share, ok := v.(float64); ok && isShare(c.Book.Facts.Field(e.table, field), field) {
			return content.Show(round(share*100, 1)) + " %"
		}
		return content.Show(v)
	})
	return t
}

// rawTable writes rows out as the facts have them.
func (c *Case) rawTable(e *evidenceRows, title string, fields []string) ReportRaw {
	raw := ReportRaw{Table: table(append([]string{"name"}, fields...)...), Fields: []ReportPair{}}
	raw.Table.Title = title
	e.write(&raw.Table, fields, func(_ string, v any) string { return content.Show(v) })
	for _, f := range fields {
		if def := c.Book.Facts.Field(e.table, f); def != nil {
			means := def.Means
			if def.Unit != "" {
				means += " (" + def.Unit + ")"
			}
			raw.Fields = append(raw.Fields, ReportPair{f, means})
		}
	}
	return raw
}

func (e *evidenceRows) write(t *ReportTable, fields []string, show func(field string, v any) string) {
	for _, row := range e.rows {
		var cells []string
		for _, field := range append([]string{"name"}, fields...) {
			v, known := row.Value(e.table + "." + field)
			if !known || v == nil {
				cells = append(cells, content.Unknown)
				continue
			}
			cells = append(cells, show(field, v))
		}
		t.add(mostRows/2, cells...)
	}
}

// unitWords are the last words of fields that spell their unit.
var unitWords = []string{"bps", "mbps", "ms", "s", "usecs", "bytes", "packets"}

// heading is a field as the head of a column: its words, and its unit.
func heading(def *content.FactDef, field string) string {
	words := strings.Split(field, "_")
	unit := ""
	if def != nil {
		unit = def.Unit
	}
	switch last := len(words) - 1; {
	case isShare(def, field) && last > 0:
		return strings.Join(words[:last], " ") + " (share)"
	case unit != "" && last > 0 && slices.Contains(unitWords, words[last]):
		words = words[:last]
	}
	if unit != "" {
		return strings.Join(words, " ") + " (" + unit + ")"
	}
	return strings.Join(words, " ")
}

// isShare says whether a field is a part of a whole, told from 0 to 1.
func isShare(def *content.FactDef, field string) bool {
	return def != nil && def.Unit == "" && def.Type == content.Number && strings.HasSuffix(field, "_share")
}
