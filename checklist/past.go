package checklist

import (
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// Past is how the numbers of a recording went until the moment that is shown, wherever
// in it that is. The zero Past has shown nothing.
type Past struct {
	// Track has no events: what happened is remembered by the case. Nil before the
	// first observation.
	Track *Track
	last  time.Time
}

const (
	// pastPoints is of how many observations one who comes to a moment is shown how it
	// came to it.
	pastPoints = 120
	// pastJudged is each how many of them is judged: that takes most of the time.
	pastJudged = 6
	// pastStep is how many observations may be passed over at a high speed.
	pastStep = 30
)

// Follows says whether an observation that ended at a moment comes next.
func (p *Past) Follows(player *record.Player, at time.Time) bool {
	n := player.Apart(p.last, at)
	return p.Track != nil && n > 0 && n <= pastStep
}

// ReadPast reads from a recording how it came to a moment; a case judges it. That takes
// some tens of milliseconds. A recording that cannot be read there has no past.
func ReadPast(player *record.Player, c *Case, at time.Time) Past {
	p := Past{Track: NewTrack()}
	k := c.Copy()
	var d *Diagnosis
	n := 0
	_ = player.Before(at, pastPoints, func(f *fact.Facts) {
		if !record.EndOf(f).Before(at) {
			return
		}
		if n%pastJudged == 0 {
			k.Facts = f
			d = k.Diagnose()
		}
		n++
		p.Add(f, d)
	})
	return p
}

// Add takes the observation that is shown, with its diagnosis.
func (p *Past) Add(f *fact.Facts, d *Diagnosis) {
	probability := make(map[string]float64, len(d.Findings))
	for _, found := range d.Findings {
		probability[found.Cause.ID] = found.Probability
	}
	if p.Track == nil {
		p.Track = NewTrack()
	}
	p.last = record.EndOf(f)
	p.Track.Restore(p.last, 0, f, probability)
}
