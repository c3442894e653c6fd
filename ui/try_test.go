package ui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/probes/fact"
)

func TestATriedDestinationCountsForAMinute(t *testing.T) {
	o := sitDown(t, 80, 24)
	at := o.m.now()
	o.m.now = func() time.Time { return at }
	asked := ""
	o.m.options.Try = func(_ context.Context, destination string) (*fact.Facts, error) {
		asked = destination
		f := fact.New(at, 4)
		f.Gauge("target.attempts", 8)
		f.Gauge("window.seconds", 4)
		return f, nil
	}
	o.press("enter", "t")
	o.see("sends packets")
	o.press("db2:5432", "enter")
	if asked != "db2:5432" {
		t.Fatalf("tried %q", asked)
	}
	o.see("tried db2:5432")
	known := func() bool {
		o.send(factsMsg{sickHost(o.m.kase.Book.Facts)})
		n, _ := o.m.diagnosis.facts.Num("target.attempts")
		seconds, _ := o.m.diagnosis.facts.Num("window.seconds")
		if seconds != 15 {
			t.Errorf("the trial changed what the host's own probes measured: %v s", seconds)
		}
		return n == 8
	}
	if !known() {
		t.Error("what was found is not among the facts")
	}
	at = at.Add(checklist.TriedCounts + time.Second)
	if known() {
		t.Error("it still counts after a minute")
	}
}

func TestATrialCanBeLeftAndItsFailureIsTold(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.m.options.Try = func(ctx context.Context, _ string) (*fact.Facts, error) { return nil, errors.New("no such host") }
	o.press("enter", "t", "nowhere", "enter")
	o.see("not tried: no such host")

	// One that takes long stands at the foot of the screen, and esc leaves it.
	o.m.trial.draft = ""
	o.press("t", "slow:80")
	_, cmd := o.m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	o.see("trying slow:80", "esc leaves it")
	at := o.m.on
	o.press("esc")
	o.see("left: slow:80")
	if o.m.on != at {
		t.Error("esc also left the screen")
	}
	if msg := cmd(); msg != nil {
		t.Errorf("what was left came in as %v", msg)
	}
	o.press("t")
	o.see("slow:80") // still there to try again
}

// What a trial came to is said where one looks, in the words of the content; a cause
// that rose meanwhile is said to be perhaps of the trial itself.
func TestTheOutcomeOfATrialIsTold(t *testing.T) {
	o := sitDown(t, 80, 24)
	at := o.m.now()
	o.m.now = func() time.Time { return at }
	quiet := func() { o.send(factsMsg{quietHost(o.m.kase.Book.Facts)}) }
	o.m.options.Try = func(_ context.Context, destination string) (*fact.Facts, error) {
		f := fact.New(at, 4)
		f.Text("target.name", destination)
		for name, n := range map[string]float64{"attempts": 6, "connected": 0, "refused": 0, "unreachable": 4, "timeouts": 2, "no_port": 0} {
			f.Gauge("target."+name, n)
		}
		o.m.trial.rose("listen.accept-queue-full", at) // while it is under way
		return f, nil
	}
	quiet()
	o.press("enter", "t", "db2:5432", "enter")
	o.see("none of 6 attempts to connect to db2:5432 came about: 0 refused", "2 without an answer, 0 without a free port", "counts for a minute")
	o.press("down")
	o.see("counts for a minute") // no key takes it away at once
	o.send(factsMsg{sickHost(o.m.kase.Book.Facts)})
	o.see("FAULT: The accept queue", "[by ")
	at = at.Add(checklist.TriedCounts + freshFor + time.Second)
	o.send(factsMsg{sickHost(o.m.kase.Book.Facts)})
	o.press("down")
	if s := o.screen(); strings.Contains(s, "[by ") || strings.Contains(s, "counts for a minute") {
		t.Errorf("the trial is still told of:\n%s", s)
	}
}

// The destination that was tried last is offered: what is typed takes its place,
// unless one moves in it first.
func TestTheLastDestinationIsOffered(t *testing.T) {
	o := sitDown(t, 80, 24)
	asked := ""
	o.m.options.Try = func(_ context.Context, destination string) (*fact.Facts, error) {
		asked = destination
		return nil, errors.New("no")
	}
	o.press("enter", "t", "p", "esc", "t")
	o.see("): p", "type another")
	o.press("10.0.0.9:443", "enter")
	if asked != "10.0.0.9:443" {
		t.Errorf("tried %q", asked)
	}
	o.press("t", "enter")
	if asked != "10.0.0.9:443" {
		t.Errorf("tried %q, want the same again", asked)
	}
	o.press("t", "backspace", "4", "enter")
	if asked != "10.0.0.9:444" {
		t.Errorf("tried %q, want it edited", asked)
	}
	o.press("t")
	o.send(tea.PasteMsg{Content: "db3:1"})
	o.press("enter")
	if asked != "db3:1" {
		t.Errorf("tried %q, want what was pasted", asked)
	}
}

type fakeTrial struct{}

func (*fakeTrial) try(context.Context, string) (*fact.Facts, error) {
	return nil, errors.New("not now")
}
