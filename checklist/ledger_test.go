package checklist

import (
	"testing"

	"whydrop/probes/fact"
)

// place finds an entry of the whole ledger.
func place(t *testing.T, places []LedgerEntry, counter string) LedgerEntry {
	t.Helper()
	for _, e := range places {
		if e.Counter == counter {
			return e
		}
	}
	t.Fatalf("no place %q in the ledger", counter)
	return LedgerEntry{}
}

// The whole ledger tells for every place what it lost now and ever, and for one
// that nobody could read why.
func TestPlaces(t *testing.T) {
	c := newCase(t, "")
	f := facts(map[string]float64{"TcpExt.ListenOverflows": 4, "TcpExt.TCPBacklogDrop": 0})
	f.Values["TcpExt.TCPOFODrop"] = fact.Value{Now: 0.0, Total: new(float64)}
	f.Add("link", fact.Row{
		"name": "eth0", "rx_crc": 3.0, "rx_crc_total": 12.0, "rx_frame": 0.0, "rx_frame_total": 0.0,
	})
	f.Add("link", fact.Row{"name": "eth1", "rx_crc": 0.0, "rx_crc_total": 7.0})
	f.Add("link", fact.Row{"name": "eth2", "rx_crc": 0.0, "rx_crc_total": 0.0})
	f.Probes = []fact.Status{{Name: "filters", Status: "skipped", Why: "needs CAP_NET_ADMIN"}}
	c.Facts = f
	places := c.Places(c.Diagnose())

	number := func(v float64) *float64 { return &v }
	tests := []struct {
		counter string
		drops   float64
		total   *float64
		unknown string
	}{
		{"TcpExt.ListenOverflows", 4, number(1004), ""},
		{"TcpExt.TCPBacklogDrop", 0, number(1000), ""},
		{"TcpExt.TCPOFODrop", 0, number(0), ""},
		{"eth0 rx_crc_errors", 3, number(12), ""},
		{"eth1 rx_crc_errors", 0, number(7), ""},
		{"conntrack.drop", 0, nil, "needs CAP_NET_ADMIN"},
		{"softnet.dropped", 0, nil, "not told by this kernel or driver"},
	}
	for _, tt := range tests {
		e := place(t, places, tt.counter)
		if e.Drops != tt.drops || e.Unknown != tt.unknown || (e.Total == nil) != (tt.total == nil) {
			t.Errorf("%s: %+v", tt.counter, e)
		} else if e.Total != nil && *e.Total != *tt.total {
			t.Errorf("%s: total %v, want %v", tt.counter, *e.Total, *tt.total)
		}
	}
	for _, e := range places {
		if e.Counter == "eth2 rx_crc_errors" {
			t.Error("a link that never lost anything is a place of its own")
		}
	}
}

// The way in runs from the wire up to the application, the way out down again.
func TestPlacesFollowThePacket(t *testing.T) {
	c := newCase(t, "")
	at := map[string]int{}
	for i, h := range c.Book.Hops {
		at[h.ID] = i
	}
	last, out := len(c.Book.Hops), false
	for _, e := range c.Places(c.Diagnose()) {
		if e.Direction == "tx" && !out {
			out, last = true, 0
		}
		switch {
		case e.Direction == "rx" && out:
			t.Fatalf("%s on the way in stands after the way out", e.Counter)
		case e.Direction == "rx" && at[e.Hop] > last, e.Direction == "tx" && at[e.Hop] < last:
			t.Errorf("%s at %s is out of order", e.Counter, e.Hop)
		}
		last = at[e.Hop]
	}
	if !out {
		t.Error("nothing on the way out")
	}
}

// drop is a row of the kernel's drops.
func drop(reason, location, direction string, packets, tcp float64) fact.Row {
	return fact.Row{
		"name": reason + " in " + location, "reason": reason, "location": location, "direction": direction,
		"packets": packets, "packets_total": packets, "tcp_packets": tcp,
	}
}

// A packet that a counter and a drop reason both show stands in the ledger once;
// what no counter shows stands there under its reason; what nobody misses, not
// at all.
func TestReasonsBalanceCounters(t *testing.T) {
	rule := func(packets float64) fact.Row {
		return fact.Row{
			"name": "inet filter input 4", "verdict": "drop", "packets": packets, "tcp": true, "limit": false,
			"ct_invalid": false, "hook": "input", "counted": true,
		}
	}
	tests := []struct {
		name     string
		counters map[string]float64
		rules    []fact.Row
		drops    []fact.Row
		hop      string
		want     float64 // lost at the hop, and in all
		tcp      float64 // of it TCP's
	}{
		{name: "a rule counts what the kernel frees", rules: []fact.Row{rule(90)},
			drops: []fact.Row{drop("NETFILTER_DROP", "nf_hook_slow", "rx", 90, 90)}, hop: "netfilter", want: 90, tcp: 90},
		{name: "one rule counts, another does not", rules: []fact.Row{rule(90)},
			drops: []fact.Row{drop("NETFILTER_DROP", "nf_hook_slow", "rx", 150, 75)}, hop: "netfilter", want: 150, tcp: 120},
		{name: "the counter was read a moment later", rules: []fact.Row{rule(1000)},
			drops: []fact.Row{drop("NETFILTER_DROP", "nf_hook_slow", "rx", 1010, 1010)}, hop: "netfilter", want: 1000, tcp: 1000},
		{name: "no counter at all",
			drops: []fact.Row{drop("TC_INGRESS", "sch_handle_ingress", "rx", 12, 6)}, hop: "bpf", want: 12, tcp: 6},
		{name: "two counters of one reason", counters: map[string]float64{"TcpExt.PAWSEstab": 4, "TcpExt.PAWSActive": 3},
			drops: []fact.Row{drop("TCP_RFC7323_PAWS", "tcp_validate_incoming", "rx", 7, 7)}, hop: "tcp", want: 7, tcp: 7},
		{name: "the end of a connection",
			drops: []fact.Row{drop("SOCKET_CLOSE", "sk_stream_kill_queues", "rx", 5, 5), drop("QUEUE_PURGE", "__skb_queue_purge", "tx", 5, 5)}},
	}
	c := newCase(t, "")
	for _, tt := range tests {
		f := facts(tt.counters)
		f.Kernel = "6.18.0"
		f.Tables["rule"], f.Tables["drop"] = tt.rules, tt.drops
		c.Facts = f
		d := c.Diagnose()
		var all, there float64
		for _, e := range d.Ledger {
			if e.Loss {
				all += e.Drops
			}
			if e.Loss && e.Hop == tt.hop {
				there += e.Drops
			}
		}
		if all != tt.want || there != tt.want {
			t.Errorf("%s: %v lost, %v at %s, want %v: %+v", tt.name, all, there, tt.hop, tt.want, d.Ledger)
		}
		if got := d.Balance.LocatedRx + d.Balance.LocatedTx; got != tt.tcp {
			t.Errorf("%s: %v of TCP's, want %v", tt.name, got, tt.tcp)
		}
	}
}
