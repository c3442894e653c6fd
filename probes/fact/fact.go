// Package fact is the language between the probes and the diagnosis: what one
// observation of a host showed, as plain values that can be saved as JSON,
// replayed, and written by hand in a test.
//
// A fact that could not be read is absent. Absent means unknown, never zero.
package fact

import (
	"maps"
	"math"
	"sort"
	"time"
)

// Value is one scalar fact.
type Value struct {
	// Now is what the observation showed: a float64, string or bool. For a
	// counter it is the growth during the observation, for a gauge the last
	// reading.
	Now any `json:"now"`
	// Total is a counter's value at the end of the observation: everything
	// since boot, or since the namespace or driver started. It is history, not
	// evidence. Nil for anything that is not a counter.
	Total *float64 `json:"total,omitempty"`
}

// Row is one entity (a listener, a link, a rule): field name to float64, string
// or bool. A field that is not known is absent. Every row has a "name".
type Row map[string]any

// Status says how one probe fared.
type Status struct {
	Name   string  `json:"name"`
	Status string  `json:"status"` // "ok", "skipped" or "failed"
	Why    string  `json:"why,omitempty"`
	Millis float64 `json:"millis"` // time spent in the probe, all looks together
	// Every is how many seconds lie between two looks at present: the probe's
	// pace, or more where a look costs too much. 0 where the probe is not looked
	// at again and again.
	Every float64 `json:"every_s,omitempty"`
	// Adapted says in words why the probe is looked at less often than its pace
	// asks for: "looked at every 6 s: one look takes 150 ms of CPU time". Empty
	// when it keeps its pace.
	Adapted string `json:"adapted,omitempty"`
}

// Blind is something that a probe could not see, and what would let it.
type Blind struct {
	Probe string `json:"probe"`
	What  string `json:"what"`            // "rule counters of nftables"
	Needs string `json:"needs,omitempty"` // "CAP_NET_ADMIN"
}

// Texts is the name under which facts say, as what cannot be seen, that they were read
// from texts of other tools: these show a part of a host, and never that it is healthy.
const Texts = "texts"

// Nameless is what a host is called whose name nothing tells.
const Nameless = "a host without a name"

// Facts is what one observation showed.
type Facts struct {
	Host    string    `json:"host"`
	Kernel  string    `json:"kernel"`
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	// Every is how many seconds lie between two sets of facts of a session: one,
	// or more where judging them takes too much CPU time. 0 for an observation.
	Every  float64          `json:"every_s,omitempty"`
	Values map[string]Value `json:"values"`
	Tables map[string][]Row `json:"tables"`
	Probes []Status         `json:"probes"`
	Blind  []Blind          `json:"blind"`
	// Here says that this process observed the machine and network namespace that it
	// runs in. What was recorded, sent or told by another is not: nothing that is made
	// of it looks at this machine.
	Here bool `json:"-"`
}

// New returns empty facts for an observation that began at start and lasted
// seconds.
func New(start time.Time, seconds float64) *Facts {
	return &Facts{
		Start: start, Seconds: seconds,
		Values: map[string]Value{"window.seconds": {Now: seconds}},
		Tables: map[string][]Row{},
	}
}

// Count records a counter: by how much it grew during the observation and its
// total at the end. Negative growth (a restart) has to be handled before, see
// Growth.
func (f *Facts) Count(name string, growth, total float64) {
	f.Values[name] = Value{Now: growth, Total: &total}
}

// Gauge records a number that is not a counter.
func (f *Facts) Gauge(name string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	f.Values[name] = Value{Now: v}
}

// Text records a string.
func (f *Facts) Text(name, v string) { f.Values[name] = Value{Now: v} }

// Flag records a yes or no.
func (f *Facts) Flag(name string, v bool) { f.Values[name] = Value{Now: v} }

// Add appends a row to a table.
func (f *Facts) Add(table string, r Row) { f.Tables[table] = append(f.Tables[table], r) }

// Table makes sure that a table exists: empty means that there is none of it,
// absent that nobody could look.
func (f *Facts) Table(table string) {
	if _, ok := f.Tables[table]; !ok {
		f.Tables[table] = []Row{}
	}
}

// CannotSee records something that stays unknown and what would change that.
func (f *Facts) CannotSee(probe, what, needs string) {
	b := Blind{Probe: probe, What: what, Needs: needs}
	for _, have := range f.Blind {
		if have == b {
			return
		}
	}
	f.Blind = append(f.Blind, b)
}

// Num returns a numeric fact and whether it is known.
func (f *Facts) Num(name string) (float64, bool) {
	n, ok := f.Values[name].Now.(float64)
	return n, ok
}

// HistoryOnly says whether the facts hold totals of counters and of none how it grew:
// those of one sample.
func (f *Facts) HistoryOnly() bool {
	totals := false
	for _, v := range f.Values {
		if v.Total != nil && v.Now != nil {
			return false
		}
		totals = totals || v.Total != nil
	}
	return totals
}

// Names returns the names of all scalar facts, sorted.
func (f *Facts) Names() []string {
	names := make([]string, 0, len(f.Values))
	for n := range f.Values {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Growth returns by how much a counter of the given width (32 or 64 bits) grew
// from one reading to the next. A counter that falls has either wrapped (only
// when it was near its limit and is now near zero) or restarted: then its new
// value is the growth since the restart, and restarted is true.
func Growth(before, after uint64, bits int) (growth uint64, restarted bool) {
	if after >= before {
		return after - before, false
	}
	if bits == 32 && before <= math.MaxUint32 {
		if wrapped := uint64(math.MaxUint32) - before + after + 1; wrapped < 1<<30 {
			return wrapped, false
		}
	}
	return after, true
}

// With returns the facts with those of another observation beside them. What both
// know is told as the first know it.
func (f *Facts) With(other *Facts) *Facts {
	with := *f
	with.Values, with.Tables = maps.Clone(other.Values), maps.Clone(other.Tables)
	maps.Copy(with.Values, f.Values)
	maps.Copy(with.Tables, f.Tables)
	return &with
}
