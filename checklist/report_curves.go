package checklist

import (
	"math"
	"slices"
	"time"
)

// ReportCurve is a number over the session's time: points at equal distances from
// From to To, each the mean of what was observed in its step.
type ReportCurve struct {
	Plot   string    `json:"plot"` // the title of the plot that it belongs to
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
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
	from, to := c.span()
	drawn := map[string]int{}
	add := func(plot, name, unit string, facts ...string) {
		var all []*series
		for _, fact := range facts {
			if s := c.Track.series[fact]; s != nil {
				all = append(all, s)
			}
		}
		curve, moved := c.Track.curve(from, to, all)
		if moved && drawn[plot] < mostCurves {
			curve.Plot, curve.Name, curve.Unit = plot, name, unit
			curves = append(curves, curve)
			drawn[plot]++
		}
	}
	for _, h := range c.Book.Hops {
		add(plotDrops, h.Title, "per second", countersOf(places, h.ID)...)
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

// curve adds series up, of a session from one moment to another. What appeared later than others is shorter: its first
// points are none. moved is false if it was zero all the time.
func (t *Track) curve(from, to time.Time, all []*series) (curve ReportCurve, moved bool) {
	most := 0
	for _, s := range t.series {
		most = max(most, s.count())
	}
	n, longest := 0, 0
	for _, s := range all {
		n, longest = max(n, len(s.whole())), max(longest, s.count())
	}
	if n == 0 || most == 0 {
		return curve, false
	}
	sum := make([]float64, n)
	for _, s := range all {
		points := s.whole()
		for i := range sum {
			// of a series of another length the point at the same time before the end
			back := float64(n-1-i) / float64(n) * float64(longest) / float64(max(1, s.count())) * float64(len(points))
			if at := len(points) - 1 - int(math.Round(back)); at >= 0 && len(points) > 0 {
				sum[i] += points[at]
			}
		}
	}
	for i, v := range sum {
		sum[i] = round(v, 4)
		moved = moved || v > 0
	}
	length := time.Duration(float64(to.Sub(from)) * float64(longest) / float64(most))
	return ReportCurve{From: to.Add(-length).UTC(), To: to.UTC(), Points: sum}, moved
}

// count is the number of observations of a series.
func (s *series) count() int { return len(s.long)*s.step + s.wait }
