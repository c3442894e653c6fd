package load

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// exact is the nearest-rank quantile of a sorted sample.
func exact(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(1, int(math.Ceil(q*float64(len(sorted)))))-1]
}

// Every quantile is the exact one or up to 0.8 % more, whatever the times are like.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() time.Duration{
		"log-normal": func() time.Duration { return time.Duration(math.Exp(random.NormFloat64()*2 + 13)) },
		"uniform":    func() time.Duration { return time.Duration(random.Int64N(int64(time.Second))) },
		"one value":  func() time.Duration { return 1234567 },
		"two values": func() time.Duration {
			if random.IntN(10) == 0 {
				return time.Second + 1
			}
			return 300 * time.Microsecond
		},
		"nanoseconds": func() time.Duration { return time.Duration(random.IntN(300)) },
	} {
		for _, n := range []int{1, 2, 9, 1000} {
			var h Histogram
			var all []time.Duration
			for range n {
				d := draw()
				all = append(all, d)
				h.Record(d)
			}
			slices.Sort(all)
			for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
				got, ok := h.Quantile(q)
				want := exact(all, q)
				if !ok || got < want || float64(got) > float64(want)*(1+1.0/(1<<histogramBits)) {
					t.Errorf("%s, %d times: quantile %v is %d, exact is %d", name, n, q, got, want)
				}
			}
			if h.Min() != all[0] || h.Max() != all[n-1] || h.Count() != uint64(n) {
				t.Errorf("%s: %d times from %v to %v, exact %d from %v to %v", name, h.Count(), h.Min(), h.Max(), n, all[0], all[n-1])
			}
		}
	}
}

// Buckets lie side by side without a gap, and hold what they say.
func TestBuckets(t *testing.T) {
	next := time.Duration(0)
	for b := range buckets {
		if bucketOf(next) != b || bucketOf(upper(b)) != b {
			t.Fatalf("bucket %d: %d to %d lie in %d and %d", b, next, upper(b), bucketOf(next), bucketOf(upper(b)))
		}
		next = upper(b) + 1
	}
	if next != histogramMost+1 {
		t.Errorf("the last bucket ends before %d, not %d", next, histogramMost+1)
	}
}

func TestOutOfRange(t *testing.T) {
	var h Histogram
	if _, ok := h.Quantile(0.5); ok {
		t.Error("an empty histogram has a median")
	}
	if h.Rows() != nil {
		t.Error("an empty histogram has rows")
	}
	h.Record(-time.Second)
	h.Record(math.MaxInt64)
	if h.Min() != 0 || h.Max() != histogramMost {
		t.Errorf("%v to %v", h.Min(), h.Max())
	}
	if _, ok := h.Quantile(math.NaN()); ok {
		t.Error("NaN is a quantile")
	}
	if rows := h.Rows(); rows[0].Count != 1 || rows[len(rows)-1].Count != 1 {
		t.Errorf("rows %v", rows)
	}
}

// The interval of a median covers the true one about 95 times in 100.
func TestIntervalCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, q := range []float64{0.5, 0.9} {
		covered, asked := 0, 1000
		for range asked {
			var h Histogram
			for range 100 {
				h.Record(time.Duration(random.Int64N(1e9)))
			}
			low, high, ok := h.Interval(q)
			if !ok {
				t.Fatalf("100 times give no interval of %v", q)
			}
			if truth := q * 1e9; float64(low) <= truth && truth <= float64(high) {
				covered++
			}
		}
		if covered < 930 || covered > 995 {
			t.Errorf("quantile %v: %d of %d intervals cover the true value", q, covered, asked)
		}
	}
	var few Histogram
	for i := range 20 {
		few.Record(time.Duration(i))
	}
	if _, _, ok := few.Interval(0.99); ok {
		t.Error("20 times give an interval of p99")
	}
}

func TestRows(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{300 * time.Microsecond, 310 * time.Microsecond, 1030 * time.Millisecond, 3070 * time.Millisecond} {
		h.Record(d)
	}
	rows := h.Rows()
	var total uint64
	for i, r := range rows {
		total += r.Count
		if i > 0 && r.From != rows[i-1].To {
			t.Errorf("row %d begins at %v, the one before ends at %v", i, r.From, rows[i-1].To)
		}
	}
	first, last := rows[0], rows[len(rows)-1]
	if total != 4 || first != (Row{200 * time.Microsecond, 500 * time.Microsecond, 2}) || last != (Row{2 * time.Second, 5 * time.Second, 1}) {
		t.Errorf("%v", rows)
	}
}

func TestHistogramJSON(t *testing.T) {
	var h, back Histogram
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		h.Record(time.Duration(random.ExpFloat64() * 1e8))
	}
	text, err := json.Marshal(&h)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	for _, q := range []float64{0, 0.25, 0.5, 0.99, 1} {
		a, _ := h.Quantile(q)
		b, _ := back.Quantile(q)
		if a != b {
			t.Errorf("quantile %v: %v, after reading it back %v", q, a, b)
		}
	}
	again, err := json.Marshal(&back)
	if err != nil || string(again) != string(text) {
		t.Errorf("written again it differs: %v\n%s\n%s", err, text, again)
	}
}

func FuzzHistogramJSON(f *testing.F) {
	f.Add([]byte(`{"count":2,"min_ns":5,"max_ns":7,"mean_ns":6,"buckets":[[5,1],[7,1]]}`))
	f.Add([]byte(`{"count":1,"buckets":[[18446744073709551615,1]]}`))
	f.Add([]byte(`{"count":1,"min_ns":-1,"max_ns":1,"buckets":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var h Histogram
		if json.Unmarshal(text, &h) != nil || h.Count() == 0 {
			return
		}
		d, ok := h.Quantile(0.5)
		if !ok || d < h.Min() || d > h.Max() {
			t.Errorf("median %v of times from %v to %v", d, h.Min(), h.Max())
		}
		h.Rows()
		h.Interval(0.9)
	})
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Record(time.Duration(i * 997))
	}
}
