package checklist

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// LedgerEntry is one place of this host and what it lost.
type LedgerEntry struct {
	Hop       string
	Direction string // "rx" or "tx"
	Counter   string // the counter as the kernel spells it, with the entity it belongs to
	Unit      string
	Cause     string // the cause that it is put down to, "" if none is known
	// Drops is what the counter grew by during the observation.
	Drops float64
	// Total is the counter's value: history. Nil if it is not known.
	Total *float64
	// Loss is false where the counter also moves for packets that nobody misses, or
	// where another place counts the same packets: it is shown and not added up.
	Loss bool
	// Unknown says why nobody could tell, "" if it is known.
	Unknown string
	// Fact is the scalar fact that is the counter, "" where the counter belongs to
	// the row of a table or is worked out of several.
	Fact string
}

// line is a ledger entry that moved, with the causes that claim it.
type line struct {
	LedgerEntry
	from   *content.LedgerLine // nil for what only the kernel's drop reasons show
	causes []string
	tcp    float64 // the part that TCP misses
	beyond *line   // the line that counts most of its packets, nil if none does
}

// ledgerOf reads every counter of the ledger that moved, and what the kernel's
// drop reasons show beyond the counters.
func ledgerOf(book *content.Book, facts *fact.Facts) []*line {
	all := newScene(facts, nil)
	var lines []*line
	for _, ll := range book.Ledger {
		if givesWay(all, ll) {
			continue
		}
		rows, _ := ledgerRows(all, ll)
		for _, env := range rows {
			n, known := amount(all, ll, env)
			if !known || n <= 0 {
				continue
			}
			l := &line{from: ll, causes: ll.Causes, tcp: n, LedgerEntry: LedgerEntry{
				Hop: ll.Hop, Direction: ll.Direction, Counter: lineName(ll, env), Drops: n, Unit: ll.Unit, Loss: ll.Counts(),
			}}
			if tcp, judged := ll.TCP.Holds(env); judged && !tcp {
				l.tcp = 0
			}
			lines = append(lines, l)
		}
	}
	return append(lines, reasonLines(book, all, lines)...)
}

// ledgerRows returns what a line is evaluated on: the rows of its table, or the
// facts themselves. An estimate that is called the same for all rows is one place.
// known is false if nobody could look.
func ledgerRows(facts *scene, ll *content.LedgerLine) (rows []*content.Env, known bool) {
	rows, known = rowsOf(facts, ll.Each, ll.When)
	if ll.Estimate && ll.Name != nil && len(rows) > 1 && lineName(ll, rows[0]) == lineName(ll, rows[1]) {
		rows = rows[:1]
	}
	return rows, known
}

// rowsOf returns the rows of a table for which a condition holds, or the facts
// themselves without a table. known is false if nobody could look.
func rowsOf(facts *scene, each string, when *content.Expr) (rows []*content.Env, known bool) {
	if each == "" {
		holds, known := when.Holds(facts.Env)
		if !holds || !known {
			return nil, known
		}
		return []*content.Env{facts.Env}, true
	}
	if _, looked := facts.table(each); !looked {
		return nil, false
	}
	return facts.matching(each, when, nil)
}

// amount is what a place lost: its counter, and what belongs to it, less what
// other counters tell already. known is false if the counter is not known.
func amount(facts *scene, ll *content.LedgerLine, env *content.Env) (n float64, known bool) {
	v, known := ll.Counter.Eval(env)
	n, _ = v.(float64)
	if !known {
		return 0, false
	}
	if !ll.Also.Empty() {
		v, _ := ll.Also.Eval(env)
		also, _ := v.(float64)
		n += also
	}
	for _, less := range ll.Less {
		rows, _ := rowsOf(facts, less.Each, less.When)
		for _, row := range rows {
			v, _ := less.Counter.Eval(row)
			told, _ := v.(float64)
			n -= told
		}
	}
	return max(0, n), true
}

// givesWay says whether the kernel's drop reasons tell exactly what a line
// estimates: the kernel gives all of its reasons, and somebody counts them.
func givesWay(facts *scene, ll *content.LedgerLine) bool {
	if _, oneFlow := facts.Value("drops.flow"); !ll.Estimate || oneFlow {
		return false
	}
	for _, r := range ll.Reasons {
		if _, known := facts.Value(content.ReasonFact(r)); !known {
			return false
		}
	}
	return true
}

func lineName(ll *content.LedgerLine, env *content.Env) string {
	if ll.Name == nil {
		return ll.Counter.Source
	}
	name, _ := ll.Name.Render(env)
	return name
}

// attribute puts each line down to the most probable cause that can be behind
// it.
func attribute(lines []*line, d *Diagnosis) []LedgerEntry {
	rank := map[string]int{}
	for i, f := range d.Findings {
		rank[f.Cause.ID] = i
	}
	entries := make([]LedgerEntry, 0, len(lines))
	for _, l := range lines {
		if len(l.causes) > 0 {
			l.Cause = slices.MinFunc(l.causes, func(a, b string) int { return cmp.Compare(rank[a], rank[b]) })
			if best := d.Findings[rank[l.Cause]]; len(best.For) == 0 {
				l.Cause = l.causes[0]
			}
		}
		if l.beyond != nil && l.beyond.Cause != "" {
			l.Cause = l.beyond.Cause
		}
		entries = append(entries, l.LedgerEntry)
	}
	return entries
}

// Places returns the whole ledger: every place of this host that can lose a
// packet, first on the way in and then on the way out, with what it lost during
// the observation and since its counter began; also those that lost nothing and
// those that nobody could read.
func (c *Case) Places(d *Diagnosis) []LedgerEntry {
	facts := d.facts.facts
	w := &wholeLedger{now: d.facts, ever: newScene(totals(facts, c.Book), nil), facts: facts, book: c.Book}
	moved := map[string]LedgerEntry{}
	for _, e := range d.Ledger {
		moved[e.Direction+" "+e.Counter] = e
	}
	var places []LedgerEntry
	for _, ll := range c.Book.Ledger {
		for _, e := range w.places(ll) {
			if m, ok := moved[e.Direction+" "+e.Counter]; ok {
				e.Cause = m.Cause
				delete(moved, e.Direction+" "+e.Counter)
			}
			places = append(places, e)
		}
	}
	for _, e := range d.Ledger {
		if _, left := moved[e.Direction+" "+e.Counter]; left {
			places = append(places, e)
		}
	}
	c.alongTheWay(places)
	return places
}

// alongTheWay orders places as a packet passes them: in, from the wire up; then
// out, from the application down.
func (c *Case) alongTheWay(places []LedgerEntry) {
	order := map[string]int{}
	for i, h := range c.Book.Hops {
		order[h.ID] = i
	}
	at := func(e LedgerEntry) int {
		if e.Direction == "rx" {
			return -order[e.Hop]
		}
		return order[e.Hop] + len(c.Book.Hops)
	}
	sort.SliceStable(places, func(i, j int) bool { return at(places[i]) < at(places[j]) })
}

// wholeLedger reads the ledger with its history.
type wholeLedger struct {
	now, ever *scene
	facts     *fact.Facts
	book      *content.Book
}

// blank is the entry of a line that tells nothing yet. Without a row to be named
// by it is called like the line.
func (w *wholeLedger) blank(ll *content.LedgerLine) LedgerEntry {
	e := LedgerEntry{Hop: ll.Hop, Direction: ll.Direction, Unit: ll.Unit, Counter: ll.Counter.Source, Loss: ll.Counts()}
	switch {
	case ll.Each != "" && !ll.Estimate:
		e.Counter = ll.ID
	case ll.Name != nil:
		e.Counter = lineName(ll, w.now.Env)
	}
	uses := ll.Counter.Uses()
	if ll.Each == "" && ll.Also.Empty() && len(ll.Less) == 0 && len(uses) == 1 && uses[0] == ll.Counter.Source {
		e.Fact = uses[0]
	}
	return e
}

// places returns the entries of one line: one for each row that ever lost
// something, or a single one if none did.
func (w *wholeLedger) places(ll *content.LedgerLine) []LedgerEntry {
	blank := w.blank(ll)
	rows, known := ledgerRows(w.now, ll)
	if !known {
		blank.Unknown = w.why(ll)
		return []LedgerEntry{blank}
	}
	if len(rows) == 0 && !w.counted(ll) {
		blank.Unknown = "no driver here counts it"
		return []LedgerEntry{blank}
	}
	ever := w.totals(ll)
	var entries []LedgerEntry
	told := len(rows) == 0
	for _, env := range rows {
		e, known := w.place(ll, env, blank, ever)
		told = told || known
		if e.Drops > 0 || e.Total != nil && *e.Total > 0 {
			entries = append(entries, e)
		}
	}
	if len(entries) > 0 {
		return entries
	}
	if total, have := ever[blank.Counter]; have {
		blank.Total = &total
	}
	if !told {
		blank.Unknown, blank.Total = w.why(ll), nil
	}
	return []LedgerEntry{blank}
}

// place returns the entry of one row. What the kernel's reasons tell exactly is
// not lost here.
func (w *wholeLedger) place(ll *content.LedgerLine, env *content.Env, e LedgerEntry, ever map[string]float64) (_ LedgerEntry, known bool) {
	e.Counter = lineName(ll, env)
	if total, have := ever[e.Counter]; have {
		e.Total = &total
	}
	drops, known := amount(w.now, ll, env)
	if !givesWay(w.now, ll) {
		e.Drops = drops
	}
	return e, known
}

// counted says whether any driver has a counter for the line.
func (w *wholeLedger) counted(ll *content.LedgerLine) bool {
	if len(ll.Drivers) == 0 {
		return true
	}
	for _, nic := range w.facts.Tables["nic"] {
		for _, field := range ll.Drivers {
			if _, has := nic[field]; has {
				return true
			}
		}
	}
	return false
}

// totals returns the totals of a line by the name of the place.
func (w *wholeLedger) totals(ll *content.LedgerLine) map[string]float64 {
	out := map[string]float64{}
	rows, _ := ledgerRows(w.ever, ll)
	for _, env := range rows {
		if v, ok := amount(w.ever, ll, env); ok {
			out[lineName(ll, env)] = v
		}
	}
	return out
}

// why says why a line could not be told.
func (w *wholeLedger) why(ll *content.LedgerLine) string {
	names := append([]string{}, ll.Counter.Uses()...)
	if !ll.When.Empty() {
		names = append(names, ll.When.Uses()...)
	}
	probe := ""
	for _, n := range names {
		if def := w.book.Facts.Lookup(n, ll.Each); def != nil {
			if _, known := w.now.Value(n); !known && def.Probe != "" {
				probe = def.Probe
				break
			}
		}
	}
	return whyUnread(w.facts, probe)
}

// whyUnread says why something that a probe yields is not there: the probe did
// not run, or lacks something, or there is nothing to be read.
func whyUnread(f *fact.Facts, probe string) string {
	for _, s := range f.Probes {
		if s.Name == probe && s.Status != "ok" {
			return s.Why
		}
	}
	for _, b := range f.Blind {
		if b.Probe == probe && b.Needs != "" {
			return "needs " + b.Needs
		}
	}
	return "not told by this kernel or driver"
}

// totals returns the facts that the ledger speaks of with every counter's total in
// the place of its growth: what expressions then give is history.
func totals(f *fact.Facts, book *content.Book) *fact.Facts {
	ever, vocabulary := *f, book.Facts
	ever.Values = make(map[string]fact.Value, len(f.Values))
	for name, v := range f.Values {
		def := vocabulary.Fact(name)
		switch {
		case v.Total != nil:
			ever.Values[name] = fact.Value{Now: *v.Total}
		case def == nil || def.Type != content.Count:
			ever.Values[name] = v
		}
	}
	ever.Tables = map[string][]fact.Row{}
	add := func(table string) {
		rows, looked := f.Tables[table]
		if _, done := ever.Tables[table]; done || !looked {
			return
		}
		past := make([]fact.Row, len(rows))
		for i, row := range rows {
			past[i] = totalRow(row, vocabulary, table)
		}
		ever.Tables[table] = past
	}
	for _, ll := range book.Ledger {
		add(ll.Each)
		for _, less := range ll.Less {
			add(less.Each)
		}
	}
	return &ever
}

func totalRow(row fact.Row, vocabulary *content.Vocabulary, table string) fact.Row {
	past := make(fact.Row, len(row))
	for field, v := range row {
		if strings.HasSuffix(field, "_total") {
			continue
		}
		if total, ok := row[content.TotalOf(field)]; ok {
			past[field] = total
		} else if def := vocabulary.Field(table, field); def == nil || def.Type != content.Count {
			past[field] = v
		}
	}
	return past
}
