package checklist

import (
	"math"
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
	point := func(name string, v float64) { t.points(name, v, times) }
	t.clock(at, f, measured, times)
	t.numbers(at, f, point)
	for id, p := range probability {
		point(CauseSeries(id), p)
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

// Restore takes a step that was applied in an earlier session into the case. What it
// was to stop is not counted any further.
func (c *Case) Restore(a Applied) {
	a.step = PlanStep{Cause: &content.Cause{ID: a.Cause}, Remedy: &content.Remedy{Title: a.Title}}
	a.before, a.first = nil, nil
	c.Applied = append(c.Applied, a)
}
