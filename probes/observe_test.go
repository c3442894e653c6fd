package probes

import (
	"context"
	"errors"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// fake is a source whose looks are told by a function.
type fake struct {
	name string
	pace fact.Pace
	look func(n int) (any, error)
	n    int
	saw  int // readings at the last call of Facts
}

func (s *fake) Name() string    { return s.name }
func (s *fake) Reads() string   { return "nothing" }
func (s *fake) Pace() fact.Pace { return s.pace }
func (s *fake) Look(context.Context) (any, error) {
	s.n++
	return s.look(s.n)
}
func (s *fake) Facts(rs []fact.Reading, f *fact.Facts) {
	s.saw = len(rs)
	f.Gauge(s.name, float64(rs[len(rs)-1].Data.(int)))
}

func count(n int) (any, error) { return n, nil }

func statusOf(f *fact.Facts, name string) fact.Status {
	for _, s := range f.Probes {
		if s.Name == name {
			return s
		}
	}
	return fact.Status{}
}

func TestObserveLooksAtEachSourceAtItsPace(t *testing.T) {
	t.Parallel()
	often := &fake{name: "often", look: count}
	ends := &fake{name: "ends", pace: fact.EndsOnly, look: count}
	once := &fake{name: "once", pace: fact.Once, look: count}
	f := NewObserver(often, ends, once).Observe(context.Background(), 2*time.Second, nil)
	if often.n < 4 || often.n > 6 {
		t.Errorf("a cheap source was looked at %d times in 2 s", often.n)
	}
	if ends.n != 2 || once.n != 1 {
		t.Errorf("ends %d, once %d looks, want 2 and 1", ends.n, once.n)
	}
	if f.Seconds < 1.9 || f.Seconds > 2.6 {
		t.Errorf("observed %.2f s", f.Seconds)
	}
}

// One bad source must neither end nor delay the observation of the others.
func TestObserveSurvivesBadSources(t *testing.T) {
	t.Parallel()
	good := &fake{name: "good", look: count}
	broken := &fake{name: "broken", look: func(int) (any, error) { return nil, errors.New("garbage in /proc/x") }}
	panics := &fake{name: "panics", look: func(int) (any, error) { panic("index out of range") }}
	absent := &fake{name: "absent", look: func(int) (any, error) {
		return nil, fact.Unavailable("firewall rules", "CAP_NET_ADMIN")
	}}
	lies := &fake{name: "lies", look: func(int) (any, error) { return "not a number", nil }}
	f := NewObserver(good, broken, panics, absent, lies).Observe(context.Background(), time.Second, nil)
	for name, want := range map[string]string{
		"good": "ok", "broken": "failed", "panics": "failed", "absent": "skipped", "lies": "failed",
	} {
		if s := statusOf(f, name); s.Status != want || want != "ok" && s.Why == "" {
			t.Errorf("%s: %+v, want %s and why", name, s, want)
		}
	}
	if absent.n != 1 {
		t.Errorf("an unavailable source was tried %d times", absent.n)
	}
	if v, ok := f.Num("good"); !ok || v < 2 {
		t.Errorf("the good source told %v", v)
	}
}

func TestObserveGivesUpOnASourceThatHangs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a source that hangs")
	}
	release := make(chan struct{})
	defer close(release)
	hangs := &fake{name: "hangs", look: func(int) (any, error) { <-release; return 0, nil }}
	good := &fake{name: "good", look: count}
	start := time.Now()
	f := NewObserver(hangs, good).Observe(context.Background(), time.Second, nil)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("waited %v", took)
	}
	if s := statusOf(f, "hangs"); s.Status != "failed" || s.Why == "" {
		t.Errorf("status %+v", s)
	}
	if s := statusOf(f, "good"); s.Status != "ok" {
		t.Errorf("good: %+v", s)
	}
}

func TestObserveEndsEarlyWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(700*time.Millisecond, cancel)
	s := &fake{name: "s", look: count}
	start := time.Now()
	f := NewObserver(s).Observe(ctx, time.Minute, nil)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	if _, ok := f.Num("s"); !ok {
		t.Error("what was seen until then is lost")
	}
}

// A source that takes long is looked at less often, so that the tool does not
// load a sick host.
func TestExpensiveSourcesAreLookedAtLessOften(t *testing.T) {
	t.Parallel()
	slow := &fake{name: "slow", look: func(n int) (any, error) { time.Sleep(60 * time.Millisecond); return n, nil }}
	NewObserver(slow).Observe(context.Background(), 2*time.Second, nil)
	if slow.n != 2 {
		t.Errorf("%d looks in 2 s at 60 ms each, want one at each end", slow.n)
	}
}

func TestWatchKeepsAWindow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	s := &fake{name: "s", look: count}
	calls := 0
	NewObserver(s).Watch(ctx, 1500*time.Millisecond, func(f *fact.Facts) {
		calls++
		if s.saw > 5 {
			t.Errorf("%d readings in a window of three looks", s.saw)
		}
		if f.Seconds > 1.6 {
			t.Errorf("the facts speak of %.1f s", f.Seconds)
		}
		if calls == 3 {
			cancel()
		}
	})
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
}
