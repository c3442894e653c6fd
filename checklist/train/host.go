package train

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// Host is the sick host (or the healthy one) that the candidate measures.
type Host interface {
	// Probes names what can be measured on it, sorted.
	Probes() []string
	// Look returns the newest observation and which one of a recording it is; Live for
	// one that nobody can return to. A host that has not shown anything yet says so with
	// an error. The facts must not be changed.
	Look() (f *fact.Facts, moment int, err error)
	// Again returns an observation of a recording.
	Again(moment int) (*fact.Facts, error)
}

// Live is the moment of an observation of a host that is watched, not recorded.
const Live = -1

// ErrPassed is returned by the Again of a host that is watched.
var ErrPassed = errors.New("a moment of a host that was watched does not come again")

// mostSteady is how many observations at the end of a recording are looked through.
const mostSteady = 8

// recorded is a host as it was recorded: a look shows the last of some of the last
// observations, in all of which the fault shows. Whoever replays the recording sees the
// same figures.
type recorded struct {
	steady []*fact.Facts
	probes []string
}

// Recorded returns the recorded host of a scenario.
func Recorded(book *content.Book, s *content.Scenario) (Host, error) {
	data, err := s.Recording()
	if err != nil {
		return nil, err
	}
	r, err := record.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("scenario %s: its recording: %w", s.ID, err)
	}
	last, err := lastOf(book, r)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: its recording: %w", s.ID, err)
	}
	return newRecorded(book, s, last), nil
}

// lastOf are the last observations of a recording.
func lastOf(book *content.Book, r *record.Recording) (last []*fact.Facts, err error) {
	if r.Len() == 0 {
		return nil, errors.New("it holds no observation")
	}
	first, err := r.Observation(0)
	if err != nil {
		return nil, err
	}
	err = r.From(max(0, r.Len()-mostSteady), func(f *fact.Facts) bool {
		if !slices.ContainsFunc(f.Blind, func(b fact.Blind) bool { return b.Probe == fact.Texts }) { // of a real machine
			f = young(book, first, f)
		}
		last = append(last, f)
		return true
	})
	return last, err
}

// young is an observation of a host that is a part of a machine: what the kernel counts for
// the whole machine has totals that begin with the first observation. Those before are
// the machine's past, not this host's.
func young(book *content.Book, first, f *fact.Facts) *fact.Facts {
	y := *f
	y.Values, y.Tables = maps.Clone(f.Values), maps.Clone(f.Tables)
	for name, v := range f.Values {
		if d := book.Facts.Fact(name); d == nil || d.Scope != content.HostWide || v.Total == nil {
			continue
		}
		had := first.Values[name]
		if had.Total == nil {
			had = v
		}
		total := since(*v.Total, *had.Total, had.Now)
		y.Values[name] = fact.Value{Now: v.Now, Total: &total}
	}
	for name, rows := range f.Tables {
		if t := book.Facts.TableOf(name); t != nil && t.Scope == content.HostWide {
			y.Tables[name] = youngRows(t, first.Tables[name], rows)
		}
	}
	return &y
}

// youngRows is young of the rows of a table.
func youngRows(t *content.TableDef, first, rows []fact.Row) (all []fact.Row) {
	for _, row := range rows {
		had := row
		if i := slices.IndexFunc(first, func(h fact.Row) bool { return h["name"] == row["name"] }); i >= 0 {
			had = first[i]
		}
		y := maps.Clone(row)
		for _, d := range t.Fields {
			name := content.TotalOf(d.Name)
			total, known := row[name].(float64)
			if !known || d.Type != content.Count {
				continue
			}
			if was, both := had[name].(float64); both {
				y[name] = since(total, was, had[d.Name])
			} else {
				y[name] = since(total, total, row[d.Name])
			}
		}
		all = append(all, y)
	}
	return all
}

// since is the total of a counter since an observation began that had a total, too, and
// by how much it had grown.
func since(total, had float64, grew any) float64 {
	n, _ := grew.(float64)
	return max(0, total-had+n)
}

// newRecorded makes a host of the longest run of observations in which exactly the
// truth shows, the later one of two; of the last observation if it never does.
func newRecorded(book *content.Book, s *content.Scenario, last []*fact.Facts) *recorded {
	c := checklist.NewCase(book, time.Time{})
	run, best := []*fact.Facts(nil), last[len(last)-1:]
	for _, f := range last {
		c.Facts = f
		if !tells(c.Diagnose(), s) {
			run = nil
			continue
		}
		if run = append(run, f); len(run) >= len(best) {
			best = run
		}
	}
	h := &recorded{}
	for _, f := range best {
		if s.Host != "" {
			named := *f
			named.Host = s.Host
			f = &named
		}
		h.steady = append(h.steady, f)
	}
	h.probes = slices.DeleteFunc(probesOf(book, best[0]), func(p string) bool {
		return !slices.ContainsFunc(best, func(f *fact.Facts) bool { return tellsOf(book, f, p) })
	})
	return h
}

// tellsOf says whether a probe told anything: facts, or why it could not look. One that was
// passed over did not.
func tellsOf(book *content.Book, f *fact.Facts, probe string) bool {
	for name := range f.Values {
		if d := book.Facts.Fact(name); d != nil && d.Probe == probe {
			return true
		}
	}
	for name := range f.Tables {
		if t := book.Facts.TableOf(name); t != nil && t.Probe == probe {
			return true
		}
	}
	return slices.ContainsFunc(f.Probes, func(p fact.Status) bool { return p.Name == probe && p.Status != "skipped" })
}

// probesOf are the probes that an observation tells of: those that looked, and those
// whose facts it holds, as one made of texts of other tools does.
func probesOf(book *content.Book, f *fact.Facts) []string {
	var probes []string
	for _, p := range f.Probes {
		probes = append(probes, p.Name)
	}
	for name := range f.Values {
		if d := book.Facts.Fact(name); d != nil {
			probes = append(probes, d.Probe)
		}
	}
	for name := range f.Tables {
		if t := book.Facts.TableOf(name); t != nil {
			probes = append(probes, t.Probe)
		}
	}
	slices.Sort(probes)
	return slices.DeleteFunc(slices.Compact(probes), func(p string) bool { return p == "" || p == "ledger" })
}

// tells says whether a diagnosis names the truth of a scenario and nothing else.
func tells(d *checklist.Diagnosis, s *content.Scenario) bool {
	named := d.Named()
	for _, f := range named {
		if !s.Right(f.Cause.ID) {
			return false
		}
	}
	for _, truth := range s.Truth {
		if f := d.Finding(truth); f == nil || !f.Named() && !slices.ContainsFunc(named, accepted(s)) {
			return false
		}
	}
	return !s.Healthy() || d.Verdict == checklist.Healthy
}

// accepted says of a finding whether it stands for the truth without being it.
func accepted(s *content.Scenario) func(*checklist.Finding) bool {
	return func(f *checklist.Finding) bool { return len(s.Truth) == 1 && slices.Contains(s.Accept, f.Cause.ID) }
}

func (h *recorded) Probes() []string { return h.probes }

func (h *recorded) Look() (*fact.Facts, int, error) {
	at := len(h.steady) - 1
	return h.steady[at], at, nil
}

func (h *recorded) Again(moment int) (*fact.Facts, error) {
	if moment < 0 || moment >= len(h.steady) {
		return nil, fmt.Errorf("the recording has no observation %d: it has %d", moment, len(h.steady))
	}
	return h.steady[moment], nil
}
