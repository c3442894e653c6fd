package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodTrial = `measures:
  - {id: ours, title: Ours, value: rate(TcpExt.TCPTimeouts), better: less}
trials:
  - id: our-trial
    title: Ours
    knob: txqueuelen
    of: "{link.name}"
    to: "{link.txqueuelen * 2}"
    takes: packets
    on: interface
    each: link
    link: link.name
    settle: 2
    block: 5
    measures: [ours]
    causes: [qdisc.overflow]
    why: because
    risk: none
    mind: at once
    sources: [a runbook]
`

// A trial of an organisation's own is added; one with a mistake is told with the
// line of the mistake.
func TestTrialsAreChecked(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"right", "", "", ""},
		{"an unknown measure", "[ours]", "[theirs]", `unknown measure "theirs"`},
		{"an unknown cause", "[qdisc.overflow]", "[qdisc.underflow]", `unknown cause "qdisc.underflow"`},
		{"an unknown fact", "TcpExt.TCPTimeouts", "TcpExt.TCPTimeout", ":2: "},
		{"an unknown field", "link.txqueuelen * 2", "link.txqueue * 2", ":8: "},
		{"an unknown table", "each: link", "each: wire", "wire is not a table"},
		{"no risk", "    risk: none\n", "", "expected risk"},
		{"no source", "    sources: [a runbook]\n", "", "expected sources"},
		{"on something else", "on: interface", "on: sunday", `is on "sunday"`},
		{"no interface", "    link: link.name\n", "", "expected link"},
		{"neither better", "better: less", "better: lower", `better is "lower"`},
		{"no time to settle", "settle: 2", "settle: 0", "settles for 0 s"},
		{"a misspelt key", "settle: 2", "settles: 2", "settles"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "ours.yaml"), []byte(strings.Replace(goodTrial, c.old, c.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			book, err := Load(dir)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				if book.Trial("our-trial") == nil || book.Trial("mtu-probing") == nil || book.Measure("ours") == nil {
					t.Error("a trial or a measure is missing")
				}
			case err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
}

// What a trial measures, a probe yields: the names are those that are looked for when
// the host is observed.
func TestMeasuresNameTheirProbes(t *testing.T) {
	book := mustLoad(t)
	for _, m := range book.Measures {
		for _, p := range m.Probes(book.Facts) {
			if p != "counters" && p != "sockets" && p != "links" && p != "resources" {
				t.Errorf("%s needs the probe %q, which is dear or not there", m.ID, p)
			}
		}
		if len(m.Probes(book.Facts)) == 0 {
			t.Errorf("%s needs no probe", m.ID)
		}
	}
	if got := strings.Join(book.Trial("txqueuelen").Probes(book.Facts), " "); got != "links" {
		t.Errorf("txqueuelen needs %q", got)
	}
	if got := strings.Join(book.Trial("receive-ceiling").Probes(book.Facts), " "); got != "settings" {
		t.Errorf("receive-ceiling needs %q", got)
	}
}

func TestMeasuresShow(t *testing.T) {
	book := mustLoad(t)
	for id, want := range map[string]string{"retransmitted": "1.2 %", "timeouts": "0.012 per s", "sent": "0 B/s", "rtt": "<0.1 ms"} {
		if got := book.Measure(id).Show(0.0123); !strings.HasPrefix(got, strings.TrimSuffix(want, " per s")) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}
