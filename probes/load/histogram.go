package load

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"
)

// A histogram is log-linear: each power of two of nanoseconds is cut into
// 2^histogramBits buckets of equal width, so that a quantile is at most
// 1/2^histogramBits too large. Times under 2^histogramBits ns are exact, those over
// histogramMost count as that.
const (
	histogramBits = 7 // under 0.8 %
	histogramMost = time.Duration(1)<<42 - 1
	buckets       = (42 - histogramBits + 1) << histogramBits
)

// Histogram counts times. The zero value is empty. It is not safe for concurrent
// use.
type Histogram struct {
	counts   []uint64
	n        uint64
	min, max time.Duration
	sum      float64 // nanoseconds
}

// bucketOf is the bucket of a time that is not negative.
func bucketOf(d time.Duration) int {
	v := uint64(d)
	if v < 1<<histogramBits {
		return int(v)
	}
	shift := bits.Len64(v) - histogramBits - 1
	return shift<<histogramBits + int(v>>shift)
}

// upper is the longest time of a bucket.
func upper(bucket int) time.Duration {
	if bucket < 1<<(histogramBits+1) {
		return time.Duration(bucket)
	}
	shift := bucket>>histogramBits - 1
	top := bucket - shift<<histogramBits
	return time.Duration((uint64(top)+1)<<shift - 1)
}

// Record counts a time. A negative one, from a clock that was set, counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = min(max(d, 0), histogramMost)
	if h.counts == nil {
		h.counts = make([]uint64, buckets)
	}
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.counts[bucketOf(d)]++
	h.n++
	h.sum += float64(d)
}

// Count is how many times were recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Min and Max are exact, and zero for an empty histogram.
func (h *Histogram) Min() time.Duration { return h.min }

// Max is the longest time recorded.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is exact but for the rounding of sums, and zero for an empty histogram.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.n))
}

// rank returns the k-th shortest time, k from 1 to Count, rounded up to the end of
// its bucket.
func (h *Histogram) rank(k uint64) time.Duration {
	var seen uint64
	for b, c := range h.counts {
		if seen += c; seen >= k && c > 0 {
			return min(max(upper(b), h.min), h.max)
		}
	}
	return h.max
}

// Quantile returns the time that the share q of all did not exceed (nearest rank),
// up to 0.8 % too long. ok is false if nothing was recorded.
func (h *Histogram) Quantile(q float64) (d time.Duration, ok bool) {
	if h.n == 0 || !(q >= 0 && q <= 1) {
		return 0, false
	}
	return h.rank(max(1, uint64(math.Ceil(q*float64(h.n))))), true
}

// Interval returns the bounds in which the quantile q of all such times lies with
// 95 % confidence, by the ranks of the times (normal approximation of the binomial
// distribution). ok is false where so few were recorded that a bound would lie
// outside of them.
func (h *Histogram) Interval(q float64) (low, high time.Duration, ok bool) {
	from, to, ok := quantileRanks(h.n, q)
	if !ok {
		return 0, 0, false
	}
	return h.rank(from), h.rank(to), true
}

// quantileRanks are the ranks, from 1, between which a quantile lies.
func quantileRanks(n uint64, q float64) (from, to uint64, ok bool) {
	mean, spread := q*float64(n), z95*math.Sqrt(float64(n)*q*(1-q))
	low, high := math.Floor(mean-spread), math.Ceil(mean+spread)+1
	if n == 0 || low < 1 || high > float64(n) {
		return 0, 0, false
	}
	return uint64(low), uint64(high), true
}

// Above is how many times lie in buckets beyond d: all those over d but for 0.8 %.
func (h *Histogram) Above(d time.Duration) uint64 {
	var above uint64
	for b := bucketOf(min(max(d, 0), histogramMost)) + 1; b < len(h.counts); b++ {
		above += h.counts[b]
	}
	return above
}

// stored is a histogram as JSON: the buckets that are not empty, each with the
// longest time of the bucket and the count.
type stored struct {
	Count   uint64      `json:"count"`
	Min     int64       `json:"min_ns"`
	Max     int64       `json:"max_ns"`
	Mean    int64       `json:"mean_ns"`
	P50     int64       `json:"p50_ns"`
	P90     int64       `json:"p90_ns"`
	P99     int64       `json:"p99_ns"`
	Buckets [][2]uint64 `json:"buckets"` // up to this many ns, count
}

// MarshalJSON writes the counts with the usual quantiles, for those who do not want
// to compute them.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	s := stored{Count: h.n, Min: int64(h.min), Max: int64(h.max), Mean: int64(h.Mean()), Buckets: [][2]uint64{}}
	for q, to := range map[float64]*int64{0.5: &s.P50, 0.9: &s.P90, 0.99: &s.P99} {
		d, _ := h.Quantile(q)
		*to = int64(d)
	}
	for b, c := range h.counts {
		if c > 0 {
			s.Buckets = append(s.Buckets, [2]uint64{uint64(upper(b)), c})
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote. It fails where the counts do not fit
// together.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*h = Histogram{}
	if s.Count == 0 && len(s.Buckets) == 0 {
		return nil
	}
	if len(s.Buckets) > buckets || s.Min < 0 || s.Max > int64(histogramMost) || s.Mean < s.Min || s.Mean > s.Max {
		return fmt.Errorf("histogram: %d buckets, %d to %d ns, mean %d", len(s.Buckets), s.Min, s.Max, s.Mean)
	}
	if err := h.fill(s.Buckets); err != nil {
		return err
	}
	first := slices.IndexFunc(h.counts, func(c uint64) bool { return c > 0 })
	last := bucketOf(time.Duration(s.Max))
	if h.n != s.Count || bucketOf(time.Duration(s.Min)) != first || h.counts[last] == 0 || h.Above(time.Duration(s.Max)) > 0 {
		return fmt.Errorf("histogram: the buckets do not hold %d times from %d to %d ns", s.Count, s.Min, s.Max)
	}
	h.min, h.max, h.sum = time.Duration(s.Min), time.Duration(s.Max), float64(s.Mean)*float64(h.n)
	return nil
}

// fill counts the times of stored buckets.
func (h *Histogram) fill(pairs [][2]uint64) error {
	h.counts = make([]uint64, buckets)
	for _, pair := range pairs {
		if pair[0] > uint64(histogramMost) || pair[1] > math.MaxInt64/buckets {
			return fmt.Errorf("histogram: %d times of %d ns", pair[1], pair[0])
		}
		h.counts[bucketOf(time.Duration(pair[0]))] += pair[1]
		h.n += pair[1]
	}
	return nil
}

// Row is a stretch of a histogram as it is drawn.
type Row struct {
	From, To time.Duration
	Count    uint64
}

// Rows cuts the times into stretches whose limits are 1, 2 and 5 of each power of
// ten, from the first that is not empty to the last.
func (h *Histogram) Rows() []Row {
	if h.n == 0 {
		return nil
	}
	var rows []Row
	from := time.Duration(0)
	for b, limits := 0, roundTimes(); b < len(h.counts); {
		to := limits[0]
		limits = limits[1:]
		r := Row{From: from, To: to}
		for ; b < len(h.counts) && (upper(b) < to || len(limits) == 0); b++ {
			r.Count += h.counts[b]
		}
		rows, from = append(rows, r), to
	}
	empty := func(r Row) bool { return r.Count == 0 }
	for empty(rows[0]) {
		rows = rows[1:]
	}
	for empty(rows[len(rows)-1]) {
		rows = rows[:len(rows)-1]
	}
	return rows
}

// roundTimes are the limits of rows, from 1 us to over histogramMost.
func roundTimes() []time.Duration {
	var all []time.Duration
	for power := time.Microsecond; power <= histogramMost; power *= 10 {
		all = append(all, power, 2*power, 5*power)
	}
	return all
}
