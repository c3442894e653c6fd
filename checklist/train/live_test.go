package train

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// watchedHost is a live host that shows what was recorded of a scenario.
func watchedHost(t *testing.T, id string) (scene, *Watched, *fact.Facts) {
	t.Helper()
	for _, sc := range scenes(t) {
		if sc.ID == id {
			f, _, err := sc.host().Look()
			if err != nil {
				t.Fatal(err)
			}
			w := NewWatched(loadBook(t), sc.Scenario)
			w.Show(f)
			return sc, w, f
		}
	}
	t.Fatalf("there is no scenario %s", id)
	return scene{}, nil, nil
}

// but is an observation with other values.
func but(f *fact.Facts, change func(*fact.Facts)) *fact.Facts {
	g := *f
	g.Values, g.Tables = maps.Clone(f.Values), maps.Clone(f.Tables)
	change(&g)
	return &g
}

// set gives counters another growth.
func set(f *fact.Facts, growth float64, counters ...string) {
	for _, name := range counters {
		v := f.Values[name]
		v.Now = growth
		f.Values[name] = v
	}
}

// unfiltered is what a host shows whose reverse-path filter is off.
func unfiltered(f *fact.Facts) {
	set(f, 0, "TcpExt.IPReversePathFilter")
	for name := range f.Values {
		if strings.HasPrefix(name, "drop") || strings.HasPrefix(name, "ip.rx_vanished") {
			delete(f.Values, name)
		}
	}
	for name := range f.Tables {
		if strings.HasPrefix(name, "drop") {
			delete(f.Tables, name)
		}
	}
}

// TestMending judges what became of a live host.
func TestMending(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fact.Facts)
		want   Mended
		says   string
	}{
		"it goes on":     {func(*fact.Facts) {}, NotFixed, "still found"},
		"it has stopped": {unfiltered, Fixed, "stopped"},
		"the traffic has dried up": {func(f *fact.Facts) {
			unfiltered(f)
			set(f, 1, "Ip.InReceives", "Ip6.InReceives", "Tcp.PassiveOpens")
		}, Worse, "Fewer packets arrive"},
		"the service is gone": {func(f *fact.Facts) {
			unfiltered(f)
			f.Tables["listener"] = nil
		}, Worse, "Nothing listens any more"},
		"something else is broken": {func(f *fact.Facts) {
			unfiltered(f)
			set(f, 400, "TcpExt.ListenOverflows", "TcpExt.ListenDrops")
		}, Worse, "New: "},
		"hardly anything was seen": {func(f *fact.Facts) {
			unfiltered(f)
			f.Seconds /= 200
			for _, counter := range []string{"Ip.InReceives", "Ip6.InReceives", "Tcp.PassiveOpens"} {
				n, _ := f.Num(counter)
				set(f, n/200, counter)
			}
		}, Untold, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sc, w, f := watchedHost(t, "second-uplink")
			s := New(loadBook(t), sc.Scenario, w)
			m, err := s.Verify(but(f, c.change))
			if err != nil {
				t.Fatal(err)
			}
			told := strings.Join(m.Tell(true), " ")
			if m.Outcome != c.want || !strings.Contains(told, c.says) {
				t.Errorf("%s, want %s with %q: %s", m.Outcome, c.want, c.says, told)
			}
			before := strings.Join(m.Tell(false), " ")
			for _, truth := range sc.Truth {
				if strings.Contains(before, loadBook(t).Cause(truth).Title) {
					t.Errorf("before the commit the cause is named: %s", before)
				}
			}
			if s.Mending() != m || !s.Live() || s.Steps() != 0 {
				t.Error("the look is not noted, or counts as a step")
			}
		})
	}
}

// TestRecordedIsNotMended says that a recording stays as it is.
func TestRecordedIsNotMended(t *testing.T) {
	sc := scenes(t)[0]
	s := New(loadBook(t), sc.Scenario, sc.host())
	if _, err := s.Verify(&fact.Facts{}); err == nil || s.Live() {
		t.Errorf("a recorded host is mended: %v", err)
	}
}

// TestHealthyIsNotMended tells nobody before the commit that nothing is wrong.
func TestHealthyIsNotMended(t *testing.T) {
	tried := 0
	for _, sc := range scenes(t) {
		if !sc.Healthy() {
			continue
		}
		tried++
		_, w, f := watchedHost(t, sc.ID)
		m, err := New(loadBook(t), sc.Scenario, w).Verify(f)
		if err != nil || m.Outcome != NotFixed || strings.Contains(strings.Join(m.Tell(false), " "), "Nothing is wrong") {
			t.Errorf("%s: %+v, %v", sc.ID, m, err)
		}
	}
	if tried == 0 {
		t.Error("no scenario is healthy")
	}
}

// TestSilencedIsWorse does not take a fault for mended that nobody meets any more.
func TestSilencedIsWorse(t *testing.T) {
	sc, w, f := watchedHost(t, "second-uplink")
	w.Amiss = func() []string { return []string{"The depots have ended."} }
	m, err := New(loadBook(t), sc.Scenario, w).Verify(but(f, unfiltered))
	if err != nil || m.Outcome != Worse || !slices.Contains(m.Tell(false), "The depots have ended.") {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestMendedCounts lets the last look count for the plan, also of a session that is
// made again without its host.
func TestMendedCounts(t *testing.T) {
	marks := map[string]float64{}
	for name, looks := range map[string][]func(*fact.Facts){
		"none": nil, "fixed": {func(*fact.Facts) {}, unfiltered}, "not": {unfiltered, func(*fact.Facts) {}},
		"worse": {func(f *fact.Facts) { unfiltered(f); f.Tables["listener"] = nil }},
	} {
		sc, w, f := watchedHost(t, "second-uplink")
		s := New(loadBook(t), sc.Scenario, w)
		var log []Event
		s.Keep = func(e Event) error { log = append(log, e); return nil }
		if _, err := s.Measure("counters"); err != nil {
			t.Fatal(err)
		}
		for _, change := range looks {
			if _, err := s.Verify(but(f, change)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Commit(Conclusion{Causes: sc.Truth, Steps: sc.Fix[:1]}); err != nil {
			t.Fatal(err)
		}
		marks[name] = planMark(s)
		again, notes := Replay(loadBook(t), sc.Scenario, sc.host(), log)
		if got := planMark(again); got != marks[name] || len(notes) > 0 {
			t.Errorf("%s: made again the plan has %v points, not %v: %v", name, got, marks[name], notes)
		}
	}
	if !(marks["fixed"] > marks["none"] && marks["none"] > marks["not"] && marks["not"] > marks["worse"]) {
		t.Errorf("points of the plan: %v", marks)
	}
}

func planMark(s *Session) float64 {
	f := s.Feedback()
	return f.Marks[slices.IndexFunc(f.Marks, func(m Mark) bool { return m.Area == Planning })].Points
}

// TestAwait waits for the fault to show, and not for ever.
func TestAwait(t *testing.T) {
	_, w, f := watchedHost(t, "second-uplink")
	if err := w.Await(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	w.Show(but(f, unfiltered)) // a mended host: the sick one is remembered
	if now, moment, err := w.Look(); err != nil || moment != Live || now == w.Sick() {
		t.Errorf("the newest observation is not shown: %v", err)
	}
	if n, _ := w.Sick().Num("TcpExt.IPReversePathFilter"); n == 0 {
		t.Error("the sick host is forgotten")
	}
	if _, err := w.Again(0); !errors.Is(err, ErrPassed) {
		t.Errorf("a moment comes again: %v", err)
	}
	blank := NewWatched(w.book, w.scenario)
	if _, _, err := blank.Look(); err == nil {
		t.Error("a host that was not seen shows something")
	}
	if err := blank.Await(t.Context(), time.Millisecond); err == nil {
		t.Error("a host that was not seen is taken as it is")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := blank.Await(ended, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("the end is not noticed: %v", err)
	}
}
