package checklist

import (
	"bytes"
	"encoding/json"
	"fmt"
	unescape "html"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"whydrop/content"
	"whydrop/probes/fact"
)

var writtenAt = time.Date(2026, 3, 1, 3, 5, 0, 0, time.UTC)

func newBook(t testing.TB) *content.Book {
	t.Helper()
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// writtenReport is a report in one format.
func writtenReport(t testing.TB, r *Report, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// nastyText is whatever ends or begins something in one of the formats.
const nastyText = "x|`y` <script>alert(1)</script> \"]:::sick %%{init}%% #quot; [a](javascript:b) ![i](http://e) {{.Title}} \x1b[2J\u202e\u009b & ]]> --> </style> *b* _c_ ~d~ \\ end\n| new | row |\n# head"

// longSession is a case with a session: a fault that comes, is mended, and goes; with
// hostile names everywhere.
func longSession(t testing.TB, seconds, listeners int) *Case {
	t.Helper()
	c := NewCase(newBook(t), writtenAt.Add(-time.Hour))
	for i := range seconds {
		start := c.Started.Add(time.Duration(i) * time.Second)
		f := fact.New(start.Add(-14*time.Second), 15)
		f.Host, f.Kernel = "db1 "+nastyText, "6.12.0 "+nastyText
		drops := 0.0
		if i > seconds/4 && i < seconds/2 {
			drops = 30
		}
		total := 1000 + min(max(float64(i-seconds/4), 0), float64(seconds/4))*2
		for _, name := range []string{"TcpExt.ListenOverflows", "TcpExt.ListenDrops"} {
			f.Count(name, drops, total)
		}
		for _, name := range []string{"Tcp.RetransSegs", "TcpExt.TCPSynRetrans", "TcpExt.TCPDSACKRecv", "Tcp.AttemptFails", "Tcp.ActiveOpens"} {
			f.Count(name, 0, 5)
		}
		f.Count("TcpExt.TCPOrigDataSent", 900, 5000+60*float64(i))
		f.Count("Tcp.PassiveOpens", 100, 5000+7*float64(i))
		for n := range listeners {
			f.Add("listener", fact.Row{
				"name": fmt.Sprintf("0.0.0.0:%d", n), "port": float64(n), "process": nastyText, "pid": 811.0, "queue": 129.0, "queue_peak": 129.0,
				"limit": 128.0, "full_share": 1.0, "standing": true, "stopped": false, "drops": 3.0, "fds": 10.0, "fd_limit": 100.0, "fd_share": 0.1,
			})
		}
		f.Add("change", fact.Row{"name": nastyText, "kind": "package", "what": nastyText, "time": "2026-03-01 01:00:00", "ago": "2 h", "source": nastyText})
		f.Add("history", fact.Row{"name": nastyText, "says": nastyText, "raised": true, "trouble": true, "since_time": "2026-03-01 02:00:00", "source": "sysstat"})
		f.Probes = []fact.Status{{Name: "counters", Status: "ok", Millis: 1.5}, {Name: "drops", Status: "skipped", Why: nastyText}}
		f.CannotSee("filters", nastyText, "CAP_NET_ADMIN")
		c.Facts = f
		c.Track.Add(start.Add(time.Second), f, c.Diagnose())
	}
	c.Track.Mark(c.Started.Add(10*time.Second), "load test "+nastyText)
	if err := c.Answer("Q1a", Answer{Options: []string{"one-application"}, Note: nastyText}); err != nil {
		t.Fatal(err)
	}
	cause := c.Book.Cause("listen.accept-queue-full")
	c.Apply(c.Started.Add(20*time.Second), PlanStep{Cause: cause, Remedy: cause.Remedies[0]}, []SettingChange{{Name: "net.core.somaxconn " + nastyText, Was: "128", To: "4096"}}, c.Facts)
	c.Applied[0].Effect = Effect{Outcome: Stopped, What: "TcpExt.ListenOverflows", Before: 30, BeforeSeconds: 15, SinceSeconds: 20}
	c.Ended(c.Started.Add(30*time.Second), Kept, nastyText)
	return c
}

func TestReportsOfHostileNamesAreWellFormed(t *testing.T) {
	c := longSession(t, 60, 3)
	wellFormed(t, c.Report(c.Diagnose(), writtenAt))
	sick := sickCase(t)
	wellFormed(t, sick.Report(sick.Diagnose(), writtenAt))
	empty := newCase(t, "")
	wellFormed(t, empty.Report(empty.Diagnose(), writtenAt))
}

// TestReportsOfRecordedHosts writes the reports of hosts of the lab.
func TestReportsOfRecordedHosts(t *testing.T) {
	c := newCase(t, "")
	all := recordings(t)
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i%6 > 0 {
			continue // a part of them says enough
		}
		t.Run(name, func(t *testing.T) {
			c.Facts = all[name].Facts
			d := c.Diagnose()
			r := c.Report(d, writtenAt)
			wellFormed(t, r)
			paragraph := r.Summary.Paragraph()
			if strings.Contains(paragraph, "  ") || !strings.HasSuffix(paragraph, ".") || len(paragraph) > 1200 {
				t.Errorf("the summary reads badly: %q", paragraph)
			}
			if n := len(writtenReport(t, r, "markdown")); n > 200<<10 {
				t.Errorf("the markdown has %d bytes", n)
			}
		})
	}
}

func TestEveryHopHasPlainWords(t *testing.T) {
	for _, h := range newCase(t, "").Book.Hops {
		if h.Plainly == "" {
			t.Errorf("%s has none", h.ID)
		}
	}
}

// leaves are the texts of a report, each with the way to it.
func leaves(v reflect.Value, at string, each func(at, text string)) {
	switch v.Kind() {
	case reflect.String:
		each(at, v.String())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			leaves(v.Field(i), at+"."+name, each)
		}
	case reflect.Slice:
		for i := range v.Len() {
			leaves(v.Index(i), at, each)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			leaves(v.Elem(), at, each)
		}
	}
}

// What the JSON tells, the markdown and the page tell too, but for what only programs
// need: ids, headings, numbers of plots.
func TestAllFormatsTellTheSame(t *testing.T) {
	onlyPrograms := regexp.MustCompile(`\.(schema|kind|id|hop|rule|by|cause|remedy|unit|state|outcome|columns|headline|decibans)$|^\.curves|\.way\.(mermaid|text)$|^\.plan\.\.settings`)
	plain := func(s string) string {
		s = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(s, " ")
		return strings.Join(strings.Fields(unescape.UnescapeString(s)), " ")
	}
	for name, c := range map[string]*Case{"session": longSession(t, 60, 3), "sick": sickCase(t)} {
		r := c.Report(c.Diagnose(), writtenAt)
		var md bytes.Buffer
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(writtenReport(t, r, "markdown")), &md); err != nil {
			t.Fatal(err)
		}
		pages := map[string]string{"markdown": plain(md.String()), "html": plain(writtenReport(t, r, "html"))}
		leaves(reflect.ValueOf(*r), "", func(at, text string) {
			if onlyPrograms.MatchString(at) {
				return
			}
			for format, page := range pages {
				if !strings.Contains(page, strings.Join(strings.Fields(text), " ")) {
					t.Errorf("%s: the %s lacks %s: %q", name, format, at, text)
				}
			}
		})
	}
}

func TestReportOfASession(t *testing.T) {
	c := longSession(t, 60, 3)
	r := c.Report(c.Diagnose(), writtenAt)
	if r.Session == nil || r.Session.To.Sub(r.Session.From) != time.Minute {
		t.Errorf("the session: %+v", r.Session)
	}
	if len(r.Gone) != 1 || r.Gone[0].ID != "listen.accept-queue-full" || !r.Gone[0].From.Before(r.Gone[0].To) {
		t.Errorf("what is gone: %+v", r.Gone)
	}
	if !strings.Contains(r.Summary.What, "suffered") || !strings.Contains(r.Summary.Since, "It was seen from") {
		t.Errorf("the summary of what is over: %+v", r.Summary)
	}
	var kinds []EventKind
	for _, e := range r.Timeline.Events {
		kinds = append(kinds, e.Kind)
	}
	if !slices.IsSortedFunc(r.Timeline.Events, func(a, b ReportEvent) int { return a.At.Compare(b.At) }) || !slices.Contains(kinds, Rose) || !slices.Contains(kinds, Keeping) {
		t.Errorf("the timeline: %v", kinds)
	}
}

// One sample is history: it is no sign of health.
func TestOneSampleIsNotCalledHealthy(t *testing.T) {
	c := newCase(t, "")
	c.Facts = fact.New(writtenAt, 0)
	total := 42.0
	c.Facts.Values["TcpExt.ListenOverflows"] = fact.Value{Total: &total}
	r := c.Report(c.Diagnose(), writtenAt)
	for _, format := range []string{"markdown", "html"} {
		text := writtenReport(t, r, format)
		if !strings.Contains(text, "one sample alone") || strings.Contains(text, "Nothing that loses packets was found") {
			t.Errorf("%s calls a single sample healthy", format)
		}
	}
	wellFormed(t, r)
}

func TestReportTellsWhatWasApplied(t *testing.T) {
	c := longSession(t, 60, 3)
	r := c.Report(c.Diagnose(), writtenAt)
	if len(r.Applied) != 1 || r.Applied[0].Effect == nil || r.Applied[0].Effect.Outcome != Stopped || r.Applied[0].Fate != string(Kept) {
		t.Errorf("what was applied: %+v", r.Applied)
	}
	if !slices.ContainsFunc(r.FollowUps, func(s string) bool { return strings.HasPrefix(s, "Make it outlive a reboot") }) {
		t.Errorf("the follow-ups: %q", r.FollowUps)
	}
}

// The marks of a session stand in its plots, and all of them lies within.
func TestPlotsOfASession(t *testing.T) {
	c := longSession(t, 60, 3)
	r := c.Report(c.Diagnose(), writtenAt)
	drawn := plots(r)
	if len(drawn) < 2 || len(drawn[0].Marks) != 3 || drawn[0].Marks[0].Number != 1 {
		t.Fatalf("the plots: %+v", drawn)
	}
	for _, p := range drawn {
		for _, l := range p.Lines {
			for point := range strings.FieldsSeq(strings.Join(l.Points, " ")) {
				if !p.holds(point) {
					t.Fatalf("%s: the point %s is outside of the plot", p.Title, point)
				}
			}
		}
	}
}

// holds says whether a point of a curve lies in the plot's field.
func (p plot) holds(point string) bool {
	var x, y float64
	_, err := fmt.Sscanf(point, "%g,%g", &x, &y)
	return err == nil && x >= float64(p.Left) && x <= float64(p.Right) && y >= float64(p.Top) && y <= float64(p.Bottom)
}

// The curve of what appeared late ends with the session and begins late.
func TestCurvesLieAtTheirTime(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	track := session(100, func(i int, f *fact.Facts, _ *Diagnosis) {
		f.Gauge("whole", 1)
		if i >= 50 {
			f.Gauge("late", 2)
		}
	})
	late, moved := track.curve([]*series{track.series["late"]})
	if from := late.From.Sub(start).Seconds(); !moved || from < 48 || from > 51 || len(late.Points) != 50 {
		t.Errorf("late begins after %v s with %d points", from, len(late.Points))
	}
	both, _ := track.curve([]*series{track.series["late"], track.series["whole"]})
	if end := both.To.Sub(track.last).Seconds(); end < -1.1 || end > 0.1 || len(both.At) != 100 {
		t.Errorf("together they end %v s before the session", end)
	}
	if n := len(both.Points); n != 100 || both.Points[0] != 1 || both.Points[n-1] != 3 || both.Points[30] != 1 || both.Points[70] != 3 {
		t.Errorf("together: %v", both.Points)
	}
	if _, moved := NewTrack().curve(nil); moved {
		t.Error("a curve of nothing")
	}
}

func TestLongListsAreBounded(t *testing.T) {
	c := longSession(t, 30, 500)
	for i := range 500 {
		c.Track.event(Event{At: c.Started.Add(time.Duration(i) * time.Second), Kind: Rose, Text: "flaps", Cause: "path.loss"})
	}
	c.Track.Mark(c.Started.Add(time.Hour), "the last mark")
	// in the middle of the fault
	c.Facts.Count("TcpExt.ListenOverflows", 30, 2000)
	r := c.Report(c.Diagnose(), writtenAt)
	brief := r.Timeline.Brief()
	if n := len(brief); n != mostEvents+3 || r.Timeline.Left != len(r.Timeline.Events)-mostEvents-2 || brief[n-1].Text != "the last mark" {
		t.Errorf("%d events, %d left out, the last is %q", n, r.Timeline.Left, brief[n-1].Text)
	}
	i := slices.IndexFunc(r.Evidence, func(t ReportTable) bool { return strings.HasPrefix(t.Title, "listener") })
	if i < 0 || len(r.Evidence[i].Rows)+r.Evidence[i].Left != 500 || r.Evidence[i].Left == 0 {
		t.Fatalf("the listeners are not told with their number: %d tables", len(r.Evidence))
	}
	for _, format := range []string{"markdown", "html"} {
		if text := writtenReport(t, r, format); !strings.Contains(text, fmt.Sprintf("%d more rows are left out", r.Evidence[i].Left)) || !strings.Contains(text, fmt.Sprintf("%d more causes named or no longer named", r.Timeline.Left)) {
			t.Errorf("%s does not say what is left out", format)
		}
	}
}

func TestReportsAreDeterministicInAllFormats(t *testing.T) {
	for _, format := range ReportFormats {
		var texts []string
		for range 2 {
			c := longSession(t, 40, 3)
			r := c.Report(c.Diagnose(), writtenAt)
			texts = append(texts, writtenReport(t, r, format), writtenReport(t, r, format))
		}
		for _, text := range texts[1:] {
			if text != texts[0] {
				t.Errorf("%s differs", format)
			}
		}
	}
}

// A report does not change the case or the content that it is made of.
func TestReportLeavesTheCaseAlone(t *testing.T) {
	c := longSession(t, 30, 3)
	d := c.Diagnose()
	facts, _ := json.Marshal(c.Facts)
	happens := c.Book.Cause("listen.accept-queue-full").Happens
	c.Report(d, writtenAt)
	if after, _ := json.Marshal(c.Facts); !bytes.Equal(facts, after) || c.Book.Cause("listen.accept-queue-full").Happens != happens {
		t.Error("the case was changed")
	}
}

func TestOwnTemplates(t *testing.T) {
	c := sickCase(t)
	r := c.Report(c.Diagnose(), writtenAt)
	tests := []struct{ name, format, text, want, err string }{
		{"a field", "markdown", "{{.Verdict}}: {{range .Causes}}{{.ID}} {{percent .Probability}}{{end}}", "fault: listen.accept-queue-full 94 %", ""},
		{"a table", "markdown", `{{table .Ledger.Moved "Counter"}}`, "| `TcpExt.ListenOverflows` |", ""},
		{"html escapes by itself", "html", "<p>{{.Observed.Host}}</p><p>{{(index .Answers 0).Note}}</p>", "&lt;b&gt;postgres", ""},
		{"a field that is none", "markdown", "one\ntwo {{.Nothing}}", "", "ours.tmpl:2:"},
		{"bad syntax", "markdown", "one\n\nthree {{if}}", "", "ours.tmpl:3:"},
		{"bad syntax in html", "html", "one\n{{end}}", "", "ours.tmpl:2:"},
		{"no such function", "markdown", "{{exec \"id\"}}", "", "ours.tmpl:1:"},
		{"html escapes for the place", "html", "<script>var x = {{(index .Answers 0).Note}}</script>", `\u003cb\u003epostgres`, ""},
		{"a report cannot write itself", "markdown", `{{.Write nil "json"}}`, "", "ours.tmpl:1:"},
		{"round in circles", "markdown", `{{define "a"}}{{printf "%1000s" "x"}}{{template "a" .}}{{end}}{{template "a" .}}`, "", "ours.tmpl"},
		{"no format", "pdf", "x", "", "expected markdown or html"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			err := r.WriteAs(&b, tt.format, "ours.tmpl", tt.text)
			switch {
			case tt.err == "" && err != nil:
				t.Error(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("%v, want %q", err, tt.err)
			case !strings.Contains(b.String(), tt.want):
				t.Errorf("%q is not in %q", tt.want, b.String())
			}
		})
	}
	for _, format := range []string{"markdown", "html"} {
		var b bytes.Buffer
		if err := r.WriteAs(&b, format, "ours.tmpl", ReportTemplate(format)); err != nil || b.String() != writtenReport(t, r, format) {
			t.Errorf("the built-in template of %s is another: %v", format, err)
		}
	}
	if err := r.Write(io.Discard, "pdf"); err == nil {
		t.Error("a format that is none is written")
	}
}

// FuzzReport writes reports of hosts with any name and marks of any words: all
// formats stay well-formed.
func FuzzReport(f *testing.F) {
	f.Add(nastyText)
	f.Add("```\n~~~")
	f.Add("%%{init: {}}%%")
	f.Add("\xff\x00")
	book := newBook(f)
	f.Fuzz(func(t *testing.T, s string) {
		c := NewCase(book, writtenAt)
		c.Facts = fact.New(writtenAt, 5)
		c.Facts.Host = s
		c.Facts.CannotSee(s, s, s)
		c.Facts.Add("change", fact.Row{"name": s, "what": s, "kind": s})
		c.Track.Mark(writtenAt, s)
		wellFormed(t, c.Report(c.Diagnose(), writtenAt))
	})
}

func BenchmarkReport(b *testing.B) {
	c := longSession(b, 60, 500)
	d := c.Diagnose()
	b.Run("made", func(b *testing.B) {
		for b.Loop() {
			c.Report(d, writtenAt)
		}
	})
	r := c.Report(d, writtenAt)
	for _, format := range ReportFormats {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if err := r.Write(io.Discard, format); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
