package checklist

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whydrop/probes/apply"
)

// ofOneQueue are settings of one token bucket.
func ofOneQueue() []apply.Change {
	return []apply.Change{
		{Knob: "qdisc", Of: "shaped0", Field: "1: limit", To: "300000"},
		{Knob: "qdisc", Of: "shaped0", Field: "1: rate", To: "24mbit"},
		{Knob: "qdisc", Of: "shaped0", Field: "1: burst", To: "30280"},
	}
}

// haveValues makes sure that of some settings those that were taken have the wanted
// value, and the others that of before.
func haveValues(t *testing.T, changes []apply.Change, before []apply.State, taken string) {
	t.Helper()
	for i, c := range changes {
		want := c
		if !strings.Contains(taken, string('1'+rune(i))) {
			want.To = before[i].Text
		}
		if now, err := c.Read(); err != nil || !want.Reached(now) {
			t.Errorf("taken %s: %s is %s, wanted %s: %v", taken, c.Name(), now.Text, want.To, err)
		}
	}
}

// TestSettingsOfOneQueue takes the steps of a plan that is written once, in any order
// and not all of them: a command of tc tells all parameters of a queue, and must not
// take back what another step has set.
func TestSettingsOfOneQueue(t *testing.T) {
	inHost(t, "eth0")
	changes := ofOneQueue()
	e := exportOf(apply.Change.Read, changes...)
	var before []apply.State
	for _, s := range e.Steps {
		if s.Settings[0].Was == nil {
			t.Skip("this kernel has no tbf")
		}
		before = append(before, *s.Settings[0].Was)
	}
	dir := t.TempDir()
	script, state := writeScript(t, dir, e), filepath.Join(dir, "before")
	was := picture(t, "eth0")
	for _, taken := range []string{"1 2 3", "3 2 1", "2 1", "1", "2", "3", "2 3 1"} {
		for range 2 {
			if out, err := runScript(t, script, "", append([]string{"-y", "-s", state}, strings.Fields(taken)...)...); err != nil {
				t.Fatalf("taken %s: %v\n%s", taken, err, out)
			}
			haveValues(t, changes, before, taken)
		}
		if out, err := runScript(t, script, "", "-s", state, "undo"); err != nil || picture(t, "eth0") != was {
			t.Errorf("undo of %s: %v\n%s%s", taken, err, differences(was, picture(t, "eth0")), out)
		}
	}
	for _, taken := range []string{"1 2", "2 1", "1", "2"} {
		for _, n := range strings.Fields(taken) {
			_, run, _, ok := ansibleCommands(e.Steps[n[0]-'1'].Settings[0])
			if !ok {
				t.Fatal("no task")
			}
			var words []string
			for _, w := range run.Content {
				words = append(words, w.Value)
			}
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", words, err, out)
			}
		}
		haveValues(t, changes, before, taken)
		undo(t, changes, before)
	}
	takenByHand(t, e, changes, before)
	if now := picture(t, "eth0"); now != was {
		t.Error("not as before:\n" + differences(was, now))
	}
}

// takenByHand takes the steps by the commands that the text shows, in their order, and
// takes them back, the last first.
func takenByHand(t *testing.T, e *Export, changes []apply.Change, before []apply.State) {
	t.Helper()
	run := func(command string) {
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	for i, taken := range []string{"1", "1 2", "1 2 3"} {
		run(e.Steps[i].Settings[0].Words.Run)
		haveValues(t, changes, before, taken)
	}
	for i, taken := range []string{"1 2", "1", ""} {
		run(e.Steps[2-i].Settings[0].Words.Undo)
		haveValues(t, changes, before, taken)
	}
}

// undo sets the values of before one by one, each by what was there at that moment.
func undo(t *testing.T, changes []apply.Change, before []apply.State) {
	t.Helper()
	for i, c := range slices.Backward(changes) {
		c.To = before[i].Text
		x := readSetting(c, apply.Change.Read)
		if out, err := exec.Command("sh", "-c", x.Words.Run).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", x.Words.Run, err, out)
		}
	}
}

// TestWithParameters changes parameters of commands; what stands before them can have
// the same name.
func TestWithParameters(t *testing.T) {
	for _, c := range []struct{ command, want string }{
		{"tc qdisc change dev rate root handle 1: tbf rate 6mbit burst 2000 limit 30000", "tc qdisc change dev rate root handle 1: tbf rate 24mbit burst 2000 limit 30000"},
		{`tc qdisc change dev 'a;b' root handle 1: tbf rate 6mbit`, `tc qdisc change dev 'a;b' root handle 1: tbf rate 24mbit`},
		{"tc qdisc change dev eth0 root handle 1: pfifo limit 3", "tc qdisc change dev eth0 root handle 1: pfifo limit 3"},
		{"a; b rate 3", "a; b rate 3"},
		{"", ""},
	} {
		if got := withParameters(c.command, map[string]string{"rate": "24mbit"}); got != c.want {
			t.Errorf("%q: %q", c.command, got)
		}
	}
}
