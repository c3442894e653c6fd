package plain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

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
	makes error
	gone  bool
	did   []string
}

func (f *fakeAttempt) Settings() []checklist.SettingChange {
	return []checklist.SettingChange{{
		Name: "net.core.somaxconn", Was: "128", To: "4096",
		Run: "sysctl -w net.core.somaxconn=4096", Undo: "sysctl -w net.core.somaxconn=128",
		Keep: []string{"net.core.somaxconn = 4096 in /etc/sysctl.d/90-whydrop.conf"},
	}}
}

func (f *fakeAttempt) Make() (time.Time, error) {
	f.did = append(f.did, "make")
	return began.Add(15*time.Second + checklist.KeepWithin), f.makes
}

func (f *fakeAttempt) Keep(reboot bool) (string, error) {
	f.did = append(f.did, fmt.Sprint("keep ", reboot))
	return "whydrop rollback 20260301-030102-811 takes it back any time", nil
}

func (f *fakeAttempt) Undo() error {
	f.did = append(f.did, "undo")
	return nil
}

func (f *fakeAttempt) Gone() (bool, error) { return f.gone, nil }

// typing has somebody type lines at a host where a step can be applied. The lines are
// handed over one by one, as a terminal does.
func typing(t *testing.T, f *fakeAttempt, change func(*Options), lines ...string) string {
	t.Helper()
	in, w := io.Pipe()
	go func() {
		for _, l := range lines {
			_, _ = io.WriteString(w, l+"\n")
		}
		_ = w.Close()
	}()
	out, _, err := talk(t, limitedHost, in, func(o *Options) {
		o.Typed = true
		o.Apply = func(context.Context, checklist.PlanStep) (checklist.Attempt, error) { return f, nil }
		if change != nil {
			change(o)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestApply asks before anything is changed, and does what is said then.
func TestApply(t *testing.T) {
	for _, tt := range []struct {
		name  string
		typed []string
		did   string
		says  []string
	}{
		{"kept", []string{"apply 1", "y", "keep", "quit"}, "[make keep false]", []string{"net.core.somaxconn 128 -> 4096.", "sysctl -w net.core.somaxconn=128\n", "Apply it, y or n:", "Nothing is changed yet", "(applied, back in 2:00)", "kept: whydrop rollback"}},
		{"kept over a reboot", []string{"apply 1", "yes", "keep reboot", "quit"}, "[make keep true]", []string{"Written: net.core.somaxconn = 4096 in"}},
		{"taken back", []string{"apply 1", "y", "undo", "undo", "quit"}, "[make undo]", []string{"taken back.", "No change waits"}},
		{"not agreed to", []string{"apply 1", "n", "keep", "quit"}, "[]", []string{"Nothing was changed.", "No change waits to be kept."}},
		{"an answer is no consent", []string{"apply 1", "1", "quit"}, "[]", []string{"Nothing was changed."}},
		{"an empty line is no consent", []string{"apply 1", "", "quit"}, "[]", []string{"Nothing was changed."}},
		{"ended without a word", []string{"apply 1", "y", "quit", ""}, "[make undo]", []string{"The change is not kept.", "taken back", "Ended."}},
		{"ended and kept", []string{"apply 1", "y", "quit", "keep"}, "[make keep false]", []string{"Ended."}},
		{"not ended after all", []string{"apply 1", "y", "quit", "stay", "undo", "quit"}, "[make undo]", []string{"Not ended."}},
		{"two at a time", []string{"apply 1", "y", "apply 1", "undo", "quit"}, "[make undo]", []string{"One change at a time"}},
		{"no such step", []string{"apply 9", "apply x", "apply", "quit"}, "[]", []string{"There is no step 9.", "There is no step x.", "apply needs the number of a step"}},
		{"somebody else's step", []string{"apply 2", "y", "quit"}, "[]", []string{"Step 2 is yours to take"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeAttempt{}
			out := typing(t, f, nil, tt.typed...)
			if got := fmt.Sprint(f.did); got != tt.did {
				t.Errorf("did %s, want %s", got, tt.did)
			}
			flat := strings.Join(strings.Fields(out), " ")
			for _, want := range tt.says {
				if !strings.Contains(flat, strings.Join(strings.Fields(want), " ")) {
					t.Errorf("%q is not said:\n%s", want, out)
				}
			}
		})
	}
}

// TestApplyFails says why, and how to do it by hand.
func TestApplyFails(t *testing.T) {
	f := &fakeAttempt{makes: errors.New("net.core.somaxconn is 512 by now")}
	out := typing(t, f, nil, "apply 1", "y", "keep", "quit")
	if !strings.Contains(out, "Not applied: net.core.somaxconn is 512 by now.") || !strings.Contains(out, "No change waits") {
		t.Error(out)
	}
	out = typing(t, f, func(o *Options) {
		o.Apply = func(context.Context, checklist.PlanStep) (checklist.Attempt, error) {
			return nil, errors.New("the right is missing")
		}
	}, "apply 1", "y", "quit")
	if !strings.Contains(out, "Not applied: the right is missing.") || !strings.Contains(out, "By hand:\nsysctl -w net.core.somaxconn=4096\n") {
		t.Error(out)
	}
	out = typing(t, f, func(o *Options) { o.Apply = nil }, "apply 1", "quit")
	if !strings.Contains(out, "Nothing can be applied here") {
		t.Error(out)
	}
}

// TestItGoesBackByItself tells so before the next prompt.
func TestItGoesBackByItself(t *testing.T) {
	f := &fakeAttempt{gone: true}
	out := typing(t, f, func(o *Options) {
		n := 0
		o.now = func() time.Time { n++; return began.Add(15*time.Second + time.Duration(n)*time.Minute) }
	}, "apply 1", "y", "keep", "quit")
	flat := strings.Join(strings.Fields(out), " ")
	if !strings.Contains(flat, "went back by itself: nobody kept it within 2:00") || strings.Contains(fmt.Sprint(f.did), "keep") {
		t.Errorf("did %v:\n%s", f.did, out)
	}
}

// TestPipedInputAppliesNothing whatever it says.
func TestPipedInputAppliesNothing(t *testing.T) {
	f := &fakeAttempt{}
	out, _, err := talk(t, limitedHost, bytes.NewReader([]byte("apply 1\ny\nkeep\n")), func(o *Options) {
		o.Apply = func(context.Context, checklist.PlanStep) (checklist.Attempt, error) { return f, nil }
	})
	if err != nil || len(f.did) > 0 || !strings.Contains(out, "piped applies nothing") {
		t.Errorf("%v, did %v:\n%s", err, f.did, out)
	}
}
