package checklist

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// theory is a small body of content whose causes show how evidence is weighed.
const theory = `causes:
  - id: app.plain
    title: Plain
    hop: app
    happens: x
    notice: x
    for:
      - {id: moved, when: TcpExt.ListenOverflows > 0, weight: 40, says: "{TcpExt.ListenOverflows} overflows"}
      - {id: also, group: same, when: TcpExt.ListenDrops > 0, weight: 5, says: drops}
      - {id: again, group: same, when: TcpExt.ListenDrops > 2, weight: 8, says: many drops}
      - {id: unseen, when: memory.oom_kills > 0, weight: 30, says: killed}
      - {id: row, each: listener, when: listener.queue_peak > listener.limit, order: listener.queue_peak, weight: 10, says: "{listener.name} full"}
    against:
      - {id: still, when: TcpExt.ListenOverflows == 0, weight: 40, says: none}
    remedies:
      - {id: fix, title: Fix, kind: application, when: TcpExt.ListenOverflows > 0, change: "do {TcpExt.ListenOverflows}", why: because}
      - {id: never, title: Never, kind: application, when: TcpExt.ListenOverflows > 1000, change: do, why: because}
    sources: [none]
  - id: app.vague
    title: Vague
    hop: app
    happens: x
    notice: x
    for:
      - {id: symptom, when: TcpExt.ListenDrops > 0, weight: 40, unless: [app.plain], says: something}
    against:
      - {id: still, when: TcpExt.ListenDrops == 0, weight: 40, says: none}
    remedies:
      - {id: fix, title: Fix, kind: investigate, when: memory.oom_kills > 0, change: look, why: because}
    sources: [none]
`

func newCase(t *testing.T, overlay string) *Case {
	t.Helper()
	dir := ""
	if overlay != "" {
		dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(overlay), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	book, err := content.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return NewCase(book, time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC))
}

// facts makes an observation of five seconds from counters' growth.
func facts(growth map[string]float64) *fact.Facts {
	f := fact.New(time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), 5)
	for name, g := range growth {
		f.Count(name, g, g+1000)
	}
	return f
}

func TestEvidenceIsWeighed(t *testing.T) {
	tests := []struct {
		name   string
		growth map[string]float64
		want   float64 // decibans of app.plain
	}{
		{"nothing known", nil, -25},
		{"a counter that moved", map[string]float64{"TcpExt.ListenOverflows": 3}, -25 + 40},
		{"a counter that stood still", map[string]float64{"TcpExt.ListenOverflows": 0}, -25 - 40},
		{"one of a group", map[string]float64{"TcpExt.ListenDrops": 1}, -25 + 5},
		{"of a group only the weightiest", map[string]float64{"TcpExt.ListenDrops": 3}, -25 + 8},
	}
	c := newCase(t, theory)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.Facts = facts(tt.growth)
			f := c.Diagnose().Finding("app.plain")
			if f.Evidence != tt.want {
				t.Errorf("%v dB, want %v: for %v, against %v", f.Evidence, tt.want, f.For, f.Against)
			}
			if want := 1 / (1 + math.Pow(10, -tt.want/10)); math.Abs(f.Probability-want) > 1e-9 {
				t.Errorf("probability %v, want %v", f.Probability, want)
			}
		})
	}
}

// What could not be read counts neither way and is told.
func TestUnknownFactsCountNeitherWay(t *testing.T) {
	c := newCase(t, theory)
	c.Facts = facts(map[string]float64{"TcpExt.ListenOverflows": 3})
	f := c.Diagnose().Finding("app.plain")
	var unknown []string
	for _, r := range f.Unknown {
		unknown = append(unknown, r.ID)
	}
	if got := strings.Join(unknown, " "); got != "also again unseen row" {
		t.Errorf("unknown rules: %s", got)
	}
	if f.Evidence != 15 {
		t.Errorf("%v dB", f.Evidence)
	}
}

func TestRowsAreTried(t *testing.T) {
	c := newCase(t, theory)
	c.Facts = facts(map[string]float64{"TcpExt.ListenOverflows": 3})
	c.Facts.Table("listener")
	if f := c.Diagnose().Finding("app.plain"); f.Evidence != 15 {
		t.Errorf("no listener: %v dB", f.Evidence)
	}
	for _, r := range []fact.Row{
		{"name": "small", "queue_peak": 6.0, "limit": 5.0},
		{"name": "fine", "queue_peak": 1.0, "limit": 5.0},
		{"name": "big", "queue_peak": 900.0, "limit": 5.0},
	} {
		c.Facts.Add("listener", r)
	}
	f := c.Diagnose().Finding("app.plain")
	if f.Evidence != 25 {
		t.Errorf("%v dB", f.Evidence)
	}
	for _, r := range f.For {
		if r.Rule == "row" && r.Says != "big full; small full" {
			t.Errorf("says %q", r.Says)
		}
	}
}

// A cause that accounts for the loss explains it away for the vaguer one.
func TestExplainingAway(t *testing.T) {
	c := newCase(t, theory)
	c.Facts = facts(map[string]float64{"TcpExt.ListenDrops": 3, "TcpExt.ListenOverflows": 0})
	if f := c.Diagnose().Finding("app.vague"); !f.Named() {
		t.Errorf("alone it is %v", f.Probability)
	}
	c.Facts = facts(map[string]float64{"TcpExt.ListenDrops": 3, "TcpExt.ListenOverflows": 3})
	f := c.Diagnose().Finding("app.vague")
	if f.Named() || len(f.Explained) != 1 || f.Explained[0].By != "app.plain" {
		t.Errorf("explained away it is %v: %+v", f.Probability, f.Explained)
	}
}

// Answers raise suspicion, they never convict, however many agree.
func TestAnswersNeverConvict(t *testing.T) {
	c := newCase(t, "")
	for _, q := range c.Book.Questions() {
		var all []string
		for _, o := range q.Options {
			all = append(all, o.ID)
		}
		if err := c.Answer(q.ID, Answer{Options: all}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range c.Diagnose().Findings {
		if f.Named() {
			t.Errorf("%s is named by answers alone: %v", f.Cause.ID, f.Probability)
		}
		if moved := math.Abs(f.Evidence - f.Cause.Prior); moved > answerCap+1e-9 {
			t.Errorf("%s moved by %v dB", f.Cause.ID, moved)
		}
	}
}

func TestVerdict(t *testing.T) {
	quiet := map[string]float64{
		"Tcp.RetransSegs": 0, "TcpExt.TCPSynRetrans": 0, "TcpExt.TCPDSACKRecv": 0, "TcpExt.TCPOrigDataSent": 5000,
		"Tcp.AttemptFails": 0, "Tcp.ActiveOpens": 10, "Tcp.PassiveOpens": 10, "TcpExt.ListenDrops": 0, "TcpExt.ListenOverflows": 0,
	}
	with := func(name string, v float64) map[string]float64 {
		m := map[string]float64{}
		for k, have := range quiet {
			m[k] = have
		}
		m[name] = v
		return m
	}
	c := newCase(t, theory)
	tests := []struct {
		name   string
		growth map[string]float64
		want   Verdict
	}{
		{"quiet", quiet, Healthy},
		{"nothing could be read", nil, Inconclusive},
		{"a fault", with("TcpExt.ListenOverflows", 9), Fault},
		{"signs without a cause", with("TcpExt.TCPSynRetrans", 1), Healthy},
		{"many signs without a cause", with("Tcp.AttemptFails", 2), Healthy},
	}
	for _, tt := range tests {
		c.Facts = facts(tt.growth)
		if d := c.Diagnose(); d.Verdict != tt.want {
			t.Errorf("%s: %s, want %s (%v, %v)", tt.name, d.Verdict, tt.want, d.Symptoms, d.Doubts)
		}
	}
}

func TestLedgerBalances(t *testing.T) {
	c := newCase(t, theory)
	c.Facts = facts(map[string]float64{
		"TcpExt.ListenOverflows": 4, "Tcp.RetransSegs": 30, "TcpExt.TCPSynRetrans": 4,
		"TcpExt.TCPDSACKRecv": 6, "TcpExt.TCPOrigDataSent": 100,
	})
	c.Facts.Table("qdisc") // somebody looked, and there is none
	env := balanced(c.Book, c.Facts, balance(c.Facts, nil))
	for name, want := range map[string]float64{
		"ledger.retrans": 26, "ledger.spurious": 6, "ledger.located_tx": 0, "ledger.unlocated": 20, "ledger.unlocated_share": 0.2,
	} {
		if v, _ := env.Value(name); v != want {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
	var found bool
	for _, e := range c.Diagnose().Ledger {
		if e.Counter == "TcpExt.ListenOverflows" {
			if found {
				t.Error("a counter stands twice in the ledger")
			}
			found = true
			if e.Drops != 4 || e.Direction != "rx" || e.Unit != "connection attempts" {
				t.Errorf("entry %+v", e)
			}
		}
	}
	if !found {
		t.Error("the overflow is not in the ledger")
	}
}

func TestPlanOffersWhatHolds(t *testing.T) {
	c := newCase(t, theory)
	c.Facts = facts(map[string]float64{"TcpExt.ListenOverflows": 3})
	d := c.Diagnose()
	var titles []string
	for _, s := range c.Plan(d) {
		if s.Cause.ID == "app.plain" {
			titles = append(titles, s.Remedy.ID+": "+s.Change)
		}
	}
	if len(titles) != 1 || titles[0] != "fix: do 3" {
		t.Errorf("plan is %v", titles)
	}
}

// The question suggested next is one that would separate what is still open.
func TestNextStep(t *testing.T) {
	c := newCase(t, "")
	c.Facts = facts(map[string]float64{"TcpExt.ListenOverflows": 0})
	d := c.Diagnose()
	if len(d.Next) == 0 {
		t.Fatal("nothing is suggested")
	}
	for i := 1; i < len(d.Next); i++ {
		if d.Next[i].Bits > d.Next[i-1].Bits {
			t.Error("steps are not in order")
		}
	}
	first := d.Next[0]
	for _, s := range d.Next {
		if s.Kind == "question" {
			first = s
			break
		}
	}
	if err := c.Answer(first.ID, Answer{Options: []string{content.DontKnow}}); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Diagnose().Next {
		if s.ID == first.ID {
			t.Errorf("%s is suggested again after it was answered", s.ID)
		}
	}
}

func TestASentenceIsNotTwiceTold(t *testing.T) {
	tests := []struct{ first, second, want string }{
		{"interface eth0 filters strictly: what comes by another way is dropped", "interface eth1 filters strictly: what comes by another way is dropped", "eth1"},
		{"route 10.0.0.0/8 via 10.1.1.1 refuses what is sent to it", "route 10.2.0.0/16 via 10.1.1.2 refuses what is sent to it", "10.2.0.0/16 via 10.1.1.2"},
		{"eth0 lost 5 packets", "eth1 lost 7 packets", ""},
		{"one", "two", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		if got := differing(tt.first, tt.second); got != tt.want {
			t.Errorf("differing(%q, %q) = %q, want %q", tt.first, tt.second, got, tt.want)
		}
	}
}

func TestNotesOfOneKindStandTogether(t *testing.T) {
	got := noted([]Evidence{
		{Says: "the kernel dropped 15 packets of tcp a:1 > b:2: the egress queue dropped it: full, above its rate, or to signal congestion"},
		{Says: "the kernel dropped 12 packets of tcp a:1 > b:3: the egress queue dropped it: full, above its rate, or to signal congestion"},
		{Says: "something else"},
	})
	want := []string{"the kernel dropped 15 packets of tcp a:1 > b:2: the egress queue dropped it: full, above its rate, or to signal congestion; likewise 12 packets of tcp a:1 > b:3", "something else"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
