package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// limitedHost is a host whose accept queue is as short as net.core.somaxconn says.
func limitedHost(v *content.Vocabulary) *fact.Facts {
	f := sickHost(v)
	f.Gauge("sysctl.net.core.somaxconn", 128)
	row := f.Tables["listener"][0]
	row["at_somaxconn"], row["full_share"], row["standing"] = true, 0.4, false
	return f
}

// fakeAttempt is a step that changes nothing.
type fakeAttempt struct {
	settings          []checklist.SettingChange
	until             time.Time
	makes, keep, undo error
	gone              bool
	goneErr           error
	did               []string
}

func (f *fakeAttempt) Settings() []checklist.SettingChange { return f.settings }

func (f *fakeAttempt) Make() (time.Time, error) {
	f.did = append(f.did, "make")
	return f.until, f.makes
}

func (f *fakeAttempt) Keep(reboot bool) (string, error) {
	f.did = append(f.did, fmt.Sprint("keep ", reboot))
	return "whydrop rollback 20260301-030102-811 takes it back any time", f.keep
}

func (f *fakeAttempt) Undo() error {
	f.did = append(f.did, "undo")
	return f.undo
}

func (f *fakeAttempt) Gone() (bool, error) { return f.gone, f.goneErr }

// applier is an operator at a host where a step can be applied.
type applier struct {
	*operator
	fake  *fakeAttempt
	at    time.Time
	since float64 // what was lost since the beginning
}

func applying(t *testing.T, width, height int) *applier {
	t.Helper()
	a := &applier{operator: sitDown(t, width, height)}
	a.at = a.m.now()
	a.m.now = func() time.Time { return a.at }
	a.fake = &fakeAttempt{until: a.at.Add(checklist.KeepWithin), settings: []checklist.SettingChange{{
		Name: "net.core.somaxconn", Was: "128", To: "4096",
		Run: "sysctl -w net.core.somaxconn=4096", Undo: "sysctl -w net.core.somaxconn=128",
		Keep: []string{"net.core.somaxconn = 4096 in /etc/sysctl.d/90-whydrop.conf"},
	}}}
	a.m.options.Apply = func(context.Context, checklist.PlanStep) (checklist.Attempt, error) { return a.fake, nil }
	a.since = 4200
	a.pass(0, 0)
	a.press("enter", "7")
	a.chooseStep("Raise net.core.somaxconn")
	return a
}

// pass lets seconds pass in which so many connections a second are dropped, and
// measures.
func (a *applier) pass(seconds int, drops float64) {
	for range max(seconds, 1) {
		if seconds > 0 {
			a.at = a.at.Add(time.Second)
		}
		f := limitedHost(a.m.kase.Book.Facts)
		f.Start = a.at.Add(-15 * time.Second)
		a.since += drops
		f.Count("TcpExt.ListenOverflows", 1110, a.since)
		a.send(factsMsg{f})
		a.send(tickMsg{a.m.change.attempt})
	}
}

func (a *applier) chooseStep(title string) {
	a.t.Helper()
	for range 10 {
		steps := a.m.diagnosis.plan
		if steps[a.m.plan.index(a.m)].Remedy.Title == title {
			return
		}
		a.screen() // where the steps stand is known once they are drawn
		a.press("down")
	}
	a.t.Fatalf("the plan has no step %q", title)
}

// TestGoldenApply draws a step on its way onto the host.
func TestGoldenApply(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 60}} {
		for _, tt := range []struct {
			name string
			do   func(a *applier)
		}{
			{"cursor", func(a *applier) {}},
			{"question", func(a *applier) { a.press("a") }},
			{"applied", func(a *applier) { a.press("a", "y"); a.pass(18, 0) }},
			{"applied-elsewhere", func(a *applier) { a.press("a", "y", "2"); a.pass(18, 0) }},
			{"keep-over-reboot", func(a *applier) { a.press("a", "y"); a.pass(18, 0); a.press("r") }},
			{"kept", func(a *applier) { a.press("a", "y"); a.pass(18, 0); a.press("k") }},
			{"taken-back", func(a *applier) { a.press("a", "y"); a.pass(18, 74); a.press("b") }},
			{"went-back", func(a *applier) { a.press("a", "y"); a.pass(119, 74); a.fake.gone = true; a.pass(2, 74) }},
			{"help", func(a *applier) { a.press("?") }},
			{"leave", func(a *applier) { a.press("a", "y"); a.pass(18, 0); a.press("q") }},
			{"refused", func(a *applier) {
				a.m.options.Apply = func(context.Context, checklist.PlanStep) (checklist.Attempt, error) {
					return nil, errors.New("the right is missing: needs root (CAP_NET_ADMIN)")
				}
				a.press("a")
			}},
		} {
			name := fmt.Sprintf("apply-%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				a := applying(t, size[0], size[1])
				tt.do(a)
				golden(t, name, lengths.ReplaceAllString(a.screen(), "${1}N${2}"))
			})
		}
	}
}

// TestGoldenPromise draws the first screen where something can be applied.
func TestGoldenPromise(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}} {
		name := fmt.Sprintf("apply-welcome-%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			o := sitDown(t, size[0], size[1])
			o.m.options.Apply = func(context.Context, checklist.PlanStep) (checklist.Attempt, error) { return nil, nil }
			golden(t, name, o.screen())
		})
	}
}

// TestNothingIsAppliedUnseen presses keys in any order but a, and y below the
// question: the host is not touched.
func TestNothingIsAppliedUnseen(t *testing.T) {
	for _, keys := range []string{"y", "k", "r", "b", "ynkrb", "an", "a\r", "a2y", "akrb", "aan", "a8y", "7y", "a?y"} {
		a := applying(t, 80, 24)
		for _, k := range keys {
			if k == '\r' {
				a.press("enter")
				continue
			}
			a.press(string(k))
		}
		if len(a.fake.did) > 0 {
			t.Errorf("after %q it did %v", keys, a.fake.did)
		}
		if len(a.m.kase.Applied) > 0 {
			t.Errorf("after %q something counts as applied", keys)
		}
	}
	// While the values are read, y is no consent to what is shown later.
	a := applying(t, 80, 24)
	_, read := a.m.Update(tea.KeyPressMsg{Code: 'a', Text: "a"})
	a.press("y")
	a.run(read)
	a.see("Apply this?")
	if len(a.fake.did) > 0 {
		t.Errorf("y before the question: %v", a.fake.did)
	}
}

// TestAppliedIsJudgedAndKept applies a step that helps, and keeps it: each is an event
// and stands in the report.
func TestAppliedIsJudgedAndKept(t *testing.T) {
	a := applying(t, 80, 24)
	a.press("a")
	a.see("net.core.somaxconn 128 -> 4096", "Nothing is changed yet", "y apply")
	a.press("y")
	a.see("APPLIED net.core.somaxconn 128 -> 4096: goes back in 2:00 unless kept (7)", "not counted yet")
	a.pass(1, 70) // the packets that were under way
	a.pass(17, 0)
	a.see("goes back in 1:42", "74/s before, 0/s since: stopped", "k keep")
	a.press("a")
	a.see("one change at a time")
	a.press("4")
	a.see("APPLIED net.core.somaxconn")
	a.press("7", "k")
	a.see("Kept", "whydrop rollback 20260301-030102-811")
	if s := a.screen(); strings.Contains(s, "goes back in") {
		t.Errorf("it still counts down:\n%s", s)
	}
	a.press("esc", "8")
	report, err := a.m.report.report(a.m)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| applied | net.core.somaxconn 128 -> 4096 (Raise net.core.somaxconn) |", "| kept | net.core.somaxconn 128 -> 4096; TcpExt.ListenOverflows 74/s before, 0/s since: stopped",
		"applied at 03:01:00 UTC: net.core.somaxconn 128 -> 4096; TcpExt.ListenOverflows 74/s before, 0/s since: stopped; kept",
	} {
		if !strings.Contains(strings.ReplaceAll(report, "&gt;", ">"), want) {
			t.Errorf("the report does not tell %q", want)
		}
	}
	if got := fmt.Sprint(a.fake.did); got != "[make keep false]" {
		t.Errorf("did %s", got)
	}
}

// TestAStepThatDoesNotHelp says so, and is taken back.
func TestAStepThatDoesNotHelp(t *testing.T) {
	a := applying(t, 80, 24)
	a.press("a", "y")
	a.pass(12, 74)
	a.see("74/s before, 74/s since: unchanged")
	a.press("b")
	a.see("Taken back", "net.core.somaxconn is 128 again", "unchanged")
	if got := fmt.Sprint(a.fake.did); got != "[make undo]" {
		t.Errorf("did %s", got)
	}
	a.pass(1, 0)
	if e := a.m.kase.Applied[0].Effect; e.Outcome != checklist.Unchanged {
		t.Errorf("it is still counted after it was taken back: %v", e)
	}
}

// TestItGoesBackByItself says so on every screen, with the reason.
func TestItGoesBackByItself(t *testing.T) {
	a := applying(t, 80, 24)
	a.press("a", "y", "3")
	a.pass(121, 0)
	a.see("going back now")
	a.fake.gone = true
	a.pass(1, 0)
	a.see("WENT BACK BY ITSELF: net.core.somaxconn")
	a.press("7")
	a.see("nobody kept it within 2:00")
	a.press("esc")
	if s := a.screen(); strings.Contains(s, "WENT BACK BY ITSELF:") {
		t.Errorf("it is told for ever:\n%s", s)
	}

	a = applying(t, 80, 24)
	a.press("a", "y")
	a.fake.gone, a.fake.goneErr = true, errors.New("net.core.somaxconn is 8192 now: somebody else changed it")
	a.pass(1, 0)
	a.see("NOT TAKEN BACK", "somebody else changed it", "whydrop rollback")
}

// TestLeavingWithAChange asks, and takes it back unless it is kept.
func TestLeavingWithAChange(t *testing.T) {
	for keys, want := range map[string]string{
		"q\r": "[make undo]", "qb": "[make undo]", "qy": "[make undo]", "qq": "[make undo]", "qk": "[make keep false]", "qn": "[make]",
	} {
		a := applying(t, 80, 24)
		a.press("a", "y", "1", "q")
		a.see("not kept")
		k := tea.KeyPressMsg{Code: rune(keys[1]), Text: keys[1:]}
		if keys[1] == '\r' {
			k = tea.KeyPressMsg{Code: tea.KeyEnter}
		}
		_, cmd := a.m.Update(k)
		quits := false
		if cmd != nil {
			_, cmd = a.m.Update(cmd())
		}
		if cmd != nil {
			_, quits = cmd().(tea.QuitMsg)
		}
		if got := fmt.Sprint(a.fake.did); got != want || quits != (keys != "qn") {
			t.Errorf("%q: did %s, quits %v; want %s", keys, got, quits, want)
		}
	}
	// What cannot be taken back is told before one is gone.
	a := applying(t, 80, 24)
	a.fake.undo = errors.New("permission denied")
	a.press("a", "y", "q", "b")
	a.see("NOT TAKEN BACK", "permission denied")
}

// TestAChangeIsNotTakenForAnother drops what is told late of the one before.
func TestAChangeIsNotTakenForAnother(t *testing.T) {
	a := applying(t, 80, 24)
	a.press("a", "y", "b")
	first := a.fake
	second := *first
	a.fake = &second
	a.press("a", "y")
	a.send(goneMsg{of: first, gone: true})
	a.send(tickMsg{first})
	a.see("APPLIED", "goes back in 2:00")

	// The time is over in the moment in which it is to be kept.
	a = applying(t, 80, 24)
	a.press("a", "y")
	a.fake.keep = errors.New("it is not there any more")
	a.press("k")
	a.see("not kept: it is not there any more")
	a.at = a.at.Add(checklist.KeepWithin)
	a.fake.gone = true
	a.pass(1, 0)
	a.see("WENT BACK BY ITSELF")
}

// TestFailuresOfAChange tells what is wrong, and what is the case then.
func TestFailuresOfAChange(t *testing.T) {
	a := applying(t, 80, 24)
	a.fake.makes = errors.New("net.core.somaxconn is 512 by now, it was 128: look again")
	a.press("a", "y")
	a.see("Not applied", "look again", "sysctl -w net.core.somaxconn=")
	if len(a.m.kase.Applied) > 0 {
		t.Error("it counts as applied")
	}
	a.press("esc")
	a.see("1. Raise net.core.somaxconn")

	a = applying(t, 80, 24)
	a.fake.keep = errors.New("the disk is full")
	a.press("a", "y", "k")
	a.see("not kept: the disk is full", "goes back in")

	a = applying(t, 80, 24)
	a.m.options.Apply = nil
	a.press("a")
	a.see("nothing can be applied here")

	// Where the question is longer than the screen it scrolls, the plan behind it not.
	a = applying(t, 40, 10)
	at := a.m.plan.at
	a.press("a")
	before := a.screen()
	a.press("down", "down")
	if a.m.plan.at != at || a.screen() == before {
		t.Errorf("down below the question:\n%s", a.screen())
	}

	a = applying(t, 80, 24)
	a.press("1", "a")
	a.see("7 goes there")
}
