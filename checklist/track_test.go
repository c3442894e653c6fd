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
