package interview

import (
	"strings"
	"testing"

	"whydrop/checklist/train"
	"whydrop/probes/fact"
)

// TestReadOut begins with what the command shows that was asked for, or the value of what
// was named: with growth beside the total, moved or not.
func TestReadOut(t *testing.T) {
	for _, tt := range []struct {
		scenario, probe, words string
		want                   []string // the first lines
	}{
		{queueScenario, "sockets", "show me ss -ltn", []string{"ss -ltn", "10.167.2.2:8167, web, Recv-Q 0, Send-Q 4096", "10.167.2.2:8443, orders-api, Recv-Q 9, Send-Q 8"}},
		{queueScenario, "sockets", "ss -ti", []string{"ss -ti", "37 connections with 10.167.1.2, 1"}},
		{queueScenario, "settings", "sysctl net.core.somaxconn", []string{"net.core.somaxconn = 4096"}},
		{queueScenario, "settings", "what is somaxconn?", []string{"net.core.somaxconn = 4096"}},
		{queueScenario, "counters", "TcpExtListenOverflows", []string{"TcpExt.ListenOverflows +6"}},
		{queueScenario, "counters", "nstat -az", []string{"nstat", "Tcp.RetransSegs +"}},
		{queueScenario, "counters", "TcpExtTCPBacklogDrop", []string{"TcpExt.TCPBacklogDrop +0 in 15 s (total 0)"}},
		{queueScenario, "links", "ethtool -g eth0", []string{"ethtool -g", "I have no output of that from this host."}},
		{queueScenario, "filters", "iptables -L", []string{"nft list ruleset", "No rule in it can drop"}},
		{"three-million", "links", "ethtool -S eth0", []string{"ethtool -S", "eth0 bw_in_allowance_exceeded: +0 in 5 s (total 3241329)"}},
		{queueScenario, "settings", "sysctl net.ipv4.neigh.default.base_reachable", []string{"net.ipv4.neigh.default.base_reachable: not known of this host"}},
		{queueScenario, "routes", "ip rule show", []string{"ip rule"}},
		{queueScenario, "routes", "ip route get 10.0.0.1", []string{"ip route get", "I have no output of that"}},
		{queueScenario, "resources", "uptime", []string{"uptime"}},
		{"mill-branch", "routes", "ip route", []string{"ip route", "blackhole 10.96.9.0/24"}},
		{"mill-branch", "counters", "cat /proc/net/stat/arp_cache", []string{"cat /proc/net/stat/arp_cache", "neigh.table_fulls +0"}},
		{"lottery-saturday", "counters", "cat /proc/net/sockstat", []string{"cat /proc/net/sockstat", "sockets: used ", "TCP: inuse "}},
		{"lottery-saturday", "sockets", "ss -tm", []string{"ss -tm"}},
		{"premiere-night", "filters", "conntrack -S", []string{"conntrack -S", "262144 flows of at most 262144"}},
	} {
		n := sit(t, tt.scenario)
		e := n.Entry(KeyOf(Probe, tt.probe))
		if e == nil {
			t.Errorf("%s has no %s", tt.scenario, tt.probe)
			continue
		}
		lines := n.ReadOut(e, tt.words)
		for i, want := range tt.want {
			if i >= len(lines) || !strings.HasPrefix(lines[i].Text, want) {
				t.Errorf("%s, %q: line %d is not %q: %+v", tt.scenario, tt.words, i+1, want, lines)
				break
			}
		}
	}
}

// TestFiguresCanBe has no command of any scenario show a counter of a route, more segments
// sent again than data segments sent of which they are a part, or a clean kernel log.
func TestFiguresCanBe(t *testing.T) {
	book, _ := loadBook(t)
	for i, sc := range book.Scenarios {
		if i%5 > 0 && sc.ID != "mill-branch" && sc.ID != "flat-floor" {
			continue // each takes its time
		}
		n := sit(t, sc.ID)
		for _, e := range n.Script(PageMeasure) {
			for _, o := range e.outputs {
				for _, text := range o.lines {
					if o.command.Title == "ip route" && strings.Contains(text, "total") || strings.Contains(text, " of 0 data") || strings.Contains(text, "Nothing of note") {
						t.Errorf("%s, %s: %s", sc.ID, o.command.Title, text)
					}
				}
			}
		}
	}
}

// TestClearLogProvesNothing has the kernel log be what the people of the story say of it
// where the recording holds no line, and its lines where it holds some.
func TestClearLogProvesNothing(t *testing.T) {
	n := sit(t, queueScenario)
	for _, command := range n.ear.speech.Commands {
		if command.Title != "dmesg" {
			continue
		}
		facts := &fact.Facts{Values: map[string]fact.Value{"log.readable": {Now: true}}, Tables: map[string][]fact.Row{}}
		answer := func(q string) string { return q + ": nobody looked" }
		for _, want := range []string{"As to Q10b: Q10b: nobody looked", "eth0: link is down"} {
			tell := newTeller(facts)
			tell.answer, tell.reading = answer, &train.Reading{}
			if o := tell.tell(command); len(o.lines) != 1 || o.lines[0] != want || o.nothing == (len(facts.Tables) > 0) {
				t.Errorf("dmesg shows %+v, want %q", o, want)
			}
			facts.Tables["log"] = []fact.Row{{"name": "a", "text": "eth0: link is down"}}
		}
		return
	}
	t.Error("nobody asks for dmesg")
}

// FuzzSearch says anything: nothing breaks, and what is found can be ticked or concluded.
func FuzzSearch(f *testing.F) {
	for _, s := range said[:8] {
		f.Add(s.words)
	}
	f.Add("ss -\xff -ltn \x1b[A I'd ' - -- cause:healthy question: ?")
	n := sit(f, queueScenario)
	f.Fuzz(func(t *testing.T, words string) {
		for _, e := range n.Search(words).Entries {
			if !e.Tickable() {
				t.Errorf("%q finds %s", words, e.Key)
			}
			n.ReadOut(e, words)
		}
		n.Conclusions(words)
	})
}
