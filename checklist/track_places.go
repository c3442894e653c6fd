package checklist

import (
	"slices"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// placeCounter is a counter of the ledger that each row of a table has: of each queue,
// of each interface. A track adds the rows up.
type placeCounter struct{ table, field, hop, probe string }

func (p placeCounter) name() string { return p.table + "." + p.field }

// row is under which name the total of a row is remembered.
func (p placeCounter) row(name string) string { return p.name() + " " + name }

// placeCounters are those that the ledger takes as they are for losses at one hop alone:
// under no condition, or under several that only tell the causes apart.
func placeCounters(book *content.Book) []placeCounter {
	var all []placeCounter
	for _, l := range book.Ledger {
		field, of := strings.CutPrefix(l.Counter.Source, l.Each+".")
		def := book.Facts.Field(l.Each, field)
		if l.Each == "" || !of || def == nil || def.Type != content.Count {
			continue
		}
		p := placeCounter{l.Each, field, l.Hop, book.Facts.TableOf(l.Each).Probe}
		if addable(book, l) && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// addable says whether all rows of a line's counter count losses at its hop.
func addable(book *content.Book, l *content.LedgerLine) bool {
	lines := 0
	for _, o := range book.Ledger {
		if o.Each != l.Each || o.Counter.Source != l.Counter.Source {
			continue
		}
		if lines++; o.Hop != l.Hop || !o.Counts() {
			return false
		}
	}
	return !l.Estimate && (l.When.Empty() || lines > 1)
}

// grew is by how much a counter of all rows together grew since the observation before.
// A row that was not there then, or that began anew, adds nothing. known is false where
// none was there.
func (t *Track) grew(p placeCounter, f *fact.Facts) (sum float64, known bool) {
	for _, r := range f.Tables[p.table] {
		name, _ := r["name"].(string)
		total, counted := r[content.TotalOf(p.field)].(float64)
		if !counted {
			continue
		}
		before, seen := t.totals[p.row(name)]
		t.totals[p.row(name)] = total
		if known = known || seen; seen {
			sum += max(total-before, 0)
		}
	}
	return sum, known
}

// moved says whether the counter of a row has another total than in the observation
// before.
func (t *Track) moved(p placeCounter, f *fact.Facts) bool {
	return slices.ContainsFunc(f.Tables[p.table], func(r fact.Row) bool {
		name, _ := r["name"].(string)
		total, counted := r[content.TotalOf(p.field)].(float64)
		before, seen := t.totals[p.row(name)]
		return counted && (!seen || before != total)
	})
}
