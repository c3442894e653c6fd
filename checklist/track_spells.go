package checklist

import (
	"maps"
	"math"
	"slices"
	"time"

	"whydrop/probes/fact"
)

// spell is the time in which a cause was named, and the observation in which it was at
// its strongest: what a report tells of it once it is over.
type spell struct {
	since time.Time // of the spell that goes on; zero if it is not named
	last  time.Time // the last observation in which it was named
	// worst is nil where too many other causes were stronger.
	worst *fact.Facts
	sure  float64 // its probability then, in percent
	whole float64 // how many seconds of that observation it had been named for
}

// mostWorst is of how many causes the strongest observation is kept.
const mostWorst = 4

// strength remembers how probable a cause was in an observation that ended at a moment.
// Of equally probable ones the first is kept that lies wholly in the time in which the
// cause was named: later ones may show it when it is mended.
func (t *Track) strength(at time.Time, f *fact.Facts, id string, p float64) {
	s := t.spells[id]
	if s == nil {
		if p <= Named {
			return
		}
		s = &spell{}
		t.spells[id] = s
	}
	if p <= Named {
		if p < Named-0.1 {
			s.since = time.Time{}
		}
		return
	}
	if s.since.IsZero() {
		s.since = at
	}
	s.last = at
	now := spell{sure: math.Round(p * 100), whole: math.Min(f.Seconds, 1+at.Sub(s.since).Seconds())}
	if s.worst != nil && !now.stronger(s) {
		return
	}
	if s.worst == nil && !t.roomFor(&now) {
		return
	}
	s.worst, s.sure, s.whole = f, now.sure, now.whole
}

// stronger says whether the observation of one spell tells more than that of another.
func (s *spell) stronger(o *spell) bool {
	return s.sure > o.sure || s.sure == o.sure && s.whole > o.whole
}

// roomFor says whether the observation of another spell can be kept. The weakest makes
// room for a stronger one.
func (t *Track) roomFor(now *spell) bool {
	kept := 0
	var weakest *spell
	for _, id := range slices.Sorted(maps.Keys(t.spells)) {
		s := t.spells[id]
		if s.worst == nil {
			continue
		}
		kept++
		if weakest == nil || weakest.stronger(s) {
			weakest = s
		}
	}
	if kept < mostWorst {
		return true
	}
	if now.stronger(weakest) {
		weakest.worst = nil
		return true
	}
	return false
}

// copySpells are the spells as they stand.
func (t *Track) copySpells() map[string]*spell {
	all := make(map[string]*spell, len(t.spells))
	for id, s := range t.spells {
		k := *s
		all[id] = &k
	}
	return all
}
