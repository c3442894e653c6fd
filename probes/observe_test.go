package probes

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
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

// A slow source neither slows the others down nor is it asked all the time, and
// it is told how far apart the looks are.
func TestASlowSourceDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	slow := &fake{name: "slow", look: func(n int) (any, error) { time.Sleep(700 * time.Millisecond); return n, nil }}
	good := &fake{name: "good", look: count}
	f := NewObserver(slow, good).Observe(context.Background(), 2*time.Second, nil)
	if good.n < 4 {
		t.Errorf("the good source was looked at %d times in 2 s", good.n)
	}
	if slow.n > 3 {
		t.Errorf("the slow source was looked at %d times", slow.n)
	}
	if s := statusOf(f, "slow"); s.Status != "ok" || s.Every < 2.8 || !strings.Contains(s.Adapted, "by the clock") {
		t.Errorf("slow: %+v", s)
	}
	if s := statusOf(f, "good"); s.Adapted != "" || s.Every != 0.5 {
		t.Errorf("good: %+v", s)
	}
}

// In a session a source that hangs is told as failed, the others go on at their
// pace, and only one look at it is ever under way.
func TestWatchGoesOnBesideASourceThatHangs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until a source is given up")
	}
	release := make(chan struct{})
	hangs := &closing{fake: fake{name: "hangs", look: func(int) (any, error) { <-release; return 0, nil }}, closed: make(chan struct{})}
	good := &fake{name: "good", look: count}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	calls := 0
	NewObserver(hangs, good).Watch(ctx, 15*time.Second, func(f *fact.Facts) {
		calls++
		switch s := statusOf(f, "hangs"); {
		case s.Status != "failed" || s.Why == "":
			t.Errorf("after %d s: %+v", calls, s)
		case calls == 4:
			if !strings.Contains(s.Why, "within 3s") {
				t.Errorf("after %d s: %q", calls, s.Why)
			}
			cancel()
		}
	})
	if good.n < 4 {
		t.Errorf("the good source was looked at %d times in 4 s", good.n)
	}
	select {
	case <-hangs.closed:
		t.Error("closed while it was looked at")
	default:
	}
	close(release)
	select {
	case <-hangs.closed:
	case <-time.After(5 * time.Second):
		t.Error("not closed when it came back")
	}
	if hangs.n != 1 {
		t.Errorf("%d looks at a source that hangs", hangs.n)
	}
}

// closing is a source that wants to be closed.
type closing struct {
	fake
	closed chan struct{}
}

func (s *closing) Close() error { close(s.closed); return nil }

func TestSourcesAreClosed(t *testing.T) {
	t.Parallel()
	s := &closing{fake: fake{name: "s", look: count}, closed: make(chan struct{})}
	f := NewObserver(s).Observe(context.Background(), 100*time.Millisecond, nil)
	if _, ok := f.Num("s"); !ok {
		t.Error("closed before it told what it saw")
	}
	select {
	case <-s.closed:
	default:
		t.Error("not closed")
	}
}

// While a source is looked at, it tells what it told before.
func TestFactsStayWhileASourceIsBusy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &fake{name: "s", look: func(n int) (any, error) {
		if n > 2 {
			time.Sleep(1500 * time.Millisecond)
		}
		return n, nil
	}}
	calls := 0
	NewObserver(s).Watch(ctx, time.Minute, func(f *fact.Facts) {
		calls++
		// The look at 2 s is over at 3.5 s; the next is not due by then.
		want := map[int]float64{1: 2, 2: 2, 3: 2, 4: 3}[calls]
		if v, _ := f.Num("s"); v != want {
			t.Errorf("after %d s it tells %v, want %v", calls, v, want)
		}
		if calls == 4 {
			cancel()
		}
	})
}

func TestWatchKeepsAWindow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	s := &fake{name: "s", look: count}
	calls := 0
	NewObserver(s).Watch(ctx, 2500*time.Millisecond, func(f *fact.Facts) {
		calls++
		if s.saw > 4 {
			t.Errorf("%d readings in a window of three looks", s.saw)
		}
		if f.Seconds > 2.6 {
			t.Errorf("the facts speak of %.1f s", f.Seconds)
		}
		if calls == 5 {
			cancel()
		}
	})
	if calls != 5 {
		t.Errorf("%d calls", calls)
	}
}

// A process that was stopped for an hour (Ctrl+Z, fg) knows nothing of the hour's
// last seconds: what grew meanwhile is not told as their growth.
func TestWatchBeginsAnewAfterAStop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var stopped atomic.Int64
	s := &fake{name: "s", look: count}
	o := NewObserver(s)
	o.now = func() time.Time { return time.Now().Add(time.Duration(stopped.Load())) }
	calls := 0
	o.Watch(ctx, 5*time.Second, func(f *fact.Facts) {
		calls++
		switch calls {
		case 3:
			stopped.Store(int64(time.Hour))
		case 4:
			if s.saw != 1 || f.Seconds > 0.5 {
				t.Errorf("after an hour it tells %d readings and %.1f s", s.saw, f.Seconds)
			}
		case 5:
			if s.saw != 2 || f.Seconds > 1.5 {
				t.Errorf("a second later it tells %d readings and %.1f s", s.saw, f.Seconds)
			}
			cancel()
		}
	})
}
