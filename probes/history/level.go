package history

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Signal is something that collectors record.
type Signal struct {
	ID   string // "tcp.retrans"
	Says string // "retransmitted segments"
	Unit string // "/s", or "" for a share
	// Floor is by how much it has to rise above the usual to count as raised;
	// Double asks for twice the usual besides.
	Floor  float64
	Double bool
	// Trouble is set if a rise is a sign of trouble, and not only of load.
	Trouble bool
}

// The signals. A rate that is usually nothing is raised when it is no longer
// nothing to speak of; a share of CPU time needs a fifth more.
var (
	retrans   = Signal{"tcp.retrans", "retransmitted segments", "/s", 1, true, true}
	attempts  = Signal{"tcp.attempt_fails", "failed connection attempts", "/s", 0.5, true, true}
	resets    = Signal{"tcp.resets", "resets of established connections", "/s", 0.5, true, true}
	outRsts   = Signal{"tcp.resets_sent", "resets sent", "/s", 1, true, true}
	inErrors  = Signal{"tcp.in_errors", "bad segments received", "/s", 0.1, true, true}
	segments  = Signal{"tcp.segments_out", "segments sent", "/s", 100, true, false}
	accepted  = Signal{"tcp.accepted", "connections accepted", "/s", 10, true, false}
	rxDropped = Signal{"link.rx_dropped", "packets dropped on receipt", "/s", 0.1, true, true}
	txDropped = Signal{"link.tx_dropped", "packets dropped on transmit", "/s", 0.1, true, true}
	rxFIFO    = Signal{"link.rx_fifo", "receive FIFO errors", "/s", 0.05, true, true}
	rxErrors  = Signal{"link.rx_errors", "receive errors", "/s", 0.05, true, true}
	txErrors  = Signal{"link.tx_errors", "transmit errors", "/s", 0.05, true, true}
	backlog   = Signal{"softnet.dropped", "packets dropped at the CPU backlog", "/s", 0.05, true, true}
	squeezed  = Signal{"softnet.squeezed", "softirq rounds cut short", "/s", 1, true, true}
	busy      = Signal{"cpu.busy", "CPU time busy", "", 0.2, false, true}
	softirq   = Signal{"cpu.softirq", "CPU time in softirq", "", 0.1, false, true}
	steal     = Signal{"cpu.steal", "CPU time stolen", "", 0.05, false, true}
)

// order is how signals are told.
var order = []Signal{
	retrans, attempts, resets, outRsts, inErrors, rxDropped, txDropped, rxFIFO, rxErrors, txErrors,
	backlog, squeezed, softirq, steal, busy, segments, accepted,
}

// Point is the mean of a signal over an interval.
type Point struct {
	At       time.Time // end of the interval
	Interval time.Duration
	Value    float64
}

// Series is one signal of one device ("" for the host), oldest point first.
type Series struct {
	Signal Signal
	Device string
	Points []Point
}

const (
	// maxSeries and maxPoints bound what is kept.
	maxSeries = 400
	maxPoints = 20000
	// maxInterval is the longest interval that makes sense; sadf shows nonsense
	// after the clock was set back.
	maxInterval = 24 * time.Hour
	// enough is the number of points from which the usual level is known.
	enough = 6
	// pause is how many ordinary points do not end a raised period.
	pause = 2
)

type key struct{ signal, device string }

// record gathers points.
type record struct {
	now    time.Time
	series map[key]*Series
}

func newRecord(now time.Time) *record { return &record{now: now, series: map[key]*Series{}} }

// add records the value of a signal. What is no number, negative, or not of the
// last two days is passed over.
func (r *record) add(s Signal, device string, at time.Time, interval time.Duration, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || interval < time.Second || interval > maxInterval {
		return
	}
	if at.After(r.now.Add(time.Minute)) || r.now.Sub(at) > reach {
		return
	}
	k := key{s.ID, device}
	if r.series[k] == nil {
		if len(r.series) == maxSeries {
			return
		}
		r.series[k] = &Series{Signal: s, Device: device}
	}
	if p := r.series[k]; len(p.Points) < maxPoints {
		p.Points = append(p.Points, Point{at, interval, v})
	}
}

// all returns the series in the order of the signals and devices.
func (r *record) all() []Series {
	var all []Series
	for _, s := range r.series {
		slices.SortStableFunc(s.Points, func(a, b Point) int { return a.At.Compare(b.At) })
		all = append(all, *s)
	}
	rank := func(s Series) int {
		return slices.IndexFunc(order, func(o Signal) bool { return o.ID == s.Signal.ID })
	}
	slices.SortFunc(all, func(a, b Series) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Device, b.Device))
	})
	return all
}

// Level is what a series comes down to.
type Level struct {
	Usual *float64 // median of the last day; nil for too few points
	Last  Point
	Peak  Point
	// Since is when the raised period began in which the records end; zero if
	// they do not end in one.
	Since time.Time
}

// level reduces a series of at least one point.
func (s Series) level() Level {
	l := Level{Last: s.Points[len(s.Points)-1], Peak: s.Points[0]}
	var day []float64
	for _, p := range s.Points {
		if p.Value >= l.Peak.Value {
			l.Peak = p
		}
		if l.Last.At.Sub(p.At) < 24*time.Hour {
			day = append(day, p.Value)
		}
	}
	if len(day) < enough {
		return l
	}
	usual := median(day)
	l.Usual = &usual
	l.Since = s.since(usual + s.margin(usual, day))
	return l
}

// margin is by how much a value has to exceed the usual: the signal's floor, its
// double, and five times what it usually strays (median of the deviations, scaled
// to a standard deviation).
func (s Series) margin(usual float64, day []float64) float64 {
	strays := make([]float64, len(day))
	for i, v := range day {
		strays[i] = math.Abs(v - usual)
	}
	m := max(s.Signal.Floor, 5*1.4826*median(strays))
	if s.Signal.Double {
		m = max(m, usual)
	}
	return m
}

// since goes back from the end as long as values exceed the limit, a few aside.
func (s Series) since(limit float64) time.Time {
	var began time.Time
	below := 0
	for _, p := range slices.Backward(s.Points) {
		if p.Value > limit {
			began, below = p.At.Add(-p.Interval), 0
			continue
		}
		// At the end one ordinary point ends the period.
		if below++; below > pause || began.IsZero() {
			break
		}
	}
	return began
}

func median(values []float64) float64 {
	v := slices.Clone(values)
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
