package checklist

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
)

func TestTitleTellsWhatWasFound(t *testing.T) {
	healthy := newCase(t, "")
	healthy.Facts = recordings(t)["healthy-bulk"].Facts
	healthy.Facts.Host = "db1"
	sample := newCase(t, "")
	total := 42.0
	sample.Facts = fact.New(writtenAt, 0)
	sample.Facts.Values["TcpExt.ListenOverflows"] = fact.Value{Total: &total}
	for want, c := range map[string]*Case{
		"Incident report for db1|`x`: The accept queue of a listening socket overflows":              sickCase(t),
		"Report for a host: nothing was measured":                                                    newCase(t, ""),
		"Report for a host: one sample, which does not tell what happens now":                        sample,
		"Report for db1: nothing that loses packets was found":                                       healthy,
		"Incident report for db1: The accept queue of a listening socket overflows, over at the end": namedHost(longSession(t, 60, 3)),
	} {
		if got := c.Report(c.Diagnose(), writtenAt).Title; got != want {
			t.Errorf("the title is %q, want %q", got, want)
		}
	}
}

func TestAHealthyHostWithoutTrafficSaysLittle(t *testing.T) {
	c := newCase(t, "")
	c.Facts = recordings(t)["healthy-bulk"].Facts
	if what := c.Report(c.Diagnose(), writtenAt).Summary.What; strings.Contains(what, "says little") {
		t.Errorf("with traffic: %q", what)
	}
	c.Facts.Count("Tcp.InSegs", 2, 1000)
	if what := c.Report(c.Diagnose(), writtenAt).Summary.What; !strings.Contains(what, "says little") {
		t.Errorf("without traffic: %q", what)
	}
}

func namedHost(c *Case) *Case {
	c.Facts.Host = "db1"
	return c
}

func TestSummaryTellsWhoAndSinceWhen(t *testing.T) {
	c := sickCase(t)
	if err := c.Answer("Q1b", Answer{Options: []string{"sudden-constant"}, Note: "since noon, or rathe"}); err != nil {
		t.Fatal(err)
	}
	text := c.Report(c.Diagnose(), writtenAt).Summary.Paragraph()
	for _, want := range []string{"One application or service on this host.", "When it began, as answered: Since a definite moment, constant ever since. It was there as soon as"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if strings.Contains(text, "rathe") || strings.Contains(text, "postgres") {
		t.Errorf("a note is told as an answer: %q", text)
	}
	if err := c.Answer("Q1b", Answer{Options: []string{content.DontKnow}}); err != nil {
		t.Fatal(err)
	}
	if text := c.Report(c.Diagnose(), writtenAt).Summary.Since; strings.Contains(text, "as answered") {
		t.Errorf("nobody knew, and it is told: %q", text)
	}
}

// What speaks for a cause is not told once more as what would.
func TestAReasonStandsOnce(t *testing.T) {
	c := sickCase(t)
	f := c.Diagnose().Findings[0]
	twice := *f
	twice.For = []Reason{{Rule: "a", Says: "the same"}}
	twice.Explained = []Reason{{Rule: "b", Says: "the same"}, {Rule: "c", Says: "another"}}
	if r := reportCause(c, &twice); len(r.Explained) != 1 || r.Explained[0].Says != "another" {
		t.Errorf("explained: %+v", r.Explained)
	}
}

// The table tells when the host was watched, and the summary does: the same.
func TestOneBeginningAndOneLength(t *testing.T) {
	c := longSession(t, 60, 3)
	r := c.Report(c.Diagnose(), writtenAt)
	watched := r.watched()
	if !strings.HasPrefix(r.Watched(), watched) || !strings.Contains(r.Watched(), "of the last 15 seconds") {
		t.Errorf("%q does not begin as %q", r.Watched(), watched)
	}
	first, last := r.Timeline.Events[0], r.Timeline.Events[len(r.Timeline.Events)-1]
	if first.Kind != watchBegan || !strings.HasSuffix(watched, "from "+stamp(first.At)+" on") || last.Kind != lastSeen || !last.At.Equal(r.seen()) {
		t.Errorf("the timeline goes from %v to %v, watched %s", first, last, watched)
	}
}

func TestTimelineTellsOfTheCaseItself(t *testing.T) {
	c := longSession(t, 30, 1)
	c.Track.Export(c.Started.Add(25*time.Second), true)
	c.Track.GoOn(c.Started.Add(30*time.Second), c.Started.Add(8*time.Hour), false)
	r := c.Report(c.Diagnose(), writtenAt)
	var told []string
	for _, e := range r.Timeline.Events {
		if e.Kind.rare() && !e.Kind.done() {
			told = append(told, fmt.Sprintf("%s: %s", e.Kind, e.Text))
		}
	}
	want := []string{
		"report written: as markdown, with pseudonyms",
		"left: whydrop ended without a word; until it is gone on with nobody watches", "resumed: the case is gone on with",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told: %q", told)
	}
	if r.Session.To.After(c.Started.Add(time.Hour)) {
		t.Errorf("nobody watched until %v", r.Session.To)
	}
}

// A session that was gone on with after hours is drawn without them, and they are told.
func TestPlotsLeaveOutTheTimeInWhichNobodyWatched(t *testing.T) {
	c := longSession(t, 40, 1)
	d := c.Diagnose()
	later := c.Started.Add(10 * time.Hour)
	for i := range 40 {
		f := fact.New(later.Add(time.Duration(i)*time.Second), 1)
		f.Count("Tcp.RetransSegs", 5, float64(100+5*i))
		c.Facts = f
		c.Track.Add(later.Add(time.Duration(i+1)*time.Second), f, d)
	}
	r := c.Report(d, writtenAt)
	if r.Session == nil || len(r.Session.Gaps) != 1 || r.Session.To.Sub(r.Session.From) < 9*time.Hour {
		t.Fatalf("the session: %+v", r.Session)
	}
	if want := "in 2 stretches between"; !strings.Contains(r.Watched(), want) || !strings.HasPrefix(r.Watched(), "for 80 seconds") {
		t.Errorf("watched %q", r.Watched())
	}
	wellFormed(t, r)
	axis := axisOf(r.Session)
	g := r.Session.Gaps[0]
	if width := axis.x(g.To) - axis.x(g.From); width < 1 || width > 60 {
		t.Errorf("the gap is %v wide", width)
	}
	if before, after := axis.x(g.From)-plotLeft, plotRight-axis.x(g.To); before < 200 || after < 200 {
		t.Errorf("before the gap %v, after it %v", before, after)
	}
	i := slices.IndexFunc(plots(r), func(p plot) bool { return p.Title == plotRetrans })
	if i < 0 {
		t.Fatal("there is no plot of what was sent again")
	}
	p := plots(r)[i]
	if len(p.Gaps) != 1 || !strings.Contains(p.Gaps[0].Text, "not watched for 10.0 hours") || len(p.Lines[0].Points) != 2 {
		t.Errorf("the plot: %+v", p)
	}
}

func TestEvidenceReadsAsPeopleSpeak(t *testing.T) {
	c := sickCase(t)
	r := c.Report(c.Diagnose(), writtenAt)
	i := slices.IndexFunc(r.Evidence, func(t ReportTable) bool { return strings.HasPrefix(t.Title, "listener") })
	j := slices.IndexFunc(r.EvidenceRaw, func(t ReportRaw) bool { return strings.HasPrefix(t.Table.Title, "listener") })
	if i < 0 || j < 0 {
		t.Fatal("the listener is missing")
	}
	if head := strings.Join(r.Evidence[i].Columns, "; "); strings.Contains(head, "_") || !strings.Contains(head, "limit (connections)") {
		t.Errorf("the columns: %s", head)
	}
	if head := strings.Join(r.EvidenceRaw[j].Table.Columns, " "); !strings.Contains(head, "queue_peak") || len(r.EvidenceRaw[j].Fields) != len(r.EvidenceRaw[j].Table.Columns)-1 {
		t.Errorf("raw: %s; %v", head, r.EvidenceRaw[j].Fields)
	}
}

func TestHeadings(t *testing.T) {
	facts := newBook(t).Facts
	for _, tt := range []struct{ table, field, want string }{
		{"qdisc", "rate_bps", "rate (bit/s)"}, {"qdisc", "hold_ms", "hold (ms)"}, {"listener", "full_share", "full (share)"},
		{"listener", "queue_peak", "queue peak (connections)"}, {"listener", "process", "process"}, {"link", "mtu", "mtu (bytes)"}, {"qdisc", "none", "none"},
	} {
		if got := heading(facts.Field(tt.table, tt.field), tt.field); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.field, got, tt.want)
		}
	}
}

// Commands have the names of the evidence in them, and never one that a shell would
// take for more than a word.
func TestCommandsNameWhatIsKnown(t *testing.T) {
	c := sickCase(t)
	c.Facts.Add("link", fact.Row{"name": "lo", "kind": "loopback", "addresses": 1.0})
	c.Facts.Add("link", fact.Row{"name": "ens5", "kind": "device", "addresses": 1.0})
	c.Facts.Add("peer", fact.Row{"name": "10.0.0.9", "retrans": 4.0})
	fill := c.filler(c.Diagnose())
	for command, want := range map[string]string{
		"ethtool -S DEV | grep x": "ethtool -S ens5 | grep x",
		"ls /proc/PID/fd":         "ls /proc/811/fd",
		"ss -tin dst PEER":        "ss -tin dst 10.0.0.9",
		"mtr -P PORT PEER":        "mtr -P PORT 10.0.0.9",
		"sar -n EDEV":             "sar -n EDEV",
		"ip route get ADDRESS":    "ip route get 10.0.0.9",
		"show dev INTERFACE":      "show dev ens5",
	} {
		if got := fill(command); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if hand := c.byHand(c.Diagnose()); !slices.Contains(hand, "ss -tinmp; ss -ltnp") {
		t.Errorf("what shows the listeners is missing: %q", hand)
	}
	c.Facts.Tables["link"][1]["name"] = "e;reboot"
	if got := c.filler(c.Diagnose())("ethtool DEV"); got != "ethtool DEV" {
		t.Errorf("%q", got)
	}
}

// What was recorded is not worded by the machine that reads it: its interfaces have
// the names of others.
func TestAPlanOfARecordingDoesNotLookAtThisMachine(t *testing.T) {
	const device = "whydrop-test0"
	inHost(t, device)
	change := apply.Change{Knob: "txqueuelen", Of: device, To: "2000"}
	if w := wordsOf(change, nil, true); len(w.Keep) == 0 {
		t.Skip("the interface has no address here")
	}
	if w := wordsOf(change, nil, false); len(w.Keep) != 0 || w.Run == "" {
		t.Errorf("it tells the address of an interface of this machine: %v", w)
	}
}
