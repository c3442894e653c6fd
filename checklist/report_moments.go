package checklist

import (
	"fmt"
	"slices"
	"time"
)

// ReportMoment is an observation during the session: what it showed of causes that were
// named then and are no longer at the end.
type ReportMoment struct {
	Start   time.Time     `json:"start"`
	Seconds float64       `json:"seconds"`
	Causes  []ReportCause `json:"causes"` // that were named then, the most probable first
	// Symptoms are sentences: signs that something was wrong. Affected tells how many
	// connections showed it.
	Symptoms    []string      `json:"symptoms"`
	Affected    string        `json:"affected,omitempty"`
	Way         ReportWay     `json:"way"`
	Moved       ReportTable   `json:"moved"` // the places of the drop ledger that lost something
	Drops       ReportTable   `json:"drops"`
	DropFlows   ReportTable   `json:"drop_flows"`
	Evidence    []ReportTable `json:"evidence"`
	EvidenceRaw []ReportRaw   `json:"evidence_raw"`
	Plan        []ReportStep  `json:"plan"` // as it was then
	Measured    []Measurement `json:"measured"`
}

// End is when the observation ended.
func (m ReportMoment) End() time.Time { return after(m.Start, m.Seconds) }

// Cause is a cause that was named then, nil if it was not.
func (m ReportMoment) Cause(id string) *ReportCause {
	if i := slices.IndexFunc(m.Causes, func(x ReportCause) bool { return x.ID == id }); i >= 0 {
		return &m.Causes[i]
	}
	return nil
}

// moments tell of the causes that are gone as they stood at their strongest, and fill in
// the reason for each. One observation tells of all causes that were named in it.
func (c *Case) moments(r *Report, written time.Time) []ReportMoment {
	all := []ReportMoment{}
	for i := range slices.Backward(r.Gone) {
		gone := &r.Gone[i]
		at := slices.IndexFunc(all, func(m ReportMoment) bool { return m.Cause(gone.ID) != nil })
		if at < 0 {
			s := c.Track.spells[gone.ID]
			if s == nil || s.worst == nil {
				continue
			}
			k := *c
			k.Facts = s.worst
			at, all = len(all), append(all, k.moment(gone.ID, written))
		}
		gone.Measured = all[at].End()
		if x := all[at].Cause(gone.ID); x != nil && len(x.For) > 0 {
			gone.Says = x.For[0].Says
		}
	}
	slices.SortStableFunc(all, func(a, b ReportMoment) int { return a.Start.Compare(b.Start) })
	return all
}

// moment tells of an observation, that of the case, in which a cause was named.
func (c *Case) moment(cause string, written time.Time) ReportMoment {
	d := c.Diagnose()
	places, fill := c.Places(d), c.filler(d)
	m := ReportMoment{
		Start: c.Facts.Start.UTC(), Seconds: round(c.Facts.Seconds, 3), Causes: []ReportCause{}, Symptoms: orEmpty(d.Symptoms),
		Way: c.way(d, places), Moved: ledgerTables(c, places, d).Moved, Plan: c.steps(d, written), Measured: c.measured(d),
	}
	m.Affected = c.sentAgain("In the %s until " + stamp(m.End()))
	m.Evidence, m.EvidenceRaw = c.evidenceTables(d)
	m.Drops, m.DropFlows = freedTables(d.facts.facts, c.Facts)
	for _, f := range d.Findings {
		if f.Named() || f.Cause.ID == cause { // an answer given later may speak against it
			x := reportCause(c, f)
			x.Settle = fill(x.Settle)
			m.Causes = append(m.Causes, x)
		}
	}
	return m
}

// then is the observation that tells most of what is over: that of the cause which fell
// last. Nil where the report has a cause that is not over, or none was measured.
func (r *Report) then() *ReportMoment {
	if n := len(r.Gone); len(r.Causes) == 0 && n > 0 {
		for i := range r.Moments {
			if r.Moments[i].Cause(r.Gone[n-1].ID) != nil {
				return &r.Moments[i]
			}
		}
	}
	return nil
}

// Seen tells when a cause was named, and where nobody watched when it ended.
func (s ReportSpell) Seen() string {
	text := "from " + stamp(s.From) + " to " + stamp(s.To)
	switch {
	case s.Ended != nil:
		text += fmt.Sprintf(" (from then until %s nobody watched: it ended at some time in between)", stamp(s.Ended.To))
	case s.Gaps == 1:
		text += ", with a time in between in which nobody watched"
	case s.Gaps > 1:
		text += fmt.Sprintf(", with %d times in between in which nobody watched", s.Gaps)
	}
	return text
}

// unwatched are the times in which nobody watched: those between observations far apart,
// and those in which the case was left, however short.
func (c *Case) unwatched() []gap {
	all := slices.Clone(c.Track.gaps)
	var left time.Time
	for _, e := range c.Track.Events() {
		switch {
		case e.Kind == Left:
			left = e.At
		case e.Kind == Resumed && !left.IsZero():
			g := gap{left, e.At}
			if !slices.ContainsFunc(all, func(o gap) bool { return o.from.Before(g.to) && g.from.Before(o.to) }) {
				all = append(all, g)
			}
			left = time.Time{}
		}
	}
	slices.SortStableFunc(all, func(a, b gap) int { return a.from.Compare(b.from) })
	return all
}

// over tells of a spell when it was seen last: not where it was found to be over, if
// nobody watched before that.
func (c *Case) over(s *ReportSpell, found time.Time) {
	s.To, s.Ended, s.Gaps = found.UTC(), nil, 0
	for _, g := range c.unwatched() {
		if g.from.Before(s.From) || g.to.After(found) {
			continue
		}
		if k := c.Track.spells[s.ID]; k != nil && !k.last.IsZero() && !k.last.After(g.from.Add(time.Second)) {
			s.To, s.Ended = k.last.UTC(), &ReportGap{k.last.UTC(), g.to.UTC()}
			return
		}
		s.Gaps++
	}
}
