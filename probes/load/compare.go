package load

import (
	"math"
	"slices"
	"time"
)

// z95 bounds the middle 95 % of a normal distribution.
const z95 = 1.959964

// Share is a part of many, with the bounds in which the true one lies with 95 %
// confidence (Wilson score interval).
type Share struct {
	Part int     `json:"part"`
	Of   int     `json:"of"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// NewShare computes the bounds. With nothing to judge by they are 0 and 1.
func NewShare(part, of int) Share {
	s := Share{Part: part, Of: of, Low: 0, High: 1}
	if of <= 0 {
		return s
	}
	n, p := float64(of), float64(part)/float64(of)
	middle := p + z95*z95/(2*n)
	spread := z95 * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	s.Low = max(0, (middle-spread)/(1+z95*z95/n))
	s.High = min(1, (middle+spread)/(1+z95*z95/n))
	return s
}

// Value is the part, 0 where there is nothing.
func (s Share) Value() float64 { return float64(s.Part) / float64(max(s.Of, 1)) }

// Outcomes of a comparison.
const (
	Better     = "better"
	Worse      = "worse"
	NoDiff     = "no difference shown"
	TooFew     = "too few to tell"
	leastShare = 5 // attempts on each side to compare shares at all
)

// Line is one figure of a comparison. For quantiles and throughput the figures are
// in Unit; for shares they are 0 to 1.
type Line struct {
	What    string `json:"what"`
	Unit    string `json:"unit"` // share, ns, or bytes/s
	Before  Figure `json:"before"`
	After   Figure `json:"after"`
	Outcome string `json:"outcome"`
	// Needs is how many there must be of on each side, where there are too few.
	Needs int `json:"needs,omitempty"`
	// Change is After less Before, in Unit, with bounds of 95 % where the figures are
	// shares (Newcombe's method). Nil otherwise.
	Change *Figure `json:"change,omitempty"`
}

// Figure is a number with bounds of 95 %. Without bounds there were too few to tell
// them.
type Figure struct {
	Is    float64 `json:"is"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Bound bool    `json:"bounded"`
	N     int     `json:"n"` // how many it is of
}

// SYNWait is the least time to connect that tells of a lost SYN or SYN-ACK: the
// initial retransmission timeout is one second (RFC 6298, 2.1), less a tenth for
// timers.
const SYNWait = 900 * time.Millisecond

// Compare sets a result beside an earlier one of the same traffic.
func Compare(before, after *Result) []Line {
	var lines []Line
	share := func(what string, b, a Share) {
		if b.Of > 0 || a.Of > 0 {
			lines = append(lines, compareShares(what, b, a))
		}
	}
	share("failed", before.FailedShare(), after.FailedShare())
	for _, f := range kindsOfFailure(before, after) {
		share("failed by "+f.Error+" ("+f.Step+")", before.failedBy(f), after.failedBy(f))
	}
	share("connections that sent their SYN again", NewShare(before.TCP.SYNAgain, before.TCP.Connections), NewShare(after.TCP.SYNAgain, after.TCP.Connections))
	if before.TCP.DataOut > 0 && after.TCP.DataOut > 0 {
		share("data segments sent again", before.TCP.again(), after.TCP.again())
	}
	for _, h := range []struct {
		what          string
		before, after *Histogram
	}{
		{"time to connect", before.Connect, after.Connect},
		{"time of the TLS handshake", before.Handshake, after.Handshake},
		{"time to first byte", before.FirstByte, after.FirstByte},
		{"time to the whole answer", before.Response, after.Response},
	} {
		if h.before.Count() == 0 && h.after.Count() == 0 {
			continue
		}
		for _, q := range []struct {
			name string
			q    float64
		}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}} {
			lines = append(lines, compareFigures(h.what+", "+q.name, "ns", q.q, quantile(h.before, q.q), quantile(h.after, q.q)))
		}
	}
	if b, a := before.Throughput(), after.Throughput(); len(b) > 0 || len(a) > 0 {
		lines = append(lines, compareFigures("throughput, median second", "bytes/s", 0.5, median(b), median(a)))
		lines = append(lines, compareShares("seconds without a byte", zeros(b), zeros(a)))
	}
	return lines
}

// mostKinds of failures are compared.
const mostKinds = 6

// kindsOfFailure are the ways in which attempts failed in either result, if there are
// several: one may be gone where another is left.
func kindsOfFailure(before, after *Result) []Failure {
	var kinds []Failure
	for _, f := range slices.Concat(before.Failures, after.Failures) {
		if !slices.ContainsFunc(kinds, f.same) {
			kinds = append(kinds, f)
		}
	}
	if len(kinds) < 2 {
		return nil
	}
	return kinds[:min(len(kinds), mostKinds)]
}

func (f Failure) same(o Failure) bool { return f.Step == o.Step && f.Error == o.Error }

// failedBy is the share of the finished attempts that failed in one way.
func (r *Result) failedBy(f Failure) Share {
	of := r.OK + r.Failed
	for _, o := range r.Failures {
		if o.same(f) {
			return NewShare(max(0, min(o.Count, of)), of)
		}
	}
	return NewShare(0, of)
}

// FailedShare is the share of the finished attempts that failed.
func (r *Result) FailedShare() Share { return NewShare(r.Failed, r.OK+r.Failed) }

func (t *TCP) again() Share { return NewShare(int(t.DataAgain), int(t.DataOut)) }

// compareShares judges by the interval of the difference (Newcombe 1998, method 10):
// a difference is shown where the interval leaves zero out.
func compareShares(what string, b, a Share) Line {
	l := Line{What: what, Unit: "share", Before: b.figure(), After: a.figure(), Outcome: TooFew}
	if b.Of < leastShare || a.Of < leastShare {
		l.Needs = leastShare
		return l
	}
	d, vb, va := a.Value()-b.Value(), b.Value(), a.Value()
	low := d - math.Hypot(va-a.Low, b.High-vb)
	high := d + math.Hypot(a.High-va, vb-b.Low)
	l.Change = &Figure{Is: d, Low: low, High: high, Bound: true, N: min(b.Of, a.Of)}
	switch {
	case high < 0:
		l.Outcome = Better
	case low > 0:
		l.Outcome = Worse
	default:
		l.Outcome = NoDiff
	}
	return l
}

func (s Share) figure() Figure {
	return Figure{Is: s.Value(), Low: s.Low, High: s.High, Bound: s.Of > 0, N: s.Of}
}

func quantile(h *Histogram, q float64) Figure {
	f := Figure{N: int(min(h.Count(), math.MaxInt32))}
	d, _ := h.Quantile(q)
	low, high, ok := h.Interval(q)
	f.Is, f.Low, f.High, f.Bound = float64(d), float64(low), float64(high), ok
	return f
}

// median is that of the seconds.
func median(all []int64) Figure {
	f := Figure{N: len(all)}
	if len(all) == 0 {
		return f
	}
	all = slices.Clone(all)
	slices.Sort(all)
	f.Is = float64(all[(len(all)-1)/2])
	if from, to, ok := quantileRanks(uint64(len(all)), 0.5); ok {
		f.Low, f.High, f.Bound = float64(all[from-1]), float64(all[to-1]), true
	}
	return f
}

func zeros(all []int64) Share {
	n := 0
	for _, b := range all {
		if b == 0 {
			n++
		}
	}
	return NewShare(n, len(all))
}

// What is less is not worth telling: the scheduler of a busy host makes as much.
const (
	leastChange = 0.1
	leastTime   = 500 * time.Microsecond
)

// compareFigures judges by whether the intervals leave each other out, which shows a
// difference with more than 95 % confidence, and whether it is large enough to matter.
func compareFigures(what, unit string, q float64, b, a Figure) Line {
	more := unit == "bytes/s" // is better
	l := Line{What: what, Unit: unit, Before: b, After: a, Outcome: NoDiff}
	switch {
	case !b.Bound || !a.Bound:
		l.Outcome, l.Needs = TooFew, needed(q)
	case math.Abs(a.Is-b.Is) < leastChange*b.Is, unit == "ns" && math.Abs(a.Is-b.Is) < float64(leastTime):
	case a.High < b.Low:
		l.Outcome = map[bool]string{false: Better, true: Worse}[more]
	case a.Low > b.High:
		l.Outcome = map[bool]string{false: Worse, true: Better}[more]
	}
	return l
}

// needed is of how many a quantile can be told with bounds.
func needed(q float64) int {
	for n := uint64(1); ; n++ {
		if _, _, ok := quantileRanks(n, q); ok {
			return int(n)
		}
	}
}
