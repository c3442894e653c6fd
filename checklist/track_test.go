package checklist

import (
	"slices"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

func session(seconds int, each func(i int, f *fact.Facts, d *Diagnosis)) *Track {
	start := time.Unix(1_700_000_000, 0)
	track := NewTrack()
	for i := range seconds {
		at := start.Add(time.Duration(i) * time.Second)
		f, d := fact.New(at, 15), &Diagnosis{Verdict: Healthy}
		each(i, f, d)
		track.Add(at, f, d)
	}
	return track
}

func TestTrackTellsTheRateOfACounterAndTheValueOfAGauge(t *testing.T) {
	track := session(4, func(i int, f *fact.Facts, _ *Diagnosis) {
		f.Count("Tcp.RetransSegs", 99, float64(1000+5*i)) // the window's growth is not the rate
		f.Gauge("cpu.busy", float64(i))
	})
	if got, want := track.Recent("Tcp.RetransSegs"), []float64{5, 5, 5}; !slices.Equal(got, want) {
		t.Errorf("rate: got %v, want %v", got, want)
	}
	if got, want := track.Recent("cpu.busy"), []float64{0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("gauge: got %v, want %v", got, want)
	}
	if got := track.Recent("nothing"); got != nil {
		t.Errorf("a fact that was never seen: got %v", got)
	}
}

// Where a counter begins anew, its last point is held: without one, all points before it
// would be drawn too late.
func TestTrackHoldsItsPointWhereACounterRestarts(t *testing.T) {
	totals := []float64{100, 110, 3, 5}
	track := session(len(totals), func(i int, f *fact.Facts, _ *Diagnosis) { f.Count("Ip.InReceives", 1, totals[i]) })
	if got, want := track.Recent("Ip.InReceives"), []float64{10, 10, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTrackStaysSmallAndCoversTheWholeSession(t *testing.T) {
	const day = 24 * 3600
	track := session(day, func(i int, f *fact.Facts, _ *Diagnosis) { f.Gauge("load", float64(i)) })
	whole, recent := track.Whole("load"), track.Recent("load")
	if len(whole) > wholePoints+1 || len(recent) != recentPoints {
		t.Fatalf("%d points of the whole, %d recent ones", len(whole), len(recent))
	}
	if first, last := whole[0], whole[len(whole)-1]; first > day/100 || last < day*98/100 {
		t.Errorf("the whole goes from %v to %v of %d", first, last, day)
	}
	if !slices.IsSorted(whole) || recent[len(recent)-1] != day-1 {
		t.Errorf("the order is lost: %v ... %v", recent[:3], recent[len(recent)-3:])
	}
}

func TestTrackNotesWhenACauseIsNamedAndDoesNotFlap(t *testing.T) {
	probability := []float64{0.1, 0.6, 0.45, 0.55, 0.45, 0.2, 0.9}
	track := session(len(probability), func(i int, _ *fact.Facts, d *Diagnosis) {
		d.Findings = []*Finding{{Cause: &content.Cause{ID: "path.loss", Title: "Loss"}, Probability: probability[i]}}
		if d.Findings[0].Named() {
			d.Verdict = Fault
		}
	})
	track.Mark(time.Now(), "load test begins")
	var kinds []EventKind
	for _, e := range track.Events() {
		if e.Kind != Changed {
			kinds = append(kinds, e.Kind)
		}
	}
	if want := []EventKind{Rose, Fell, Rose, Marked}; !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

// A probe whose pace is slower than that of the observations tells the same totals again:
// that is no standstill. What it counted is spread over the time since it looked.
func TestTrackSpreadsWhatWasNotReadEachTime(t *testing.T) {
	type seen struct{ overflows, received float64 }
	track := func(every float64, all []seen) *Track {
		track := session(len(all), func(i int, f *fact.Facts, _ *Diagnosis) {
			if all[i].received > 0 { // the observation has them at all
				f.Count("TcpExt.ListenOverflows", 1, all[i].overflows)
				f.Count("Ip.InReceives", 1, all[i].received)
			}
			f.Probes = []fact.Status{{Name: "", Status: "ok", Every: every}}
		})
		return track
	}
	for _, tt := range []struct {
		name  string
		every float64
		all   []seen
		want  []float64
	}{
		{"told twice", 2, []seen{{0, 1}, {91, 10}, {91, 10}, {273, 20}, {273, 20}, {455, 30}}, []float64{91, 91, 91, 91, 91}},
		{"it rose meanwhile", 2, []seen{{0, 1}, {0, 10}, {0, 10}, {90, 20}}, []float64{0, 45, 45}},
		{"absent", 1, []seen{{0, 1}, {50, 10}, {}, {150, 20}, {200, 30}}, []float64{50, 50, 50, 50}},
		{"another counter moved", 2, []seen{{0, 1}, {90, 10}, {90, 11}, {180, 20}}, []float64{90, 0, 90}},
		{"read each second and still", 1, []seen{{0, 1}, {90, 10}, {90, 10}, {180, 20}}, []float64{90, 0, 90}},
		{"slow, and still for longer", 2, []seen{{0, 1}, {90, 10}, {90, 10}, {90, 10}, {90, 10}, {90, 10}}, []float64{90, 0, 0, 0, 0}},
	} {
		for name, points := range map[string][]float64{"recent": track(tt.every, tt.all).Recent("TcpExt.ListenOverflows"), "whole": track(tt.every, tt.all).Whole("TcpExt.ListenOverflows")} {
			if !slices.Equal(points, tt.want) {
				t.Errorf("%s, %s: got %v, want %v", tt.name, name, points, tt.want)
			}
		}
	}
}

func TestPointsOfLongStepsAreAmended(t *testing.T) {
	s := &series{step: 1}
	for range wholePoints { // now a step is two points
		s.add(1, 1)
	}
	s.add(3, 5) // one waits
	s.amend(5, 5)
	whole := s.whole()
	if n := len(whole); whole[n-4] != 1 || whole[n-3] != 5 || whole[n-2] != 5 || whole[n-1] != 5 {
		t.Errorf("the whole ends with %v", whole[n-4:])
	}
	if got := s.recent(); !slices.Equal(got[len(got)-6:], []float64{1, 5, 5, 5, 5, 5}) {
		t.Errorf("recent: %v", got[len(got)-6:])
	}
}
