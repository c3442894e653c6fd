package checklist

import (
	"bytes"
	"encoding/json"
	unescape "html"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"whydrop/probes/fact"
)

// sickCase is a host whose accept queue overflows, owned by a process with a
// hostile name.
func sickCase(t *testing.T) *Case {
	c := newCase(t, "")
	c.Facts = facts(map[string]float64{
		"TcpExt.ListenOverflows": 42, "TcpExt.ListenDrops": 42, "Tcp.RetransSegs": 0, "TcpExt.TCPSynRetrans": 0,
		"TcpExt.TCPOrigDataSent": 900, "TcpExt.TCPDSACKRecv": 0, "Tcp.PassiveOpens": 100, "Tcp.ActiveOpens": 0, "Tcp.AttemptFails": 0,
	})
	c.Facts.Host, c.Facts.Kernel = "db1|`x`", "6.12.0"
	c.Facts.Gauge("sysctl.net.core.somaxconn", 4096)
	c.Facts.Add("listener", fact.Row{
		"name": "0.0.0.0:5432", "port": 5432.0, "process": "evil|<script>alert(1)</script>\x1b[2J`*", "pid": 811.0,
		"queue": 129.0, "queue_peak": 129.0, "limit": 128.0, "full_share": 1.0, "standing": true, "at_somaxconn": false, "syn_recv": 0.0,
	})
	c.Facts.Probes = []fact.Status{{Name: "counters", Status: "ok", Millis: 1.5}}
	c.Facts.CannotSee("filters", "firewall rules", "CAP_NET_ADMIN")
	if err := c.Answer("Q1a", Answer{Options: []string{"one-application"}, Note: "only <b>postgres</b> | since noon"}); err != nil {
		t.Fatal(err)
	}
	return c
}

func reportOf(t *testing.T, c *Case) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteReport(&b, c.Diagnose(), time.Date(2026, 3, 1, 3, 5, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReportTellsTheCase(t *testing.T) {
	report := reportOf(t, sickCase(t))
	for _, want := range []string{
		"# Incident report", "Verdict | **fault**", "listen.accept-queue-full", "## Scope and answers",
		"Note: only", "### The drop ledger", "TcpExt.ListenOverflows", "## Plan", "Rollback", "## What remains open",
		"firewall rules", "CAP_NET_ADMIN", "### By hand", "nstat", "1042", // the total, as history
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Contains(report, "<no value>") || strings.Contains(report, "%!") {
		t.Error("a value is missing in the report")
	}
}

func TestReportOfAnEmptyCase(t *testing.T) {
	report := reportOf(t, newCase(t, ""))
	if !strings.Contains(report, "Nothing was measured") {
		t.Error(report)
	}
}

func TestReportIsDeterministic(t *testing.T) {
	c := sickCase(t)
	if first, second := reportOf(t, c), reportOf(t, c); first != second {
		t.Error("two reports of one case differ")
	}
}

func TestJSONContract(t *testing.T) {
	var b bytes.Buffer
	c := sickCase(t)
	if err := c.WriteJSON(&b, c.Diagnose(), false); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["schema"] != "whydrop.diagnosis/1" || got["verdict"] != "fault" {
		t.Errorf("schema %v, verdict %v", got["schema"], got["verdict"])
	}
	first := got["causes"].([]any)[0].(map[string]any)
	for _, key := range []string{"id", "title", "hop", "probability", "for", "against", "brief"} {
		if first[key] == nil {
			t.Errorf("a cause lacks %s", key)
		}
	}
	reason := first["for"].([]any)[0].(map[string]any)
	for _, key := range []string{"rule", "says", "facts"} {
		if reason[key] == nil {
			t.Errorf("a reason lacks %s", key)
		}
	}
	for _, key := range []string{"observed", "ledger", "probes", "next"} {
		if got[key] == nil {
			t.Errorf("the diagnosis lacks %s", key)
		}
	}
}

func TestPageReadsWellInATicket(t *testing.T) {
	var b bytes.Buffer
	c := sickCase(t)
	if err := c.WritePage(&b, c.Diagnose()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if !strings.HasPrefix(page, "FAULT: ") {
		t.Errorf("the verdict does not come first:\n%s", page)
	}
	for i, line := range strings.Split(page, "\n") {
		if len([]rune(line)) > pageWidth {
			t.Errorf("line %d is %d wide", i+1, len([]rune(line)))
		}
	}
	if strings.ContainsAny(page, "\x1b") {
		t.Error("a control character reached the page")
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 8, "one two|three"},
		{"  indented text here", 12, "  indented|text here"},
		{"abcdefghijklmnop", 10, "abcdefghij|klmnop"},
		{"", 10, ""},
		{"ab äöüäöüäöüäö", 8, "ab|äöüäöüäö|üäö"},
	}
	for _, tt := range tests {
		if got := strings.Join(Wrap(tt.text, tt.width), "|"); got != tt.want {
			t.Errorf("Wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestReportIsWrittenWhileTheScreenGoesOn(t *testing.T) {
	c := sickCase(t)
	d := c.Diagnose()
	var both sync.WaitGroup
	both.Add(1)
	go func() {
		defer both.Done()
		if err := c.WriteReport(io.Discard, d, time.Unix(0, 0)); err != nil {
			t.Error(err)
		}
	}()
	for _, q := range c.Book.Questions() {
		d.Evidence(q)
	}
	c.Plan(d)
	both.Wait()
}

func TestReportTellsWhatHappenedDuringTheSession(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 4, 5, 0, time.UTC)
	c := sickCase(t)
	report := func() string {
		var b strings.Builder
		if err := c.WriteReport(&b, c.Diagnose(), at); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, want := range []string{"| watching begins |", "| last measurement | The accept queue of a listening socket overflows |"} {
		if !strings.Contains(report(), want) {
			t.Errorf("the timeline lacks %q", want)
		}
	}
	c.Track.Mark(at, "load test | begins")
	if want := `| 2026-03-01 03:04:05 UTC | mark | load test \| begins |`; !strings.Contains(report(), want) {
		t.Errorf("%q is not in\n%s", want, report())
	}
}

// What is escaped shows as it was, in a list and in a cell, and reads well in a
// ticket that shows markdown as it is written.
func TestMarkdownShowsTextAsItIs(t *testing.T) {
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	for _, text := range []string{
		"[click](http://evil)", "[a][b]", "![a](b)", "[x]: /url", "[ ] done", "> quote", "- item", "+ item", "* item", "== ==", "a *b* _c_ `d` ~~e~~",
		"<b>bold</b>", "&amp; &lt;", `a\b \[c\](d)`, "# head", "a | b", "tcp_rmem[2] __init__ _x_", "a][(b)", "[[a](b)](c)", "[^1]: note",
		"fd00::1 & [fd00::2]:443 > 10.0.0.1",
	} {
		for _, source := range []string{"- " + markdown(text), "| HEAD |\n| --- |\n| " + markdown(text) + " |"} {
			var html bytes.Buffer
			if err := md.Convert([]byte(source), &html); err != nil {
				t.Fatal(err)
			}
			shown := html.String()
			for _, tag := range []string{"ul", "li", "table", "thead", "tbody", "tr", "th", "td"} {
				shown = strings.ReplaceAll(strings.ReplaceAll(shown, "<"+tag+">", ""), "</"+tag+">", "")
			}
			shown = strings.TrimPrefix(strings.Join(strings.Fields(unescape.UnescapeString(shown)), " "), "HEAD ")
			if shown != text {
				t.Errorf("%q was written %q and shows as %q", text, source, shown)
			}
		}
	}
	if want, got := "tcpdump 'tcp[tcpflags] & tcp-rst != 0' > f", markdown("tcpdump 'tcp[tcpflags] & tcp-rst != 0' > f"); got != want {
		t.Errorf("%q is hard to read", got)
	}
}

func TestReportSaysOnlyWhatTellsSomething(t *testing.T) {
	c := sickCase(t)
	c.Facts.Add("drop_flow", fact.Row{"name": "10.0.0.1:1 > 10.0.0.2:2", "loss": "no"})
	c.Facts.Add("drop_flow", fact.Row{"name": "10.0.0.3:3 > 10.0.0.4:4", "loss": "yes"})
	c.Facts.Probes = append(c.Facts.Probes, fact.Status{Name: "drops", Status: "skipped", Why: "drops: " + fact.Unavailable("drop reasons", "CAP_BPF").Error()})
	report := reportOf(t, c)
	for _, want := range []string{"What to do next: ", "nobody answered: Q1b, Q2a", "| drop reasons: needs CAP_BPF |", "10.0.0.3:3"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, no := range []string{"10.0.0.1:1", "| not answered |", " bits"} {
		if strings.Contains(report, no) {
			t.Errorf("the report says %q", no)
		}
	}
	for _, line := range strings.Split(report, "\n") {
		if strings.HasPrefix(line, "  - `") && strings.Contains(line, `\|`) {
			t.Errorf("a command that cannot be pasted: %s", line)
		}
	}
}
