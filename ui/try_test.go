package ui

import (
	"context"
	"errors"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

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
	at = at.Add(trialCounts + time.Second)
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
