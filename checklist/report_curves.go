package checklist

import (
	"math"
	"slices"
	"time"
)

// ReportCurve is a number over the session's time: points from From to To, each the mean
// of what was observed in its step. At is when, in seconds after From.
type ReportCurve struct {
	Plot   string    `json:"plot"` // the title of the plot that it belongs to
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	At     []float64 `json:"at"`
	Points []float64 `json:"points"`
}

// The plots of a report.
const (
	plotDrops   = "Lost on this host"
	plotRetrans = "Segments sent again"
	plotCauses  = "Probability of the causes"
)

// mostCurves is how many curves of one plot can be told apart.
const mostCurves = 6

// curves are how the session went: drops at the hops, as far as a counter of the
// whole host shows them, retransmissions, and the causes that were ever named.
func (c *Case) curves(d *Diagnosis, places []LedgerEntry) []ReportCurve {
	curves := []ReportCurve{}
	if c.Track == nil || len(c.Track.series) == 0 {
		return curves
	}
	drawn := map[string]int{}
	add := func(plot, name, unit string, facts ...string) {
		var all []*series
		for _, fact := range facts {
			if s := c.Track.series[fact]; s != nil {
				all = append(all, s)
			}
		}
		curve, moved := c.Track.curve(all)
		if moved && drawn[plot] < mostCurves {
			curve.Plot, curve.Name, curve.Unit = plot, name, unit
			curves = append(curves, curve)
			drawn[plot]++
		}
	}
	for _, h := range c.Book.Hops {
		facts := countersOf(places, h.ID)
		for _, p := range placeCounters(c.Book) {
			if p.hop == h.ID {
				facts = append(facts, p.name())
			}
		}
		add(plotDrops, h.Title, "per second", facts...)
	}
	for _, name := range []string{"Tcp.RetransSegs", "TcpExt.TCPSynRetrans", "TcpExt.TCPTimeouts"} {
		add(plotRetrans, name, "per second", name)
	}
	for _, id := range c.everNamed(d) {
		add(plotCauses, c.causeTitle(id), "", CauseSeries(id))
	}
	return curves
}

// countersOf are the scalar facts that count what a hop loses.
func countersOf(places []LedgerEntry, hop string) []string {
	var facts []string
	for _, e := range places {
		if e.Hop == hop && e.Loss && e.Fact != "" && !slices.Contains(facts, e.Fact) {
			facts = append(facts, e.Fact)
		}
	}
	return facts
}

// everNamed are the causes that are named, and those that were.
func (c *Case) everNamed(d *Diagnosis) []string {
	var ids []string
	for _, f := range d.Named() {
		ids = append(ids, f.Cause.ID)
	}
	for _, e := range c.Track.Events() {
		if e.Cause != "" && !slices.Contains(ids, e.Cause) {
			ids = append(ids, e.Cause)
		}
	}
	return ids
}

// curve adds series up. What appeared later than others is shorter: it begins later.
// moved is false if it was zero all the time.
func (t *Track) curve(all []*series) (curve ReportCurve, moved bool) {
	clock := t.series[clockSeries]
	n, longest := 0, 0
	for _, s := range all {
		n, longest = max(n, len(s.whole())), max(longest, s.count())
	}
	if n == 0 || clock == nil {
		return curve, false
	}
	curve.Points = make([]float64, n)
	for _, s := range all {
		points := s.whole()
		for i := range curve.Points {
			// of a series of another length the point at the same time before the end
			back := float64(n-1-i) / float64(n) * float64(longest) / float64(max(1, s.count())) * float64(len(points))
			if at := len(points) - 1 - int(math.Round(back)); at >= 0 && len(points) > 0 {
				curve.Points[i] += points[at]
			}
		}
	}
	times, late := clock.whole(), max(0, clock.count()-longest)
	for i, v := range curve.Points {
		curve.Points[i] = round(v, 4)
		moved = moved || v > 0
		middle := float64(late) + (float64(i)+0.5)*float64(longest)/float64(n) // in observations
		curve.At = append(curve.At, round(along(times, middle/float64(clock.step)-0.5), 1))
	}
	curve.From, curve.To = after(t.first, curve.At[0]).UTC(), after(t.first, curve.At[n-1]).UTC()
	for i, at := range slices.Backward(curve.At) {
		curve.At[i] = round(at-curve.At[0], 1)
	}
	return curve, moved
}

func after(t time.Time, seconds float64) time.Time {
	return t.Add(time.Duration(seconds * float64(time.Second)))
}

// along is the value at a place of a list, between two of its points if need be.
func along(points []float64, at float64) float64 {
	at = min(max(at, 0), float64(len(points)-1))
	i := min(int(at), max(len(points)-2, 0))
	if i+1 >= len(points) {
		return points[i]
	}
	return points[i] + (at-float64(i))*(points[i+1]-points[i])
}

// count is the number of observations of a series.
func (s *series) count() int { return len(s.long)*s.step + s.wait }
