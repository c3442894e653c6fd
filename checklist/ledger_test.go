package checklist

import (
	"cmp"
	"strings"
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

// A counter that no driver has is unknown, one that stands still is zero.
func TestDriversWithoutACounter(t *testing.T) {
	c := newCase(t, "")
	c.Facts = facts(nil)
	c.Facts.Table("nicstat")
	c.Facts.Add("nic", fact.Row{"name": "eth0", "tx_drop": 0.0})
	places := c.Places(c.Diagnose())
	if e := place(t, places, "nic.driver-tx"); e.Unknown != "" || e.Drops != 0 {
		t.Errorf("a counter that stands still: %+v", e)
	}
	if e := place(t, places, "aws.allowance"); e.Unknown == "" {
		t.Errorf("a counter that no driver has: %+v", e)
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

// silent is a rule without a counter.
func silent(hook string, tcp bool) fact.Row {
	return fact.Row{
		"name": "inet filter " + hook, "verdict": "drop", "hook": hook, "tcp": tcp, "counted": false, "limit": false, "ct_invalid": false,
	}
}

// What was lost stands at its place and in its direction, as exactly as it can be
// known: by the kernel's reasons where they are counted, else by what remains of
// the counters.
func TestLedgerKnowsTheBest(t *testing.T) {
	counted := func(hook, verdict string, packets float64, tcp bool) fact.Row {
		row := silent(hook, tcp)
		row["name"], row["counted"], row["packets"], row["verdict"] = "inet filter counted", true, packets, verdict
		return row
	}
	type lost struct{ rx, tx, tcp float64 }
	tests := []struct {
		name     string
		kernel   string // 6.18.0 if empty
		counters map[string]float64
		tables   map[string][]fact.Row
		drops    []fact.Row // nil: nobody counts them
		want     lost
		cause    string // of each line
	}{
		{name: "two families, one rule that counts and one that does not", counters: map[string]float64{"ip.rx_vanished": 60, "ip6.rx_vanished": 100, "Ip.FragFails": 0},
			tables: map[string][]fact.Row{"rule": {silent("input", true), counted("input", "drop", 40, true)}}, want: lost{rx: 160, tcp: 160}, cause: "netfilter.drop-rule"},
		{name: "without IPv6", counters: map[string]float64{"ip.rx_vanished": 60, "Ip.FragFails": 0},
			tables: map[string][]fact.Row{"rule": {silent("input", true)}}, want: lost{rx: 60, tcp: 60}, cause: "netfilter.drop-rule"},
		{name: "UDP is lost, and TCP does not miss it", tables: map[string][]fact.Row{"rule": {counted("input", "drop", 40, false)}}, want: lost{rx: 40}, cause: "netfilter.drop-rule"},
		{name: "a silent rule on FORWARD", counters: map[string]float64{"ip.tx_vanished": 30, "ip6.tx_vanished": 0},
			tables: map[string][]fact.Row{"rule": {silent("forward", true), silent("output", true)}}, want: lost{rx: 30, tcp: 30}, cause: "netfilter.drop-rule"},
		{name: "older kernels count what FORWARD takes on the way in", kernel: "5.10.0", counters: map[string]float64{"ip.rx_vanished": 30, "Ip.FragFails": 0},
			tables: map[string][]fact.Row{"rule": {silent("input", true), counted("forward", "drop", 30, true)}}, want: lost{rx: 30, tcp: 30}, cause: "netfilter.drop-rule"},
		{name: "what remains gives way to the kernel's reasons", counters: map[string]float64{"ip.rx_vanished": 50, "Ip.FragFails": 0},
			tables: map[string][]fact.Row{"rule": {silent("input", true)}}, drops: []fact.Row{drop("NOT_SPECIFIED", "ip_error", "rx", 50, 50)}, want: lost{rx: 50, tcp: 50}, cause: "ip.blackhole-route"},
		{name: "where the kernel gives none, it stays", kernel: "5.10.0", counters: map[string]float64{"ip.rx_vanished": 50, "Ip.FragFails": 0},
			tables: map[string][]fact.Row{"rule": {silent("input", true)}}, drops: []fact.Row{}, want: lost{rx: 50, tcp: 50}, cause: "netfilter.drop-rule"},
		{name: "each direction has its own", tables: map[string][]fact.Row{"rule": {counted("output", "drop", 20, true)}},
			drops: []fact.Row{drop("NETFILTER_DROP", "nft_do_chain", "rx", 60, 60), drop("NETFILTER_DROP", "nft_do_chain", "tx", 50, 50)}, want: lost{rx: 60, tx: 50, tcp: 110}, cause: "netfilter.drop-rule"},
		{name: "a counter of harmless drops too does not hide losses", tables: map[string][]fact.Row{"link": {{"name": "vx0", "kind": "vxlan", "hardware": false, "tx_dropped": 30.0}}},
			drops: []fact.Row{drop("DEV_READY", "__dev_queue_xmit", "tx", 30, 30)}, want: lost{tx: 30, tcp: 30}, cause: "link.down"},
		{name: "packets of other network namespaces", counters: map[string]float64{"neigh.unresolved_discards": 70}, drops: []fact.Row{drop("NEIGH_QUEUEFULL", "__neigh_event_send", "tx", 7, 7)}, want: lost{tx: 7, tcp: 7}, cause: "neigh.unresolved"},
		{name: "a buffer of many segments in a shaper", tables: map[string][]fact.Row{"qdisc": {{"name": "eth0 bfifo", "own_drops": 10.0, "ingress": false, "shaper": false, "under_shaper": true}}},
			drops: []fact.Row{drop("QDISC_DROP", "__dev_queue_xmit", "tx", 25, 25)}, want: lost{tx: 25, tcp: 25}, cause: "qdisc.shaper"},
		{name: "a prohibit route of IPv6 is counted and freed once", counters: map[string]float64{"Ip6.InNoRoutes": 9}, tables: map[string][]fact.Row{},
			drops: []fact.Row{drop("IP_INNOROUTES", "ip6_pkt_prohibit", "rx", 9, 9)}, want: lost{rx: 9, tcp: 9}, cause: "ip.no-route"},
	}
	c := newCase(t, "")
	for _, tt := range tests {
		f := facts(tt.counters)
		f.Kernel = cmp.Or(tt.kernel, "6.18.0")
		f.Text("host.kernel", f.Kernel)
		f.Flag("host.forwards", true)
		f.Flag("filter.readable", true)
		for table, rows := range tt.tables {
			f.Tables[table] = rows
		}
		if tt.drops != nil {
			f.Tables["drop"] = tt.drops
		}
		c.Facts = f
		d := c.Diagnose()
		got, cause := lost{tcp: d.Balance.LocatedRx + d.Balance.LocatedTx}, ""
		for _, e := range d.Ledger {
			switch {
			case !e.Loss:
				continue
			case e.Direction == "rx":
				got.rx += e.Drops
			default:
				got.tx += e.Drops
			}
			if !strings.Contains(cause, e.Cause) {
				cause += e.Cause
			}
		}
		if got != tt.want || cause != tt.cause {
			t.Errorf("%s: lost %+v by %s, want %+v by %s: %+v", tt.name, got, cause, tt.want, tt.cause, d.Ledger)
		}
	}
}

func TestOnlyDataThatWasDroppedLeavesGaps(t *testing.T) {
	drop := func(direction, loss string, tcp float64, data any) fact.Row {
		row := fact.Row{"direction": direction, "loss": loss, "tcp_packets": tcp}
		if data != nil {
			row["data_packets"] = data
		}
		return row
	}
	for name, c := range map[string]struct {
		drops []fact.Row
		want  float64 // below 0: unknown
	}{
		"SYNs at a firewall, and some data":   {[]fact.Row{drop("rx", "yes", 90, 0.0), drop("rx", "yes", 10, 7.0)}, 7},
		"on the way out, or missed by nobody": {[]fact.Row{drop("tx", "yes", 50, 50.0), drop("rx", "no", 20, 20.0)}, 0},
		"not sampled":                         {[]fact.Row{drop("rx", "yes", 90, 0.0), drop("rx", "yes", 10, nil)}, -1},
		"nobody could look":                   {nil, -1},
	} {
		f := &fact.Facts{Tables: map[string][]fact.Row{}}
		if c.drops != nil {
			f.Tables["drop"] = c.drops
		}
		if got, known := droppedData(f); known != (c.want >= 0) || known && got != c.want {
			t.Errorf("%s: %v, %v; want %v", name, got, known, c.want)
		}
	}
}

// One DSACK can tell of many segments: a burst that was sent again in vain is not
// a burst that was lost.
func TestBalanceCountsSegmentsSentInVain(t *testing.T) {
	tests := []struct {
		name            string
		dsacks, covered float64 // -1: this kernel does not count them
		unlocated       float64
	}{
		{"each DSACK one segment", 90, 90, 10},
		{"few DSACKs for many segments", 5, 95, 5},
		{"an old kernel", 90, -1, 10},
		{"more than was sent again", 5, 500, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCase(t, "")
			c.Facts = facts(map[string]float64{
				"Tcp.RetransSegs": 100, "TcpExt.TCPSynRetrans": 0, "TcpExt.TCPOrigDataSent": 9000, "TcpExt.TCPDSACKRecv": tt.dsacks,
			})
			if tt.covered >= 0 {
				c.Facts.Count("TcpExt.TCPDSACKRecvSegs", tt.covered, tt.covered)
			}
			if b := c.Diagnose().Balance; b.Unlocated != tt.unlocated {
				t.Errorf("%v were lost elsewhere, want %v", b.Unlocated, tt.unlocated)
			}
		})
	}
}
