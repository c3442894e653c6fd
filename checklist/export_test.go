package checklist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"whydrop/content"
	"whydrop/probes/apply"
)

// exportOf is a plan of one step a change, as the host has it.
func exportOf(read func(apply.Change) (apply.State, error), changes ...apply.Change) *Export {
	e := &Export{Host: "db1", Kernel: "6.12.0", Made: time.Date(2026, 3, 1, 3, 5, 0, 0, time.UTC), Verdict: Fault, Headline: "FAULT: a test"}
	for i, c := range changes {
		s := ExportStep{Number: i + 1, PlanStep: PlanStep{
			Cause:  &content.Cause{ID: "listen.accept-queue-full", Title: "The accept queue overflows"},
			Remedy: &content.Remedy{ID: "longer", Title: "A longer queue", Kind: "sysctl"},
			Change: "set it", Why: "42 attempts found it full", Changes: []apply.Change{c},
		}}
		s.Settings = []Setting{readSetting(c, read)}
		s.Instead = e.sets(c)
		e.Steps = append(e.Steps, s)
	}
	e.together()
	return e
}

func written(t *testing.T, e *Export, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.Write(&b, format); err != nil {
		t.Fatal(format, err)
	}
	return b.String()
}

// hostileName is a name that the kernel takes for an interface and that a shell,
// Ansible and a regular expression would each take for something else.
const hostileName = "`a;$(b)'\"{{*.c"

// hiddenName is not to be shown as it is: it writes from right to left.
const hiddenName = "e\u202e\\%s'\u00e9"

// knobChanges are changes of every kind that an interface made of software takes.
func knobChanges(device string) []apply.Change {
	return []apply.Change{
		{Knob: "sysctl", Of: "net.core.somaxconn", To: "8192"},
		{Knob: "sysctl", Of: "net.ipv4.ip_local_port_range", To: "15000 60999"},
		{Knob: "sysctl", Of: "net/ipv4/conf/" + device + "/rp_filter", To: "2"},
		{Knob: "txqueuelen", Of: device, To: "2345"},
		{Knob: "feature", Of: device, Field: "gro", To: "on"},
		{Knob: "feature", Of: device, Field: "sg", To: "off"},
		{Knob: "rps", Of: device, To: "all"},
		{Knob: "xps", Of: device, Field: "tx-0", To: "1"},
		{Knob: "qdisc", Of: device, Field: "5: limit", To: "300"},
		{Knob: "qdisc", Of: "fifo0", To: "default"},
		{Knob: "qdisc", Of: "shaped0", Field: "1: limit", To: "70000"},
		{Knob: "qdisc", Of: "shaped0", Field: "1: rate", To: "24mbit"},
		{Knob: "qdisc", Of: "classy0", Field: "1:10 ceil", To: "80mbit"},
		{Knob: "qdisc", Of: "classy0", Field: "1:10 leaf", To: "bfifo limit 300000"},
		{Knob: "qdisc", Of: "nested0", Field: "1: rate", To: "12mbit"},
		{Knob: "qdisc", Of: "nested0", Field: "2: limit", To: "60"},
		{Knob: "qdisc", Of: "bare0", To: "pfifo limit 500"},
		{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "1300"},
		{Knob: "route", Of: "fd00:20::/64", Field: "mtu", To: "1300"},
		{Knob: "route", Of: "default", Field: "advmss", To: "1200"},
		{Knob: "route", Of: "10.21.0.0/16", Field: "mtu", To: "none"},
		{Knob: "route", Of: "blackhole 10.66.0.0/16", To: "gone"},
		{Knob: "route", Of: "prohibit 10.67.0.0/16 table 77", To: "gone"},
	}
}

func TestQuantities(t *testing.T) {
	for in, want := range map[string]string{
		"80mbit": "80000000p?|80000000bit|80000kbit|80mbit", "1500kbit": "1500000p?|1500000bit|1500kbit", "300": "300p?|300b",
		"65536": "65536p?|65536b|64kb", "1mb": "1048576p?|1048576b|1024kb|1mb", "x.y": `x\.y`, "": "",
	} {
		if got := quantities(in); got != want {
			t.Errorf("%q is shown as %s, wanted %s", in, got, want)
		}
	}
}

var hostile = []string{
	"", " ", "-n", "eth0", "it's", `"`, "`reboot`", "$(reboot)", "${PATH}", "a\nreboot\n", "a\r\nreboot", "\\", `\'`, "'; reboot; '", "#", "a#b", "*", "~", "!x", "{{ 7*7 }}",
	"{% raw %}", "{# x #}", "%s%n", "\x1b[2J", "\u202e", "\U000e0001", "é", "\xff\xfe", "a\tb", "&&", "|", ">x", "[", "a=b", ": |", "- x", "EOF", "--", "}}", "esac", ";;", ")",
}

// TestQuotingRoundTrips lets a shell print quoted words: every byte comes back.
func TestQuotingRoundTrips(t *testing.T) {
	words := append([]string{}, hostile...)
	for _, a := range hostile {
		for _, b := range hostile {
			words = append(words, a+b)
		}
	}
	var script, want strings.Builder
	for _, w := range words {
		fmt.Fprintf(&script, "printf '%%s\\0' %s\n", apply.Quote(w))
		want.WriteString(w + "\x00")
		if one := strings.TrimRight(w, "\n"); !strings.Contains(one, "\x00") {
			fmt.Fprintf(&script, "printf '%%s\\0' %s\n", quote(one))
			want.WriteString(one + "\x00")
		}
	}
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("needs sh")
	}
	if err != nil || string(out) != want.String() {
		t.Errorf("%v: %d bytes came back of %d", err, len(out), want.Len())
	}
	for _, w := range words {
		if got, err := shellWords("x " + apply.Quote(w) + " y"); err != nil || len(got) != 3 || got[1] != w {
			t.Errorf("%q is parted into %q: %v", w, got, err)
		}
	}
}

// hostileExport has the text wherever text from outside can stand.
func hostileExport(s string) *Export {
	read := func(apply.Change) (apply.State, error) { return apply.State{Text: s}, nil }
	unread := func(apply.Change) (apply.State, error) { return apply.State{}, errors.New(s) }
	e := exportOf(read, apply.Change{Knob: "sysctl", Of: "net.core.somaxconn", To: "1"})
	for _, c := range []apply.Change{
		{Knob: "sysctl", Of: "net/ipv4/conf/" + s + "/rp_filter", To: "2"}, {Knob: "sysctl", Of: "net.core.default_qdisc", To: s}, {Knob: "txqueuelen", Of: s, To: "5"},
		{Knob: "ring", Of: s, Field: "rx", To: "5"}, {Knob: "rps", Of: s, To: "all"}, {Knob: "qdisc", Of: s, To: "fq"}, {Knob: "feature", Of: s, Field: s, To: "on"},
	} {
		if c.Check() == nil {
			e.Steps = append(e.Steps, exportOf(read, c).Steps...)
			e.Steps = append(e.Steps, exportOf(unread, c).Steps...)
		}
	}
	e.Host, e.Kernel, e.Headline = s, s, s
	for i := range e.Steps {
		p := &e.Steps[i]
		p.Number = i + 1
		p.Remedy = &content.Remedy{Title: s, Kind: "investigate"}
		p.Cause = &content.Cause{ID: "x.y", Title: s}
		p.Current, p.Value, p.Calculation, p.Change, p.Why, p.Effect, p.Risk, p.Scope = s, s, s, s, s, s, s, s
		p.Runtime, p.Persist, p.Keep, p.Rollback, p.Verify, p.Ask, p.Needs = s, s, s, s, s, s, s
	}
	text := e.Steps[0]
	text.Settings, text.Number = nil, len(e.Steps)+1
	e.Steps = append(e.Steps, text)
	return e
}

// sysctlLines are what a file of sysctls may have.
var sysctlLines = regexp.MustCompile(`(?m)^(#.*|net\.core\.(somaxconn|default_qdisc) = .*|net/ipv4/conf/[^/]*/rp_filter = 2|)\n`)

// safe finds fault with the exports of a hostile text.
func safe(t *testing.T, s string) {
	e := hostileExport(s)
	for _, format := range Formats {
		text := written(t, e, format)
		if i := strings.IndexAny(text, "\x00\x07\x1b\r\x7f\u009b\u202e\U000e0001"); i >= 0 {
			t.Errorf("%s of %q has a control character: %q", format, s, text[i:min(len(text), i+20)])
		}
		switch format {
		case "sh":
			cmd := exec.Command("sh", "-n")
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil && !errors.Is(err, exec.ErrNotFound) {
				t.Errorf("sh -n of %q: %v\n%s", s, err, out)
			}
		case "sysctl":
			if l := sysctlLines.ReplaceAllString(text, ""); l != "" {
				t.Errorf("sysctl of %q: %q", s, l)
			}
		case "ansible":
			ansibleIsSafe(t, s, text)
		case "json":
			var v map[string]any
			if err := json.Unmarshal([]byte(text), &v); err != nil || v["schema"] != PlanSchema {
				t.Errorf("json of %q: %v", s, err)
			}
		}
	}
}

// ansibleIsSafe finds expressions in strings that are not marked as none.
func ansibleIsSafe(t *testing.T, s, text string) {
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		t.Errorf("ansible of %q: %v\n%s", s, err, text)
		return
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Tag != "!unsafe" && regexp.MustCompile(`\{[{%#]`).MatchString(n.Value) {
			t.Errorf("ansible of %q: %q is an expression", s, n.Value)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&doc)
}

func TestHostileTextsStayTexts(t *testing.T) {
	for _, s := range hostile {
		safe(t, s)
	}
	safe(t, hostileName)
	safe(t, hiddenName)
	safe(t, "e\u009b\xff")
}

// FuzzExport exports plans of any text: they stay well-formed.
func FuzzExport(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { safe(t, s) })
}

// TestScriptNeverExecutesTexts runs a script full of hostile words without consent:
// none of them is executed.
func TestScriptNeverExecutesTexts(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	touch := "touch " + mark
	for _, s := range []string{"$(" + touch + ")", "`" + touch + "`", "\n" + touch + "\n", "'; " + touch + "; '", "\"; " + touch + "\n", ";" + touch, "a\n)\n" + touch + "\n(", "\r\n" + touch} {
		text := written(t, hostileExport(s), "sh")
		cmd := exec.Command("sh", "-s", "--", "-n")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("needs sh")
		}
		if err != nil {
			t.Errorf("%q: %v\n%s", s, err, out)
		}
		if _, err := os.Stat(mark); err == nil {
			t.Fatalf("%q was executed", s)
		}
	}
}

// TestExportOfACase exports the plan of a diagnosis, settings of applications and a
// hostile name in it.
func TestExportOfACase(t *testing.T) {
	c := sickCase(t)
	e := c.Export(c.Diagnose(), time.Date(2026, 3, 1, 3, 5, 0, 0, time.UTC), func(apply.Change) (apply.State, error) { return apply.State{Text: "4096"}, nil })
	if len(e.Steps) == 0 {
		t.Fatal("no steps")
	}
	for format, want := range map[string][]string{
		"text": {"Step 1: ", "FAULT"}, "markdown": {"# Plan for", "### 1. ", "| Change |"}, "sh": {"step_1() {", "undo"},
		"sysctl": {"# Step 1"}, "ansible": {"---\n", "# Step 1"}, "json": {`"schema": "whydrop.plan/1"`, `"number": 1`},
	} {
		text := written(t, e, format)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", format, w, text)
			}
		}
	}
	if err := e.Write(&bytes.Buffer{}, "pdf"); err == nil {
		t.Error("a format that is none is written")
	}
	empty := &Export{Host: "x", Headline: "HEALTHY"}
	for _, format := range Formats {
		written(t, empty, format)
	}
}

// TestQueueOfAClass looks at what Ansible makes of a queue in a class: it is put there
// unless it is there.
func TestQueueOfAClass(t *testing.T) {
	x := Setting{Change: apply.Change{Knob: "qdisc", Of: "eth0", Field: "1:10 leaf", To: "pfifo limit 500"}}
	_, run, reached, ok := queueCommands(x)
	var words []string
	for _, n := range run.Content {
		words = append(words, n.Value)
	}
	if !ok || strings.Join(words, " ") != "tc qdisc replace dev eth0 parent 1:10 pfifo limit 500" {
		t.Errorf("%v, %v", words, ok)
	}
	there := regexp.MustCompile(reached)
	for shown, want := range map[string]bool{
		"qdisc pfifo 8001: parent 1:10 limit 500p":          true,
		"qdisc pfifo 8001: dev eth0 parent 1:10 limit 500p": true,
		"qdisc pfifo 8001: parent 1:10 limit 50p":           false,
		"qdisc pfifo 8001: parent 1:100 limit 500p":         false,
		"qdisc fq_codel 8001: parent 1:10 limit 500p":       false,
	} {
		if there.MatchString(shown) != want {
			t.Errorf("%s: expected %v of %s", shown, want, reached)
		}
	}
	if words, why := (&shell{}).kind(x); words != "" || why == "" {
		t.Errorf("the script of a queue that could not be read: %q, %q", words, why)
	}
}
