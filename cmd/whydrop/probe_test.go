package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"whydrop/content"
	"whydrop/probes/fact"
)

func shown(t *testing.T, f *fact.Facts, gaps []gap, width int, all bool) string {
	t.Helper()
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := &sheet{w: bufio.NewWriter(&out), width: width}
	if err := showProbe(s, probeInfo{Name: "made up", Status: "ok"}, f, gaps, book.Facts, all); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestAProbeIsShown: what moved stands apart from history, what all rows share is
// told once, and rows are bounded.
func TestAProbeIsShown(t *testing.T) {
	f := fact.New(time.Now(), 1)
	f.Count("Tcp.RetransSegs", 12, 3000)
	f.Count("Tcp.OutRsts", 0, 77)
	f.Count("Tcp.InErrs", 0, 0)
	f.Table("peer")
	for i := range 25 {
		f.Add("log", fact.Row{"name": fmt.Sprintf("message %d", i), "text": fmt.Sprintf("message %d at length", i), "age_s": float64(100 - i), "level": 3.0, "fresh": false})
	}
	got := shown(t, f, []gap{{What: "the log of others", Capabilities: []string{"CAP_SYSLOG"}}}, 80, false)
	for _, want := range []string{
		"Tcp.RetransSegs   12   3000  segments\n", "segments", "Tcp.OutRsts=77", "shown with --all: 1",
		"message 24 at length", "every row: fresh no, level 3", "5 more rows", "Tables without a row: peer",
		"the log of others: CAP_SYSLOG",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Index(got, "message 24") > strings.Index(got, "message 20") || strings.Contains(got, "message 1 ") {
		t.Error("the youngest messages do not come first")
	}
	if t.Failed() {
		t.Log(got)
	}
	if all := shown(t, f, nil, 80, true); !strings.Contains(all, "Tcp.InErrs") || !strings.Contains(all, "message 1 at") {
		t.Errorf("--all leaves something out:\n%s", all)
	}
}

// TestWhatComesFromOutsideIsShownEscaped: names of processes, interfaces and
// messages never reach the terminal as they are.
func TestWhatComesFromOutsideIsShownEscaped(t *testing.T) {
	const evil = "a\x1b[2J\x9b31m\nb\x07\u202e"
	f := fact.New(time.Now(), 1)
	f.Host = evil
	f.Text("host.os", evil)
	for i := range 3 {
		f.Add("link", fact.Row{"name": fmt.Sprint(evil, i), "kind": evil, "driver": fmt.Sprint(i, evil), evil: evil})
	}
	f.Add("listener", fact.Row{"process": evil}) // and without a name
	f.Tables[evil] = []fact.Row{{"name": evil}}
	for _, width := range []int{minWidth, 40, 80, maxWidth} {
		got := shown(t, f, []gap{{What: evil, Needs: evil}}, width, false)
		for _, r := range got {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%U reaches the terminal %d wide:\n%q", r, width, got)
			}
		}
	}
}

func TestWhatIsShownFitsTheWidth(t *testing.T) {
	f := fact.New(time.Now(), 1)
	f.Count("TcpExt.TCPSpuriousRtxHostQueues", 3, 123456789012)
	f.Text("host.os", strings.Repeat("wide ", 20))
	for i := range 4 {
		f.Add("link", fact.Row{
			"name": fmt.Sprint("a-rather-long-interface-", i), "kind": fmt.Sprint("kind", i), "rx_packets": float64(i * 1e9),
			"rx_packets_total": float64(i * 1e12), "driver": strings.Repeat("x", 30+i), "up": i%2 == 0,
		})
	}
	for _, width := range []int{40, 60, 80, 132} {
		for _, all := range []bool{false, true} {
			for l := range strings.Lines(shown(t, f, nil, width, all)) {
				if n := len([]rune(strings.TrimSuffix(l, "\n"))); n > width {
					t.Errorf("%d of %d columns: %q", n, width, l)
				}
			}
		}
	}
}

func TestUnknownProbesGetAHint(t *testing.T) {
	sources := []fact.Source{stub{}}
	if got := unknownProbe("filter", sources).Error(); !strings.Contains(got, "did you mean filters?") {
		t.Error(got)
	}
	if got := unknownProbe("\x1b[2J", sources).Error(); strings.Contains(got, "\x1b") || strings.Contains(got, "mean") {
		t.Errorf("%q", got)
	}
}
