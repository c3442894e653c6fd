package checklist

import (
	"maps"
	"math"
	"slices"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Restore remembers an observation of an earlier session, with the probabilities of
// causes by id that were told with it. Where there are fewer observations than one a
// second, each counts for the time that was measured since the one before. No events
// come of it.
func (t *Track) Restore(at time.Time, measured time.Duration, f *fact.Facts, probability map[string]float64) {
	times := max(1, int(math.Round(measured.Seconds())))
	t.clock(at, f, measured, times)
	t.numbers(at, f, times)
	for _, id := range slices.Sorted(maps.Keys(probability)) {
		t.points(CauseSeries(id), probability[id], times)
		t.strength(at, f, id, probability[id])
	}
}

// Opened tells when an earlier session began, before its first observation, which ended
// at a moment, is restored. If that is long after, nobody watched until then.
func (t *Track) Opened(began, at time.Time, first *fact.Facts) {
	from := at.Add(-seconds(first.Seconds)) // its own start may be of another clock
	if t.first.IsZero() && !began.IsZero() && from.Sub(began) > longestStep {
		t.gaps = append(t.gaps, gap{began, from})
	}
}

// Resume has a track go on where an earlier session ended: with what happened in it,
// its last verdict, and the causes that were named then.
func (t *Track) Resume(events []Event, verdict Verdict, named []string) {
	t.events, t.said = events, verdict
	for _, id := range named {
		t.named[id] = true
	}
}

// GoOnElsewhere is GoOn on another host than the case is of.
func (t *Track) GoOnElsewhere(left, at time.Time, inOrder bool) {
	t.GoOn(left, at, inOrder)
	t.events[len(t.events)-1].Text = "the case is gone on with on another host: nothing is measured there"
}

// Restore takes a step that was applied in an earlier session into the case. What it
// was to stop is not counted any further.
func (c *Case) Restore(a Applied) {
	a.step = PlanStep{Cause: &content.Cause{ID: a.Cause}, Remedy: &content.Remedy{Title: a.Title}}
	a.before, a.first = nil, nil
	c.Applied = append(c.Applied, a)
}
