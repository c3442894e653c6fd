package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	"whydrop/checklist/train"
	"whydrop/ui/tty"
)

// lender is a terminal that is only lent.
type lender struct {
	surface
	lent int
}

func (l *lender) Show([]string, tty.Size) {}
func (l *lender) Lend(do func() error) error {
	l.lent++
	return do()
}

// sitAtLive sits at a host that goes on as it was recorded. wrong is what looking at
// it and its shell end with.
func sitAtLive(t *testing.T, wrong *error) *candidate {
	t.Helper()
	c := sitAtTraining(t, 100, 30)
	sc := c.m.options.Book.Scenario(trainingOn)
	recorded, err := train.Recorded(c.m.options.Book, sc)
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := recorded.Look()
	if err != nil {
		t.Fatal(err)
	}
	host := train.NewWatched(c.m.options.Book, sc)
	host.Show(f)
	s := train.New(c.m.options.Book, sc, host)
	s.Now = func() time.Time { return c.clock }
	s.Keep = func(e train.Event) error { c.events = append(c.events, e); return nil }
	c.send(trainOpened{seat: &TrainSeat{Session: s, Live: &TrainLive{
		Shell: func() error { return *wrong },
		Look:  func() (*train.Seen, error) { return &train.Seen{Facts: f}, *wrong },
		Takes: time.Second,
	}}})
	return c
}

// TestLiveHost looks whether a live host is mended during the interview, and opens a
// shell on it.
func TestLiveHost(t *testing.T) {
	var wrong error
	c := sitAtLive(t, &wrong)
	if screen := c.screen(); !strings.Contains(screen, "s shell") || !strings.Contains(screen, "x mended?") {
		t.Errorf("the keys are not shown:\n%s", screen)
	}
	c.press("x")
	if screen := c.screen(); !strings.Contains(screen, "Not fixed: what people complain of goes on.") || strings.Contains(screen, "looking") {
		t.Errorf("the look is not told:\n%s", screen)
	}
	if last := c.events[len(c.events)-1]; last.Kind != train.Verified {
		t.Errorf("the look is not on disk, but %s", last.Kind)
	}
	terminal := &lender{}
	c.m.surface = terminal
	c.press("s")
	if wrong = errors.New("no such shell"); terminal.lent != 1 || c.m.notice != "" {
		t.Errorf("lent %d times: %q", terminal.lent, c.m.notice)
	}
	c.press("s")
	if !strings.Contains(c.m.notice, "no such shell") {
		t.Errorf("a shell that did not start is not told: %q", c.m.notice)
	}
	c.press("x")
	if !strings.Contains(c.m.notice, "no such shell") || c.m.looking {
		t.Errorf("a look that failed is not told, or goes on: %q", c.m.notice)
	}
}

// TestLiveHostReviewed looks whether it is mended after the conclusion, and while the
// feedback is worked out.
func TestLiveHostReviewed(t *testing.T) {
	var wrong error
	c := sitAtLive(t, &wrong)
	if err := c.m.seat.Session.Commit(train.Conclusion{Causes: c.m.seat.Session.Scenario().Truth}); err != nil {
		t.Fatal(err)
	}
	reviewed := c.m.beginReview()
	c.m.looking = true
	seen, err := c.m.seat.Live.Look()
	if err != nil {
		t.Fatal(err)
	}
	c.send(trainLooked{c.m.seat, seen, nil})
	if c.m.unjudged == nil {
		t.Error("the session is used while the feedback is worked out")
	}
	c.send(reviewed())
	if c.m.unjudged != nil || c.m.looking || !strings.Contains(c.m.notice, "Not fixed") {
		t.Errorf("the look is lost: %q", c.m.notice)
	}
	c.press("x")
	if !strings.Contains(c.m.notice, "is still found") {
		t.Errorf("after the conclusion the cause is not named: %q", c.m.notice)
	}
}

// TestRecordedHost has none of the keys of a live one.
func TestRecordedHost(t *testing.T) {
	c := sitAtTraining(t, 100, 30).press("enter", "x", "s")
	if screen := c.screen(); strings.Contains(screen, "shell") || c.m.looking {
		t.Errorf("a recorded host can be entered:\n%s", screen)
	}
}
