package checklist

import (
	"slices"
	"strings"

	"whydrop/content"
)

var typeNames = map[content.Type]string{
	content.Count: "a count; whydrop takes its growth during the observation as evidence, its total as history",
	content.Gauge: "a number as it is", content.Number: "a number as it is",
	content.String: "text", content.Flag: "yes or no",
}

// fact tells what a fact is and what whydrop makes of it. table is the one that
// it is a field of, "" for none.
func (w *writer) fact(d *content.FactDef, table string) {
	probe, byHand := d.Probe, d.ByHand
	if t := w.book.Facts.TableOf(table); t != nil {
		probe = t.Probe
		if byHand == "" {
			byHand = t.ByHand
		}
	}
	w.section("", about("unit", d.Unit), about("type", typeNames[d.Type]), about("probe", probe))
	w.section("See it by hand", commands(some(byHand))...)
	name := d.Name
	if table != "" {
		name = table + "." + name
	}
	w.uses(name, table)
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func (w *writer) table(t *content.TableDef) {
	w.section("", labelled("probe", t.Probe))
	w.section("See it by hand", commands(some(t.ByHand))...)
	var fields []Item
	for _, f := range t.Fields {
		if !strings.HasSuffix(f.Name, content.TotalOf("")) {
			fields = append(fields, labelled(f.Name, f.Means))
		}
	}
	w.section("Fields", fields...)
	var ids []string
	for _, c := range w.book.Causes {
		if slices.ContainsFunc(slices.Concat(c.For, c.Against), func(r *content.Rule) bool { return r.Each == t.Name }) {
			ids = append(ids, c.ID)
		}
	}
	w.section("Causes whose rules go through it", w.causes(ids)...)
}

// uses lists the rules, places and signs that a fact decides.
func (w *writer) uses(name, table string) {
	reads := func(e *content.Expr, each string) bool {
		return !e.Empty() && slices.Contains(e.Uses(), name) && (table == "" || each == table)
	}
	rules := func(of func(*content.Cause) []*content.Rule) []Item {
		var items []Item
		for _, c := range w.book.Causes {
			for _, r := range of(c) {
				if reads(r.When, r.Each) {
					items = append(items, Item{Label: c.ID, Text: strength(r.Weight) + ": " + oneLine(r.Says.Outline(w.book.Facts, r.Each)), More: []Item{labelled("when", r.When.Source)}})
				}
			}
		}
		return items
	}
	w.section("Speaks for", rules(func(c *content.Cause) []*content.Rule { return c.For })...)
	w.section("Speaks against", rules(func(c *content.Cause) []*content.Rule { return c.Against })...)
	w.section("In the drop ledger", w.places(func(l *content.LedgerLine) bool { return reads(l.Counter, l.Each) || reads(l.Also, l.Each) })...)
	var signs []Item
	for _, s := range w.book.Symptoms {
		if reads(s.When, s.Each) {
			signs = append(signs, labelled(s.ID, s.Says.Outline(w.book.Facts, s.Each)))
		}
	}
	w.section("Signs that something is wrong", signs...)
}

func (w *writer) sign(id string) {
	for _, s := range w.book.Symptoms {
		if s.ID == id {
			w.section("",
				paragraph("A sign that something is wrong, whatever the cause: while it holds and no cause is named, the verdict is inconclusive."),
				labelled("when", s.When.Source))
		}
	}
}
