package train

import (
	"slices"

	"whydrop/content"
	"whydrop/probes/fact"
)

// unmeasured is why a probe that the candidate did not use shows nothing.
const unmeasured = "has not been measured"

// sight is what the candidate has seen of the host: the facts of the probes that
// were measured, each as it was at its last measurement.
type sight struct {
	book  *content.Book
	facts *fact.Facts
}

// newSight sees nothing yet of a host with some probes.
func newSight(book *content.Book, probes []string) *sight {
	s := &sight{book: book, facts: &fact.Facts{Values: map[string]fact.Value{}, Tables: map[string][]fact.Row{}}}
	for _, p := range probes {
		s.facts.Probes = append(s.facts.Probes, fact.Status{Name: p, Status: "skipped", Why: unmeasured})
	}
	return s
}

// measured says whether a probe has been measured.
func (s *sight) measured(probe string) bool {
	return slices.ContainsFunc(s.facts.Probes, func(p fact.Status) bool { return p.Name == probe && p.Why != unmeasured })
}

// add lets the candidate see what a probe showed in an observation. The facts are a
// new value: those of an earlier diagnosis stay as they were.
func (s *sight) add(probe string, whole *fact.Facts) {
	part := s.part(probe, whole)
	f := *part
	for name, v := range s.facts.Values {
		if d := s.book.Facts.Fact(name); d != nil && d.Probe != probe && d.Probe != "" {
			f.Values[name] = v
		}
	}
	for name, rows := range s.facts.Tables {
		if d := s.book.Facts.TableOf(name); d != nil && d.Probe != probe {
			f.Tables[name] = rows
		}
	}
	f.Probes = nil
	for _, have := range s.facts.Probes {
		if have.Name != probe {
			f.Probes = append(f.Probes, have)
		}
	}
	f.Probes = append(f.Probes, part.Probes...)
	for _, b := range s.facts.Blind {
		if b.Probe != probe && b.Probe != fact.Texts {
			f.Blind = append(f.Blind, b)
		}
	}
	s.facts = &f
}

// part is what one probe showed in an observation, and no other.
func (s *sight) part(probe string, whole *fact.Facts) *fact.Facts {
	f := *whole
	f.Values, f.Tables, f.Probes, f.Blind = map[string]fact.Value{}, map[string][]fact.Row{}, nil, nil
	for name, v := range whole.Values {
		if d := s.book.Facts.Fact(name); d != nil && (d.Probe == probe || d.Probe == "") {
			f.Values[name] = v
		}
	}
	for name, rows := range whole.Tables {
		if d := s.book.Facts.TableOf(name); d != nil && d.Probe == probe {
			f.Tables[name] = rows
		}
	}
	f.Probes = []fact.Status{{Name: probe, Status: "ok"}}
	if len(f.Values)+len(f.Tables) == 0 {
		f.Probes[0] = fact.Status{Name: probe, Status: "skipped", Why: "not part of what is known of this host"}
	}
	for _, p := range whole.Probes {
		if p.Name == probe {
			f.Probes = []fact.Status{p}
		}
	}
	for _, b := range whole.Blind {
		if b.Probe == probe || b.Probe == fact.Texts {
			f.Blind = append(f.Blind, b)
		}
	}
	return &f
}
