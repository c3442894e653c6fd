package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// minutes lets a host be watched for some seconds: a counter grows in bursts, a
// gauge wavers.
func minutes(o *operator, n int) {
	start := time.Date(2026, 3, 1, 3, 2, 0, 0, time.UTC)
	total := 4200.0
	for i := range n {
		o.m.now = func() time.Time { return start.Add(time.Duration(i) * time.Second) }
		f := lossyHost(o.m.kase.Book.Facts)
		grew := float64(i % 9 * 3)
		total += grew
		f.Count("TcpExt.ListenOverflows", grew, total)
		f.Gauge("tcp.rtt_ms", 20+float64(i%5))
		o.send(factsMsg{f})
	}
}

func TestEvidenceIsFilteredSortedAndSearched(t *testing.T) {
	o := lookAt(t, 80, 24, sickHost, "6")
	o.screen()
	names := func() string {
		var all []string
		o.screen()
		for _, e := range o.m.evidence.shown {
			all = append(all, e.key)
		}
		return strings.Join(all, " ")
	}
	o.see(fmt.Sprintf("used or moved: 12 of %d facts, used (! ?) first; +N grew by N in the last 15 s", len(o.m.evidence.facts)),
		"> ! TcpExt.ListenOverflows", "  ! + listener", "    Ip.InDelivers", "+18000", "1800000 packets", "2.8/s")
	if got, want := names(), "TcpExt.ListenOverflows listener Ip.InDelivers Ip.InReceives Tcp.ActiveOpens"; !strings.HasPrefix(got, want) || strings.Contains(got, "TCPReqQFullDrop") {
		t.Errorf("what is used, then what moved: %s", got)
	}
	o.press("o")
	if got := names(); !strings.HasPrefix(got, "Ip.InDelivers Ip.InReceives Tcp.ActiveOpens") || !strings.HasSuffix(got, " listener") {
		t.Errorf("by name: %s", got)
	}
	o.press("o")
	if got := names(); !strings.HasPrefix(got, "Ip.InDelivers Ip.InReceives Tcp.InSegs TcpExt.TCPOrigDataSent Tcp.PassiveOpens TcpExt.ListenDrops TcpExt.ListenOverflows Tcp.RetransSegs") {
		t.Errorf("what grew most first: %s", got)
	}
	o.press("o", "o", "v")
	o.see("what reasons stand on")
	if got := names(); !strings.Contains(got, "listener") || strings.Contains(got, "Ip.InDelivers") {
		t.Errorf("what reasons stand on: %s", got)
	}
	o.press("v")
	o.see(fmt.Sprintf("all %d facts, used (! ?) first", len(o.m.evidence.facts)))
	o.press("v", "/", "somaxconn", "enter")
	o.see(`facts with "somaxconn"`, "sysctl.net.core.somaxconn", "4096")
	o.press("/", "zzz", "enter")
	o.see(`No fact has "somaxconnzzz" in its name or meaning. / changes the search.`)
}

func TestEvidenceTellsOfAFact(t *testing.T) {
	o := lookAt(t, 80, 24, sickHost, "6")
	o.press("/", "ListenOverflows", "enter")
	o.see("TcpExt.ListenOverflows: +42 connection attempts in 15 s (2.8/s), 4200", "by hand: nstat", "used for: The accept queue of a listening socket overflows (> 99 %)")
	minutes(o, 30)
	o.press("enter")
	o.see("TcpExt.ListenOverflows: +", "the whole session, at most 24 connection attempts a second", "#", "read by the probe counters")
	o.press("y")
	o.see("name: TcpExt.ListenOverflows", "value: 6", "see it by hand: nstat")
	o.press("esc", "enter")
	o.see("[2 Causes]")
	o.press("esc", "esc")
	o.see(`with "ListenOverflows"`)
}

// What could not be read says why, and is never shown as zero.
func TestEvidenceThatCouldNotBeRead(t *testing.T) {
	o := lookAt(t, 80, 24, sickHost, "6", "/", "conntrack.count", "enter")
	o.see("? cannot see firewall rules: needs CAP_NET_ADMIN", "not known. The probe filters: cannot see firewall rules: needs")
	o = lookAt(t, 80, 24, sickHost, "6", "/", "tcp.rtt_ms", "enter")
	o.see("? not known here", "not known. The probe sockets did not find it on this host")
	o.press("enter", "y", "esc", "esc")
	before := &operator{t, asciiModel(t, Options{})}
	before.send(openMsg{kase: checklist.NewCase(o.m.kase.Book, time.Now())})
	before.press("enter", "6")
	before.see("Nothing is measured yet")
	before.press("v", "v", "enter")
	before.see("not measured yet")
}

func TestTablesUnfold(t *testing.T) {
	o := lookAt(t, 80, 24, lossyHost, "6", "v", "v", "/", "listener", "enter")
	downTo(o, "listener")
	o.see(">   + listener")
	o.press("enter")
	o.see("- listener", "0.0.0.0:8080  port 8080, process api, pid 700, limit 128", "0.0.0.0:8082")
	o.press("down", "down", "enter")
	o.see("listener 0.0.0.0:8081", "queue_peak", "60 connections", "the most at one look")
	o.press("esc", "space")
	o.see(">   + listener")
	// A row of a table that nobody could read is no row.
	o.press("/", "backspace", "rule", "enter")
	o.see("rule")
}

func TestEvidenceStaysUnderTheCursor(t *testing.T) {
	o := lookAt(t, 80, 24, sickHost, "6")
	o.press("down", "down", "down")
	at := o.m.evidence.here(o.m).key
	o.send(factsMsg{quietHost(o.m.kase.Book.Facts)})
	if got := o.m.evidence.update; got == nil || o.m.screen().draw(o.m, 80, 20) == nil || o.m.evidence.here(o.m).key != at {
		t.Errorf("the cursor was on %s, and is on %s", at, o.m.evidence.here(o.m).key)
	}
	minutes(o, 5)
	o.press("down", "up")
	if o.m.evidence.here(o.m).key != at {
		t.Errorf("the cursor was on %s, and is on %s", at, o.m.evidence.here(o.m).key)
	}
}

// What begins to be used or to move comes into the list, and what no longer does
// stays in its place: the line under the cursor stays where it is. The operator's
// next choice drops what is still.
func TestMeasurementsDoNotMoveTheLineUnderTheCursor(t *testing.T) {
	o := lookAt(t, 80, 24, sickHost, "6")
	o.press("down", "down", "down", "down")
	line := func() int {
		return slices.IndexFunc(strings.Split(o.screen(), "\n"), func(l string) bool { return strings.HasPrefix(l, "> ") })
	}
	at, before := o.m.evidence.here(o.m).key, line()
	hosts := []func(*content.Vocabulary) *fact.Facts{quietHost, lossyHost, stuckHost, sickHost, quietHost}
	for i, next := range hosts {
		o.send(factsMsg{next(o.m.kase.Book.Facts)})
		if got := o.m.evidence.here(o.m).key; got != at || line() != before {
			t.Errorf("after host %d the cursor is on %s in line %d, it was on %s in line %d", i, got, line(), at, before)
		}
	}
	o.see("Tcp.PassiveOpens", "+0")
	o.press("1", "6")
	if strings.Contains(o.screen(), "Tcp.PassiveOpens") {
		t.Errorf("what is still stays for ever:\n%s", o.screen())
	}
}

func TestChart(t *testing.T) {
	th := newTheme(true)
	got := strings.Join(th.chart([]float64{0, 1, 2, 3, 4}, 10, 2, 4), "\n")
	if want := "   =#\n_=###"; got != want {
		t.Errorf("the chart is\n%s\nwant\n%s", got, want)
	}
}

// downTo goes down the list to a fact.
func downTo(o *operator, key string) {
	for range 700 {
		if o.m.draw(); o.m.evidence.here(o.m).key == key {
			return
		}
		o.press("down")
	}
}

func benchmarkEvidence(b *testing.B, key string) {
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	o := &operator{m: asciiModel(b, Options{})}
	o.resize(200, 60)
	o.send(openMsg{kase: checklist.NewCase(book, time.Now())})
	f := lossyHost(book.Facts)
	for i := range 10_000 {
		f.Add("flow", fact.Row{"name": fmt.Sprintf("10.0.0.5:40000 > 198.51.%d.%d:443", i/250, i%250), "retrans": 1.0, "rtt_ms": float64(i % 300)})
	}
	o.send(factsMsg{f})
	o.press("enter", "6", "v", "v", "/", "flow", "enter")
	downTo(o, "flow")
	o.press("enter")
	o.m.draw()
	b.ReportAllocs()
	for b.Loop() {
		if key == "" {
			o.m.evidence.of = nil
		} else {
			o.press(key)
		}
		o.m.draw()
	}
}

// A key and the drawing after it, on 10,000 rows of an open table, and what new
// measurements of them cost.
func BenchmarkScrollEvidence200(b *testing.B) { benchmarkEvidence(b, "down") }
func BenchmarkNewEvidence200(b *testing.B)    { benchmarkEvidence(b, "") }
