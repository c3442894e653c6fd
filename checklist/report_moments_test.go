package checklist

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// What is over when the report is written is told with what showed it while it lasted.
func TestReportTellsTheIncidentThatIsOver(t *testing.T) {
	c := longSession(t, 60, 3)
	r := c.Report(c.Diagnose(), writtenAt)
	if len(r.Causes) != 0 || len(r.Moments) != 1 {
		t.Fatalf("%d causes at the end, %d moments", len(r.Causes), len(r.Moments))
	}
	m := r.Moments[0]
	x := m.Cause("listen.accept-queue-full")
	if x == nil || x.Probability <= Named || len(x.For) == 0 {
		t.Fatalf("the cause then: %+v", x)
	}
	if len(m.Moved.Rows) == 0 || len(m.Evidence) == 0 || len(m.Plan) == 0 || len(m.Measured) == 0 {
		t.Errorf("what it lacks: %d places, %d tables of evidence, %d steps, %d facts", len(m.Moved.Rows), len(m.Evidence), len(m.Plan), len(m.Measured))
	}
	if !slices.ContainsFunc(m.Way.Stops, func(s ReportStop) bool { return s.State == stopSick }) {
		t.Error("no place on the way is sick")
	}
	c.Applied[0].Title = m.Plan[0].Title
	if r := c.Report(c.Diagnose(), writtenAt); !strings.Contains(r.Moments[0].Plan[0].Done, "applied at") {
		t.Error("the plan of then does not tell what was applied")
	}
	toldOfWhatIsOver(t, r, m)
}

// toldOfWhatIsOver checks that pages tell of the only cause that is gone, as it was at a
// moment.
func toldOfWhatIsOver(t *testing.T, r *Report, m ReportMoment) {
	t.Helper()
	if gone := r.Gone[0]; gone.Says == "" || !gone.Measured.Equal(m.End()) || m.End().Before(gone.From) || m.End().After(gone.To.Add(time.Second)) {
		t.Errorf("%+v, measured until %v", gone, m.End())
	}
	for _, format := range []string{"markdown", "html"} {
		if text := writtenReport(t, r, format); !strings.Contains(text, "The incident, as measured at "+stamp(m.End())) || !strings.Contains(text, "No cause is named at the end") {
			t.Errorf("%s does not tell of it", format)
		}
	}
}

// The observations that are kept for that have the names of the host in them.
func TestWhatIsKeptOfAnIncidentIsRewritten(t *testing.T) {
	c := longSession(t, 60, 1)
	k := c.Rewritten(func(f *fact.Facts) *fact.Facts {
		g := *f
		g.Host, g.Kernel, g.Tables, g.Probes, g.Blind = "h", "k", map[string][]fact.Row{}, nil, nil
		return &g
	}, func(string) string { return "w" })
	r := k.Report(k.Diagnose(), writtenAt)
	if len(r.Moments) != 1 {
		t.Fatalf("%d moments", len(r.Moments))
	}
	leaves(reflect.ValueOf(*r), "", func(at, text string) {
		if strings.Contains(text, "alert(1)") {
			t.Errorf("%s has a name: %q", at, text)
		}
	})
	if c.Track.spells["listen.accept-queue-full"].worst.Host == "h" {
		t.Error("the case itself was changed")
	}
}

// A case that is read from a file tells the same, and never of more than a few moments.
func TestTheStrongestObservationsAreKept(t *testing.T) {
	track := NewTrack()
	start := writtenAt
	for i := range 40 {
		at := start.Add(time.Duration(i) * time.Second)
		p := map[string]float64{"early": 0.1}
		if i >= 5 && i < 30 {
			p["early"] = 0.97
		}
		for n := range 10 {
			p[fmt.Sprint("weak", n)] = 0.6
		}
		track.Restore(at, time.Second, fact.New(at.Add(-15*time.Second), 15), p)
	}
	s := track.spells["early"]
	if s == nil || s.worst == nil || !ended(s.worst).Equal(start.Add(19*time.Second)) || !s.last.Equal(start.Add(29*time.Second)) {
		t.Fatalf("kept: %+v", s)
	}
	kept := 0
	for _, s := range track.spells {
		if s.worst != nil {
			kept++
		}
	}
	if kept != mostWorst {
		t.Errorf("%d observations are kept", kept)
	}
}

// A cause that was not there any more when somebody looked again is not said to have been
// seen until then.
func TestASpellEndsWithItsLastObservation(t *testing.T) {
	for _, pause := range []time.Duration{time.Minute, 10 * time.Minute} {
		c := longSession(t, 25, 1) // in the middle of the fault
		left := c.Started.Add(25 * time.Second)
		again := left.Add(pause)
		c.Track.GoOn(left, again, true)
		// the fault lasts from the seventh second to the twelfth
		c.Track.spells["listen.accept-queue-full"].last = left
		c.Track.named["listen.accept-queue-full"] = true
		c.Track.events = slices.DeleteFunc(c.Track.events, func(e Event) bool { return e.Kind == Fell })
		f := fact.New(again, 1)
		f.Count("TcpExt.ListenOverflows", 0, 1100)
		c.Facts = f
		c.Track.Add(again.Add(time.Second), f, c.Diagnose())
		r := c.Report(c.Diagnose(), writtenAt)
		if len(r.Gone) != 1 || !r.Gone[0].To.Equal(left) || r.Gone[0].Ended == nil {
			t.Fatalf("after %v: %+v", pause, r.Gone)
		}
		if want := "nobody watched: it ended at some time in between"; !strings.Contains(r.Summary.Since, want) {
			t.Errorf("after %v: %q", pause, r.Summary.Since)
		}
	}
}

// Of a timeline too long for people the marks in the middle are left out, and nothing that
// was done; the JSON has all.
func TestATimelineKeepsItsBeginningAndItsEnd(t *testing.T) {
	line := ReportTimeline{}
	add := func(k EventKind, text string) {
		line.Events = append(line.Events, ReportEvent{writtenAt.Add(time.Duration(len(line.Events)) * time.Second), k, text, ""})
	}
	add(Rose, "rose")
	for i := range 500 {
		add(Marked, fmt.Sprint("mark ", i))
		if i == 250 {
			add(Applying, "applied")
		}
	}
	add(Fell, "fell")
	add(Exported, "written")
	brief := line.Brief()
	var texts []string
	for _, e := range brief {
		texts = append(texts, e.Text)
	}
	for _, want := range []string{"rose", "mark 0", "mark 499", "applied", "fell", "written"} {
		if !slices.Contains(texts, want) {
			t.Errorf("the brief timeline lacks %q", want)
		}
	}
	_, left := line.chosen()
	if len(brief) != mostEvents+1 || left != len(line.Events)-mostEvents {
		t.Errorf("%d lines, %d left out", len(brief), left)
	}
	i := slices.IndexFunc(brief, func(e ReportEvent) bool { return e.Kind == omitted })
	if i < 0 || !strings.HasPrefix(brief[i].Text, fmt.Sprintf("%d more marks, until ", left)) || brief[i-1].Text != "mark 37" {
		t.Errorf("the line for what is left out is number %d: %v", i, texts)
	}
}

// Figures of one observation are not told beside the time of the whole session.
func TestFiguresAreToldWithTheirTime(t *testing.T) {
	c := longSession(t, 60, 1)
	c.Facts.Gauge("tcp.flows_sending", 324)
	c.Facts.Gauge("tcp.flows_retrans", 9)
	c.Facts.Count("TcpExt.ListenOverflows", 30, 2000) // it is there again
	if r := c.Report(c.Diagnose(), writtenAt); !strings.HasPrefix(r.Summary.Affected, "Affected") || !strings.HasSuffix(r.Summary.Affected, "In the last 15 seconds in which it was watched, 324 connections sent data and 9 had to send something again.") {
		t.Errorf("%q", r.Summary.Affected)
	}
}

// What notifies people where a report is pasted is code, which is searched for nobody.
func TestMarkdownMentionsNobody(t *testing.T) {
	for text, want := range map[string]string{
		"ask @team now":        "ask `@team` now",
		"@all: help":           "`@all`: help",
		"(@org/team_a.)":       "(`@org/team_a`.)",
		"@a@b @@c":             "`@a@b` @`@c`",
		"root@db1, eth0@if3 @": "root@db1, eth0@if3 @",
		"é@team _@x_":          "é`@team` \\_`@x`\\_",
	} {
		if got := markdown(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}
