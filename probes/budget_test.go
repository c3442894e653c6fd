package probes

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"whydrop/probes/fact"
)

func TestFairShare(t *testing.T) {
	for _, c := range []struct {
		name    string
		demands []float64
		supply  float64
		want    float64
	}{
		{"enough for all", []float64{1, 2, 3}, 6, math.Inf(1)},
		{"nobody asks", nil, 1, math.Inf(1)},
		{"all ask too much", []float64{8, 9}, 6, 3},
		{"the small one has it all, the others share the rest", []float64{9, 1, 5}, 7, 3},
		{"one who asks too much", []float64{0.001, 0.5}, 0.011, 0.01},
	} {
		if got := fairShare(c.demands, c.supply); math.Abs(got-c.want) > 1e-9 && got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// paid are sources whose looks take the given CPU times, as the budget sees
// them.
func paid(cpu ...time.Duration) []*watched {
	var all []*watched
	for _, c := range cpu {
		w := &watched{wanted: watchTick}
		w.price.add(time.Minute, time.Minute) // the first look does not count when there is another
		w.price.add(c, c)
		all = append(all, w)
	}
	return all
}

// The looks of all sources together stay within the program's share, and what
// the rest of the program takes is taken off.
func TestAllot(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		cpu  []time.Duration
		rest time.Duration // CPU time a second of everything else
		most float64       // cores that all looks together may take
		want []time.Duration
	}{
		{"an ordinary host", []time.Duration{1 * ms, 2 * ms}, 0, 0.01, []time.Duration{time.Second, time.Second}},
		{"10,000 sockets", []time.Duration{1 * ms, 16 * ms}, 0, 0.01, []time.Duration{time.Second, 2 * time.Second}},
		{"100,000 sockets", []time.Duration{2 * ms, 112 * ms}, 2 * ms, 0.018, []time.Duration{time.Second, 8 * time.Second}},
		{"two dear ones", []time.Duration{80 * ms, 2 * ms, 56 * ms}, 0, 0.02, []time.Duration{10 * time.Second, time.Second, 7 * time.Second}},
		{"none is looked at too seldom", []time.Duration{800 * ms}, 0, 0.054, []time.Duration{15 * time.Second}},
		{"the rest takes it all", []time.Duration{9 * ms}, 50 * ms, 0.005, []time.Duration{2 * time.Second}},
	} {
		now, clock := time.Unix(0, 0), time.Duration(0)
		b := budget{clock: func() time.Duration { return clock }}
		all := paid(c.cpu...)
		for range 100 {
			b.allot(all, now)
			now, clock = now.Add(time.Second), clock+c.rest
		}
		var got []time.Duration
		sum := 0.0
		for i, w := range all {
			got = append(got, w.every.Round(100*ms))
			sum += c.cpu[i].Seconds() / w.every.Seconds()
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: every %v, want %v", c.name, got, c.want)
		}
		if sum > c.most*1.001 {
			t.Errorf("%s: the looks take %.4f cores, more than %v", c.name, sum, c.most)
		}
	}
}

// Facts are told once a second, less often where judging them takes much, and
// what the operator's keys bring about does not count.
func TestJudgement(t *testing.T) {
	for _, c := range []struct {
		name string
		cost func(second int) time.Duration // CPU time a second of everything but looks
		once time.Duration                  // and for every telling
		want time.Duration
	}{
		{"cheap", func(int) time.Duration { return 0 }, 2 * time.Millisecond, time.Second},
		{"dear", func(int) time.Duration { return 0 }, 13500 * time.Microsecond, 3 * time.Second},
		{"far too dear", func(int) time.Duration { return 0 }, time.Second, 5 * time.Second},
		{"keys are typed", func(s int) time.Duration { return time.Duration(s%2) * 50 * time.Millisecond }, 2 * time.Millisecond, time.Second},
	} {
		now, clock := time.Unix(0, 0), time.Duration(0)
		b := budget{clock: func() time.Duration { return clock }, whole: share}
		told, every := 0, time.Duration(0)
		for second := range 60 {
			var due bool
			if every, due = b.judgement(now); due {
				told++
				clock += c.once
			}
			now, clock = now.Add(time.Second), clock+c.cost(second)
		}
		if want := int(time.Minute / c.want); every.Round(100*time.Millisecond) != c.want || told < want-1 || told > want+3 {
			t.Errorf("%s: every %v, told %d times a minute; want every %v", c.name, every, told, c.want)
		}
	}
}

// A look that others ran beside is not charged for them.
func TestSettle(t *testing.T) {
	clock := time.Duration(0)
	b := budget{clock: func() time.Duration { return clock }}
	alone := b.open()
	clock += 5 * time.Millisecond
	if got := b.settle(alone, 2*time.Millisecond); got != 5*time.Millisecond {
		t.Errorf("alone: %v, want all of it, the garbage collector's share too", got)
	}
	long := b.open()
	short := b.open()
	clock += 40 * time.Millisecond
	if got := b.settle(short, time.Millisecond); got != time.Millisecond {
		t.Errorf("beside a long one: %v, want at most the time it took", got)
	}
	if got := b.settle(long, 30*time.Millisecond); got != 30*time.Millisecond {
		t.Errorf("the long one: %v", got)
	}
}

// burn takes CPU time.
func burn(d time.Duration) {
	for end := processTime() + d; processTime() < end; {
	}
}

// A source that takes much CPU time is looked at less often, so that the tool
// does not load a sick host, and the report says so.
func TestExpensiveSourcesAreLookedAtLessOften(t *testing.T) {
	dear := &fake{name: "dear", look: func(n int) (any, error) { burn(60 * time.Millisecond); return n, nil }}
	f := NewObserver(dear).Observe(context.Background(), 2*time.Second, nil)
	if dear.n > 3 {
		t.Errorf("%d looks in 2 s at 60 ms each, want one at each end and one to know the price", dear.n)
	}
	if s := statusOf(f, "dear"); s.Adapted == "" {
		t.Errorf("it is not said: %+v", s)
	}
}

// BenchmarkWatch tells what the whole process takes of one core while it
// watches this host, in thousandths, with nobody who judges the facts.
func BenchmarkWatch(b *testing.B) {
	for b.Loop() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		before := processTime()
		Default(Knowledge{NICs: anyStatistic{}}).Watch(ctx, 15*time.Second, func(*fact.Facts) {})
		cancel()
		b.ReportMetric(float64((processTime()-before).Milliseconds())/20, "millicores")
	}
}
