package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"whydrop/probes/fact"
)

// Esc shuts what f opened; only then it leaves the screen.
func TestEscShutsHowToFindOut(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "4", "1", "f")
	o.see("How to find out")
	o.press("esc")
	o.see("[1 Walk]", "This host, last")
	o.press("esc")
	o.see("[4 Journey]")
}

// Where there is no room for the measurements beside the options, they take their
// place and all of them can be read.
func TestAllOfTheMeasurementsOnASmallScreen(t *testing.T) {
	for _, key := range []string{"f", "pgdown"} {
		o := sitDown(t, 40, 10)
		o.press("enter")
		o.screen()
		o.press(key)
		o.see("This host, last 15 s")
		seen := o.screen()
		for range 30 {
			o.press("pgdown")
			seen += o.screen()
		}
		for _, text := range []string{"2 of 40 sending", "How to find out", "Why it is asked"} {
			if !strings.Contains(seen, text) {
				t.Errorf("after %s: %q is never to be seen", key, text)
			}
		}
		o.press("esc")
		o.see("[1 Walk]", "> [ ]")
	}
}

// A key that belongs to the questions says so elsewhere, instead of nothing.
func TestKeysOfTheQuestionsElsewhere(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter")
	for _, screen := range []string{"3", "4", "7"} {
		for _, key := range []string{"n", "d", "f", "g"} {
			o.press(screen, key)
			o.see(key + " is for the questions: 1 goes there")
		}
	}
}

func TestDontKnowSaysThatItWentOn(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "d")
	o.see("Q1a: don't know. This is Q1b; b goes back", "Q1b, 2 of 20")
}

// A small screen still says what is asked for.
func TestPromptsSayWhatTheyAskFor(t *testing.T) {
	o := sitDown(t, 40, 10)
	o.m.options.Try = (&fakeTrial{}).try
	for keys, want := range map[string]string{"t": "try (sends)>", "m": "mark 03:01:00:"} {
		o.press("enter", keys)
		o.see(want)
		o.press("esc")
	}
	o.resize(80, 24)
	o.press("m")
	o.see("enter ends, esc leaves")
}

// What just happened is told in full.
func TestALongNoticeTakesMoreLines(t *testing.T) {
	o := sitDown(t, 40, 10)
	o.press("enter")
	o.m.notice = "the report could not be written: open /var/lib/reports/2026: permission denied"
	o.see("permission denied", "could not be written")
	if n := len(o.m.draw()); n != 10 {
		t.Errorf("the screen has %d lines", n)
	}
	o.press("down")
	o.see("keys")
}

// A chart stands only beside the number that a sentence is about.
func TestAChartIsOfTheFirstNumber(t *testing.T) {
	o := sitDown(t, 80, 24)
	for _, tt := range []struct {
		question string
		retrans  float64
		says, of string
	}{
		{"Q1a", 0, "no connection retransmitted; ", ""},
		{"Q1a", 2, "2 of 40 sending connections retransmitted", "tcp.flows_retrans"},
		{"Q3b", 2, "retransmitted: ", "Tcp.RetransSegs"},
	} {
		f := quietHost(o.m.kase.Book.Facts)
		f.Gauge("tcp.flows_retrans", tt.retrans)
		o.send(factsMsg{f})
		q, found := o.m.kase.Book.Question(tt.question), false
		for _, e := range o.m.diagnosis.Evidence(q) {
			if !strings.HasPrefix(e.Says, tt.says) {
				continue
			}
			found = true
			if got := subject(q, e); got != tt.of {
				t.Errorf("%s: the chart is of %q, want %q", e.Says, got, tt.of)
			}
		}
		if !found {
			t.Errorf("%s does not say %q", tt.question, tt.says)
		}
	}
}

// What cannot be seen stands together by what would let it.
func TestWhatCannotBeSeenIsGroupedByNeed(t *testing.T) {
	o := sitDown(t, 80, 24)
	f := quietHost(o.m.kase.Book.Facts)
	f.Blind = nil
	f.CannotSee("filters", "firewall rules", "CAP_NET_ADMIN")
	f.CannotSee("log", "the kernel log", "CAP_SYSLOG")
	f.CannotSee("bpf", "BPF programs", "CAP_NET_ADMIN")
	f.CannotSee("settings", "what nobody can see", "")
	f.Probes = append(f.Probes, fact.Status{Name: "history", Status: "skipped", Why: "history: no records: not available: needs the sysstat package"})
	o.send(factsMsg{f})
	got := ansi.Strip(strings.Join(o.m.blindLines(100), "\n"))
	want := strings.Join([]string{
		"Cannot be seen", "? needs CAP_NET_ADMIN: firewall rules; BPF programs", "? the kernel log: needs CAP_SYSLOG",
		"? what nobody can see", "? history (skipped): no records: needs the sysstat package",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := ansi.Strip(strings.Join(o.m.blindIn(100, 3), "\n")); !strings.HasSuffix(got, "  and 3 more") {
		t.Errorf("what has no room is not counted:\n%s", got)
	}
}
