package ui

import (
	"strings"

	"whydrop/content"
)

// fieldLines are the fields of a row with value, unit and meaning: first those
// that stand in columns, then the others in the order of the vocabulary, and
// last what is not known.
func fieldLines(t theme, def *content.TableDef, columns []*content.Column, row map[string]any, w int) []string {
	width := 0
	for name := range row {
		width = max(width, len(name))
	}
	width = min(width, w/3)
	told := map[string]bool{"name": true}
	var lines, unknown []string
	tell := func(f *content.FactDef) {
		v, known := row[f.Name]
		if known && !told[f.Name] {
			head := t.pad(f.Name, width) + "  " + content.Show(f.ShowUnit(v))
			lines = append(lines, t.valueLines(head, f.Means, width+2+18, w)...)
		}
		if !known && !f.IsTotal() {
			unknown = append(unknown, f.Name)
		}
		told[f.Name] = true
	}
	for _, c := range columns {
		if _, known := row[c.Field]; known {
			tell(c.Of)
		}
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	for _, f := range def.Fields {
		tell(f)
	}
	if len(unknown) > 0 {
		lines = append(lines, "")
		lines = append(lines, wrap("not known here: "+strings.Join(unknown, ", "), w, "  ")...)
	}
	return lines
}

// valueLines put what a value means beside it, from a column on, or below it
// where it is narrow.
func (t theme) valueLines(head, means string, from, w int) []string {
	if w-from < 24 {
		lines := wrap(head, w, "    ")
		return append(lines, wrap("    "+means, w, "    ")...)
	}
	var lines []string
	if len(head) >= from {
		lines = append(lines, t.clip(head, w))
		head = ""
	}
	for _, l := range wrap(means, w-from, "") {
		lines = append(lines, t.pad(head, from)+l)
		head = ""
	}
	return lines
}
