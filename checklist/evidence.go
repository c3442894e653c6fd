package checklist

import (
	"slices"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Value returns a scalar fact as it was judged, with those that are computed
// from others. known is false if nobody could read it.
func (d *Diagnosis) Value(name string) (v fact.Value, known bool) {
	now, known := d.facts.Value(name)
	return fact.Value{Now: now, Total: d.facts.facts.Values[name].Total}, known
}

// Rows returns a table as it was judged. looked is false if nobody could look.
func (d *Diagnosis) Rows(table string) (rows []fact.Row, looked bool) {
	rows, looked = d.facts.facts.Tables[table]
	return rows, looked
}

// Unseen says why something that a probe yields is not there: the probe could
// not be run, or what it could not see and what would let it; "" if it ran and
// there is nothing of it here.
func (d *Diagnosis) Unseen(probe string) string {
	f := d.facts.facts
	for _, s := range f.Probes {
		if s.Name == probe && s.Status != "ok" {
			return strings.TrimSuffix(s.Status+": "+s.Why, ": ")
		}
	}
	var says []string
	for _, b := range f.Blind {
		if b.Probe != probe {
			continue
		}
		text := "cannot see " + b.What
		if b.Needs != "" {
			text += ": needs " + b.Needs
		}
		says = append(says, text)
	}
	return strings.Join(says, "; ")
}

// Used are the names that reasons of likely causes stand on: scalar facts,
// fields as "table.field", and the tables of these. Likely is a cause that is at
// least so probable.
func (d *Diagnosis) Used(likely float64) map[string]bool {
	used := map[string]bool{}
	for _, f := range d.Findings {
		if f.Probability < likely {
			continue
		}
		for _, r := range slices.Concat(f.For, f.Against) {
			for name := range r.Facts {
				used[name] = name != "window.seconds" // of the observation, not of the host
				if table, _, field := strings.Cut(name, "."); field {
					used[table] = true
				}
			}
		}
	}
	return used
}

// Readers returns for every name of the vocabulary that a rule uses the causes
// with such rules, in the order of the book: scalar facts, and tables that rules
// go through.
func Readers(book *content.Book) map[string][]*content.Cause {
	readers := map[string][]*content.Cause{}
	for _, c := range book.Causes {
		note := func(name string) {
			if list := readers[name]; len(list) == 0 || list[len(list)-1] != c {
				readers[name] = append(list, c)
			}
		}
		for _, r := range slices.Concat(c.For, c.Against) {
			for _, name := range r.When.Uses() {
				note(name)
			}
			if r.Each != "" {
				note(r.Each)
			}
		}
	}
	return readers
}
