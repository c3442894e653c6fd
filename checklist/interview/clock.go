package interview

import (
	"time"

	"whydrop/content"
)

// longestGap is the most that counts between two events: a clock that jumps, or a
// machine that slept, has nobody interviewed for a day.
const longestGap = 12 * time.Hour

// advance counts the time up to an event.
func (n *Interview) advance(e Event) {
	if n.begun.IsZero() {
		n.begun, n.last = e.At, e.At
	}
	if e.Kind != Resumed && !n.held {
		n.elapsed += gap(n.last, e.At)
	}
	n.last = e.At
	switch e.Kind {
	case Held:
		n.held = true
	case Went, Resumed:
		n.held = false
	}
}

// gap is the time between two moments; a clock may be set back.
func gap(from, to time.Time) time.Duration { return min(max(0, to.Sub(from)), longestGap) }

// Elapsed is the time from the beginning without breaks.
func (n *Interview) Elapsed() time.Duration {
	if n.begun.IsZero() || n.held {
		return n.elapsed
	}
	return n.elapsed + gap(n.last, n.Now())
}

// Hold stops the clock, or has it go on.
func (n *Interview) Hold() error {
	if n.held {
		return n.do(Event{Kind: Went})
	}
	return n.do(Event{Kind: Held})
}

// Holding says whether the clock stands.
func (n *Interview) Holding() bool { return n.held }

// Pace is the part of the interview that one should be in by now, and what is left of
// it; the last one, with nothing or less left, when the time is over. Nil if the
// rubric has no pacing.
func (n *Interview) Pace() (p *content.Pace, left time.Duration) {
	for _, each := range n.rubric.Pacing {
		p = each
		left = minutes(each.Until) - n.Elapsed()
		if left > 0 {
			break
		}
	}
	return p, left
}

// Planned is how long the interview takes.
func (n *Interview) Planned() time.Duration { return minutes(n.rubric.Minutes) }

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
