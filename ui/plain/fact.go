package plain

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// mostFacts is how many facts are told at once.
const mostFacts = 20

// entry is a fact or a table of the vocabulary.
type entry struct {
	fact  *content.FactDef
	table *content.TableDef // nil for a fact
}

func (e entry) name() string {
	if e.table != nil {
		return e.table.Name
	}
	return e.fact.Name
}

func (e entry) means() string {
	if e.table != nil {
		return e.table.Means
	}
	return e.fact.Means
}

// tellFacts tells the facts and tables whose name or meaning has a word in it:
// what each is now, and what it means. Of one alone all is told; what stands
// behind the name of a table finds rows of it.
func (s *session) tellFacts(query string) {
	if query == "" {
		s.pen.say("e needs a word behind it, such as e retrans or e queue.")
		return
	}
	name, rest, _ := strings.Cut(query, " ")
	for _, t := range s.kase.Book.Facts.Tables() {
		if strings.EqualFold(t.Name, name) {
			s.tellTable(t, strings.ToLower(strings.TrimSpace(rest)))
			return
		}
	}
	found := s.findEntries(query)
	if len(found) == 0 {
		s.pen.say(fmt.Sprintf("No fact has %s in its name or meaning.", brief(query)))
		return
	}
	if one := slices.IndexFunc(found, func(e entry) bool { return strings.EqualFold(e.name(), query) }); one >= 0 || len(found) == 1 {
		s.tellFact(found[max(one, 0)])
		return
	}
	for _, e := range found[:min(len(found), mostFacts)] {
		s.pen.item("", e.name()+": "+s.value(e)+".")
		s.pen.item("  ", sentence(e.means()))
	}
	if more := len(found) - mostFacts; more > 0 {
		s.pen.say(fmt.Sprintf("And %d more: a longer word finds fewer.", more))
	}
}

// findEntries finds the facts and tables with a text in the name or meaning:
// first what grew, then what is known, then the rest.
func (s *session) findEntries(query string) []entry {
	query = strings.ToLower(query)
	var grew, known, rest []entry
	add := func(e entry, isKnown, hasGrown bool) {
		switch {
		case !strings.Contains(strings.ToLower(e.name()+" "+e.means()), query):
		case hasGrown:
			grew = append(grew, e)
		case isKnown:
			known = append(known, e)
		default:
			rest = append(rest, e)
		}
	}
	for _, d := range s.kase.Book.Facts.Facts() {
		v, ok := s.diagnosis.Value(d.Name)
		n, _ := v.Now.(float64)
		add(entry{fact: d}, ok, ok && v.Total != nil && n > 0)
	}
	for _, t := range s.kase.Book.Facts.Tables() {
		rows, looked := s.diagnosis.Rows(t.Name)
		add(entry{table: t}, looked && len(rows) > 0, false)
	}
	return slices.Concat(grew, known, rest)
}

// value is what a fact or table is now, or why it is not known.
func (s *session) value(e entry) string {
	if e.table != nil {
		rows, looked := s.diagnosis.Rows(e.table.Name)
		if !looked {
			return s.unknown(e.table.Probe)
		}
		if len(rows) == 0 {
			return "a table without rows"
		}
		return fmt.Sprintf("a table of %s; e %s tells more", countOf(len(rows), "row"), e.table.Name)
	}
	v, known := s.diagnosis.Value(e.fact.Name)
	if !known {
		return s.unknown(e.fact.Probe)
	}
	text := e.fact.ShowUnit(v.Now)
	if v.Total != nil {
		text += fmt.Sprintf(" now, %s since the counter began", e.fact.Show(*v.Total))
	}
	return text
}

func (s *session) unknown(probe string) string {
	if why := s.diagnosis.Unseen(probe); why != "" {
		return "unknown, " + content.Show(why)
	}
	return "unknown"
}

// tellFact tells all there is to say of a fact.
func (s *session) tellFact(e entry) {
	if e.table != nil {
		s.tellTable(e.table, "")
		return
	}
	s.pen.say(e.fact.Name + ": " + s.value(e) + ".")
	s.fields("  ", [][2]string{
		{"Means", sentence(e.fact.Means)}, {"History", s.history(e.fact)},
		{"Read by", "the probe " + e.fact.Probe + "."}, {"Used for", s.usedFor(e.fact.Name)},
	})
	s.byHand(e.fact.ByHand)
}

// history tells how a number moved in the whole session.
func (s *session) history(d *content.FactDef) string {
	whole := s.track().Whole(d.Name)
	if len(whole) < 2 {
		return ""
	}
	unit := d.Unit
	if v, _ := s.diagnosis.Value(d.Name); v.Total != nil {
		unit = strings.TrimSpace(unit + " per second")
	}
	low, top := slices.Min(whole), checklist.Peak(whole)
	if low == top {
		return "the same in the whole session."
	}
	return strings.TrimSpace(fmt.Sprintf("%s to %s %s", content.Show(low), content.Show(top), unit)) +
		fmt.Sprintf(" in the whole session, %s last.", content.Show(whole[len(whole)-1]))
}

// usedFor names the likely causes whose rules use a fact or table.
func (s *session) usedFor(name string) string {
	readers := checklist.Readers(s.kase.Book)[name]
	if len(readers) == 0 {
		return "no rule of a cause."
	}
	var likely []string
	for _, f := range s.diagnosis.Findings {
		if f.Probability >= ruledOut && slices.Contains(readers, f.Cause) {
			likely = append(likely, fmt.Sprintf("%s (%s)", f.Cause.Title, percent(f.Probability)))
		}
	}
	switch more := len(readers) - len(likely); {
	case len(likely) == 0:
		return fmt.Sprintf("%d causes, none of them likely.", more)
	case more > 0:
		return fmt.Sprintf("%s; and %d that are less likely.", strings.Join(likely, "; "), more)
	}
	return strings.Join(likely, "; ") + "."
}

// byHand tells the command that shows the same, unbroken.
func (s *session) byHand(command string) {
	if command != "" {
		s.pen.say("By hand:")
		s.pen.whole(command)
	}
}

// tellTable tells the rows of a table that a lower-case text stands in, of one
// alone all fields.
func (s *session) tellTable(t *content.TableDef, query string) {
	rows, looked := s.diagnosis.Rows(t.Name)
	if !looked {
		s.pen.say(t.Name + ": " + sentence(s.unknown(t.Probe)))
		s.pen.item("  ", sentence(t.Means))
		return
	}
	var found []int
	names := checklist.RowNames(rows)
	for i, name := range names {
		if strings.Contains(strings.ToLower(name), query) {
			found = append(found, i)
		}
	}
	s.pen.say(t.Name + ": " + countOf(len(rows), "row") + ".")
	s.pen.item("  ", sentence(t.Means))
	if len(found) < len(rows) {
		s.pen.say(fmt.Sprintf("With %s in the name: %d.", brief(query), len(found)))
	}
	for _, i := range found[:min(len(found), mostRows)] {
		s.pen.item("  ", content.Show(names[i])+": "+sentence(summary(t, rows[i], len(found) == 1)))
	}
	if more := len(found) - mostRows; more > 0 {
		s.pen.item("  ", fmt.Sprintf("And %d more; e %s and a text finds others.", more, t.Name))
	}
	s.byHand(t.ByHand)
}

// countOf is a number of things: "1 row", "2 rows".
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// summary is a row in one sentence: its fields that are not nothing, or all.
func summary(t *content.TableDef, row fact.Row, all bool) string {
	var told []string
	for _, f := range t.Fields {
		v, known := row[f.Name]
		nothing := v == 0.0 || v == false || v == ""
		if !known || f.Name == "name" || !all && (nothing || f.IsTotal()) {
			continue
		}
		told = append(told, f.Name+" "+f.ShowUnit(v))
	}
	if len(told) == 0 {
		return "nothing but zeros"
	}
	return strings.Join(told, ", ")
}
