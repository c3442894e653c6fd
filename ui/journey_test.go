package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// filteredHost has n firewall rules that drop packets.
func filteredHost(v *content.Vocabulary, n int) *fact.Facts {
	f := quietHost(v)
	f.Flag("filter.readable", true)
	for i := range n {
		f.Add("rule", fact.Row{
			"name": fmt.Sprintf("inet fw in handle %d", i), "hook": "input", "verdict": "drop", "counted": true, "limit": false,
			"ct_invalid": false, "tcp": true, "packets": float64(200 + i), "packets_total": float64(1000 + i),
		})
	}
	return f
}

func TestJourneyShowsWhereItHurts(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "4")
	o.see("[4 Journey]", "! listen    |             ! 42 lost", "Listening socket", "TcpExt.ListenOverflows,", "4158 before", "2.8/s",
		"outside this host", "segments sent again: 1 = 0 lost on this host")
	o.press("right")
	o.see("> ! listen") // there is no other place to go to
	o.resize(200, 60)
	o.see("! 42 lost, 2.8/s", "4158 before", "Where on the packet's way")
}

// A place that nobody counts is not one that lost nothing.
func TestJourneyTellsUnknownFromNothing(t *testing.T) {
	o := sitDown(t, 80, 24)
	f := quietHost(o.m.kase.Book.Facts)
	delete(f.Values, "softnet.dropped")
	f.Probes = append(f.Probes, fact.Status{Name: o.m.kase.Book.Facts.Fact("softnet.dropped").Probe, Status: "failed", Why: "no such file"})
	o.send(factsMsg{f})
	o.press("enter", "4", "home")
	for range 10 {
		o.press("down")
	}
	o.see("> ", "Softirq and backlog", "no such file: softnet.dropped")
	o.see("no segment was sent again")
}

func TestJourneyKeepsItsPlace(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "4", "home", "down")
	o.see(">   host")
	o.send(factsMsg{filteredHost(o.m.kase.Book.Facts, 2)})
	o.see(">   host", "* 401 lost") // no cause is named: what a firewall drops is no alarm
	o.press("tab")
	o.see(">   netfilter", "Packet filter", "* 201 packets", "inet fw in handle 1, 800 before")
	o.press("enter")
	o.see("[2 Causes]", "netfilter.drop-rule")
	o.press("esc")
	o.see("[4 Journey]", ">   netfilter")
	o.resize(40, 10)
	o.see(">   netfilter")
}

func TestJourneyCopiesTheCounter(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "4", "y")
	o.see("counter: TcpExt.ListenOverflows", "by hand: nstat")
	o.press("esc", "home", "y")
	if o.m.copying != nil {
		t.Errorf("asked although there is one thing to copy:\n%s", o.screen())
	}
}

func TestJourneyBesideFitsEveryHeight(t *testing.T) {
	o := sitDown(t, 200, 60)
	for h := range 40 {
		for _, w := range []int{44, 48, 64} {
			lines := o.m.journeySide(w, h)
			if h > 3 && len(lines) > h {
				t.Errorf("%d lines where there is room for %d", len(lines), h)
			}
			for _, l := range lines {
				if n := ansi.StringWidth(l); n > w {
					t.Errorf("%d columns of %d: %q", n, w, l)
				}
			}
			if h > 3 && !strings.Contains(strings.Join(lines, "\n"), "42") {
				t.Errorf("what was lost is not among the %d lines", len(lines))
			}
		}
	}
}

// Whatever counts a place has, a cell has the width of its lane.
func TestCellsFillTheirLane(t *testing.T) {
	o := sitDown(t, 80, 24)
	long := strings.Repeat("needs 漢字 ", 20)
	lanes := []checklist.Lane{
		{}, {Passes: true}, {Passes: true, Lost: 3e15, Before: 9e9}, {Passes: true, Maybe: 0.01},
		{Passes: true, Places: []checklist.LedgerEntry{{Unknown: long}}, Unread: 1},
		{Passes: true, Places: []checklist.LedgerEntry{{}}, Before: 1e20},
		{Passes: true, Places: []checklist.LedgerEntry{{Fact: "TcpExt.ListenOverflows", Drops: 3, Loss: true}}, Lost: 3},
	}
	for _, l := range lanes {
		for w := 6; w < 60; w++ {
			if n := ansi.StringWidth(o.m.cell(checklist.Stop{}, l, w)); n != w {
				t.Errorf("%+v: %d columns of %d", l, n, w)
			}
		}
	}
}

func TestJourneyOfManyRulesIsShort(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.send(factsMsg{filteredHost(o.m.kase.Book.Facts, 10000)})
	o.press("enter", "4")
	o.see("52.0M lost")
	way := o.m.journey.stops(o.m)
	if n := len(o.m.stopLines(way[o.m.journey.index(way)], 36)); n > 400 {
		t.Errorf("%d lines", n)
	}
}

func BenchmarkJourney(b *testing.B) {
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	for _, rules := range []int{2, 10000} {
		for _, size := range [][2]int{{80, 24}, {200, 60}} {
			b.Run(fmt.Sprintf("%d rules/%dx%d", rules, size[0], size[1]), func(b *testing.B) {
				o := &operator{m: asciiModel(b, Options{})}
				o.resize(size[0], size[1])
				o.send(openMsg{kase: checklist.NewCase(book, time.Now())})
				o.send(factsMsg{filteredHost(book.Facts, rules)})
				o.press("enter", "4")
				keys := []string{"down", "pgdown", "up", "tab"}
				for i := 0; b.Loop(); i++ {
					o.press(keys[i%len(keys)])
					o.m.draw()
				}
			})
		}
	}
}

// What was sent again and is counted nowhere is told beside the place at which it
// stands, and the other places outside point there.
func TestWhatWasLostElsewhereIsTold(t *testing.T) {
	o := sitDown(t, 80, 24)
	f := quietHost(o.m.kase.Book.Facts)
	f.Count("Tcp.RetransSegs", 1269, 2000)
	f.Count("TcpExt.TCPOrigDataSent", 9000, 20000)
	o.send(factsMsg{f})
	o.press("enter", "4")
	for i, want := range map[string]string{"path": "segments sent again that no", "peer": "got lost elsewhere (see path)"} {
		o.m.journey.at = i
		o.see("? 1269 lost", want)
	}
}
