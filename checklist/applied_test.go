package checklist

import (
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// stepThatStops is a step of the plan of some cause that is to stop a number, of a row
// of a table if it speaks of one.
func stepThatStops(t *testing.T, c *Case, stops string, f *fact.Facts) PlanStep {
	t.Helper()
	for _, cause := range c.Book.Causes {
		for _, r := range cause.Remedies {
			if r.Stops.Empty() || r.Stops.Source != stops {
				continue
			}
			remedy := *r
			s := PlanStep{Cause: cause, Remedy: &remedy}
			if rows, _ := newScene(f, nil).table(r.Each); len(rows) > 0 {
				s.row = rows[0]
			} else {
				remedy.Each = ""
			}
			return s
		}
	}
	t.Fatalf("no remedy is to stop %s", stops)
	return PlanStep{}
}

var began = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// window is an observation of the last 15 s at a second of the session: what grew in
// it, and the total.
func window(second int, name string, growth, total float64) *fact.Facts {
	f := fact.New(began.Add(time.Duration(second-15)*time.Second), 15)
	f.Count(name, growth, total)
	f.Probes = []fact.Status{{Name: "counters", Status: "ok", Every: 1}, {Name: "links", Status: "ok", Every: 4}}
	return f
}

var someSettings = []SettingChange{{Name: "net.core.somaxconn", Was: "128", To: "4096"}, {Name: "net.ipv4.tcp_max_syn_backlog", Was: "4096", To: "4096", Left: "it has this value already"}}

// TestCountedSince counts only what came since a step was applied, though the window of
// the observations reaches back before it.
func TestCountedSince(t *testing.T) {
	const overflows = "TcpExt.ListenOverflows"
	for _, tt := range []struct {
		name   string
		totals []float64 // from the second of the change on
		want   Outcome
	}{
		{"stopped", []float64{1000, 1074, 1074, 1074, 1074, 1074, 1074}, Stopped},
		{"as before", []float64{1000, 1074, 1148, 1222, 1296, 1370, 1444}, Unchanged},
		{"fewer", []float64{1000, 1074, 1084, 1094, 1104, 1114, 1124}, Fewer},
		{"more", []float64{1000, 1074, 1300, 1600, 1900, 2200, 2500}, More},
		{"nothing counted yet", []float64{1000, 1000}, TooFew},
		{"the counter began anew", []float64{1000, 1074, 1074, 1074, 0, 0, 0}, TooFew},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCase(t, "")
			before := window(0, overflows, 1110, 1000)
			c.Apply(began, stepThatStops(t, c, overflows, before), someSettings, before)
			for second, total := range tt.totals {
				c.Counted(window(second, overflows, 1110, total))
			}
			if e := c.Applied[0].Effect; e.Outcome != tt.want {
				t.Errorf("%s, want %s", e.Says(), tt.want)
			}
		})
	}
}

// TestCountedOfARow counts the row that the step speaks of; where the probe is looked
// at less often, what it showed last may be from before the change.
func TestCountedOfARow(t *testing.T) {
	c := newCase(t, "")
	at := func(second int, drops, total float64) *fact.Facts {
		f := window(second, "Tcp.OutSegs", 1, 1)
		f.Add("qdisc", fact.Row{"name": "eth0 1:", "kind": "fq_codel", "drops": drops, "drops_total": total})
		f.Add("qdisc", fact.Row{"name": "eth1 1:", "kind": "pfifo", "drops": 1.0, "drops_total": 10 * float64(second)})
		return f
	}
	before := at(0, 300, 5000)
	c.Apply(began, stepThatStops(t, c, "qdisc.drops", before), someSettings, before)
	for second := 1; second <= 3; second++ {
		c.Counted(at(second, 300, 5000+20*float64(second))) // from before the change
	}
	if e := c.Applied[0].Effect; e.SinceSeconds != 0 {
		t.Errorf("counted too early: %s", e.Says())
	}
	for second := 5; second <= 12; second++ {
		c.Counted(at(second, 300, 5080))
	}
	if e := c.Applied[0].Effect; e.Outcome != Stopped || e.Since != 0 || e.SinceSeconds != 7 {
		t.Errorf("%s, want stopped in 7 s", e.Says())
	}
	f := at(13, 300, 5080)
	f.Tables["qdisc"] = append(f.Tables["qdisc"], f.Tables["qdisc"][0]) // which one is it?
	c.Applied[0].first = f
	c.Counted(at(14, 300, 5090))
	if e := c.Applied[0].Effect; e.Outcome != TooFew {
		t.Errorf("two rows of one name: %s", e.Says())
	}
}

// TestAppliedStandsInTheReport tells what was done, when, and what became of it, also
// after the cause is gone.
func TestAppliedStandsInTheReport(t *testing.T) {
	c := sickCase(t)
	step := PlanStep{Cause: c.Book.Cause("listen.accept-queue-full"), Remedy: c.Plan(c.Diagnose())[0].Remedy}
	before := window(0, "TcpExt.ListenOverflows", 1110, 1000)
	settings := append(someSettings, SettingChange{Name: "txqueuelen of eth|0`\x1b[2J", Was: "10", To: "1000"})
	copied := c.Copy()
	c.Apply(began.Add(190*time.Second), step, settings, before)
	c.Ended(began.Add(210*time.Second), TakenBack, "")
	c.Apply(began.Add(220*time.Second), step, someSettings, before)
	c.Ended(began.Add(230*time.Second), Kept, "whydrop rollback 20260301-030340-811 takes it back any time")
	if len(copied.Applied) != 0 || len(copied.Track.Events()) != 0 {
		t.Error("a copy of the case changes with it")
	}
	report := strings.ReplaceAll(reportOf(t, c), "&gt;", ">")
	for _, want := range []string{
		"| 2026-03-01 03:03:10 UTC | applied | net.core.somaxconn 128 -> 4096, txqueuelen of eth\\|0", "| went back | net.core.somaxconn is 128 again",
		"| 2026-03-01 03:03:50 UTC | kept | net.core.somaxconn 128 -> 4096; whydrop rollback 20260301-030340-811",
		"Applied during the session:", "| Done | applied at 03:03:40 UTC: net.core.somaxconn 128 -> 4096; kept",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not tell %q", want)
		}
	}
	if strings.Contains(report, "tcp_max_syn_backlog 4096 -> 4096") {
		t.Error("what was left as it is counts as changed")
	}
	if strings.Contains(report, "\x1b") {
		t.Error("an escape sequence reached the report")
	}
	c.Facts = facts(map[string]float64{"TcpExt.ListenOverflows": 0, "Tcp.RetransSegs": 0})
	if report := reportOf(t, c); !strings.Contains(report, "Applied during the session:") {
		t.Error("once the cause is gone the report does not tell what was done")
	}
}

// TestFates says of which fates the change is still there.
func TestFates(t *testing.T) {
	for fate, stands := range map[Fate]bool{Waiting: true, Kept: true, KeptOn: true, Stuck: true, TakenBack: false, WentBack: false} {
		if fate.Stands() != stands {
			t.Errorf("%q stands: %v", fate, fate.Stands())
		}
	}
}
