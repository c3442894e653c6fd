package interview

import (
	"strings"
	"testing"
)

// TestReadOut begins with what the command shows that was asked for, or the value of what
// was named: with growth beside the total, moved or not.
func TestReadOut(t *testing.T) {
	for _, tt := range []struct {
		scenario, probe, words string
		want                   []string // the first lines
	}{
		{queueScenario, "sockets", "show me ss -ltn", []string{"ss -ltn", "10.167.2.2:8167, web, Recv-Q 0, Send-Q 4096", "10.167.2.2:8443, orders-api, Recv-Q 9, Send-Q 8"}},
		{queueScenario, "sockets", "ss -ti", []string{"ss -ti", "37 connections with 10.167.1.2, 0 of 1716 data segments sent again"}},
		{queueScenario, "settings", "sysctl net.core.somaxconn", []string{"net.core.somaxconn = 4096"}},
		{queueScenario, "settings", "what is somaxconn?", []string{"net.core.somaxconn = 4096"}},
		{queueScenario, "counters", "TcpExtListenOverflows", []string{"TcpExt.ListenOverflows +678 in 15 s (total 1517)"}},
		{queueScenario, "counters", "nstat -az", []string{"nstat", "Tcp.RetransSegs +2 in 15 s (total 4)"}},
		{queueScenario, "counters", "TcpExtTCPBacklogDrop", []string{"TcpExt.TCPBacklogDrop +0 in 15 s (total 0)"}},
		{queueScenario, "links", "ethtool -g eth0", []string{"ethtool -g", "I have no output of that from this host."}},
		{queueScenario, "filters", "iptables -L", []string{"nft list ruleset", "No rule in it can drop"}},
		{"three-million", "links", "ethtool -S eth0", []string{"ethtool -S", "eth0 bw_in_allowance_exceeded: +0 in 5 s (total 3241329)"}},
		{"premiere-night", "filters", "conntrack -S", []string{"conntrack -S", "262144 flows of at most 262144"}},
	} {
		n := sit(t, tt.scenario)
		lines := n.ReadOut(n.Entry(KeyOf(Probe, tt.probe)), tt.words)
		for i, want := range tt.want {
			if i >= len(lines) || !strings.HasPrefix(lines[i].Text, want) {
				t.Errorf("%s, %q: line %d is not %q: %+v", tt.scenario, tt.words, i+1, want, lines)
				break
			}
		}
	}
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
