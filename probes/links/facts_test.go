package links

import (
	"math"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// observed derives facts from looks that are a second apart.
func observed(looks ...*Reading) *fact.Facts {
	start := time.Unix(1_700_000_000, 0)
	var readings []fact.Reading
	for i, l := range looks {
		readings = append(readings, fact.Reading{At: start.Add(time.Duration(i) * time.Second), Data: l})
	}
	f := fact.New(start, float64(len(looks)-1))
	New(nil).Facts(readings, f)
	return f
}

func row(t *testing.T, f *fact.Facts, table, name string) fact.Row {
	t.Helper()
	for _, r := range f.Tables[table] {
		if r["name"] == name {
			return r
		}
	}
	t.Fatalf("no row %q in %s: %v", name, table, f.Tables[table])
	return nil
}

// want compares fields of a row; nil stands for a field that is absent.
func want(t *testing.T, r fact.Row, fields fact.Row) {
	t.Helper()
	for k, v := range fields {
		if r[k] != v {
			t.Errorf("%v: %s = %v, want %v", r["name"], k, r[k], v)
		}
	}
}

func changes(n uint32) *uint32 { return &n }

// counters makes statistics as long as Linux 4.4 has them, with one set.
func counters(field string, v uint64) []uint64 {
	s := make([]uint64, 23)
	for i := range s {
		if statNames[i] == field {
			s[i] = v
		}
	}
	return s
}

func TestLinkGrowth(t *testing.T) {
	look := func(missed uint64, flaps uint32) *Reading {
		return &Reading{Links: []Link{{
			Index: 2, Name: "eth0", Up: true, Carrier: true, Bus: "0000:00:05.0", MTU: 1500,
			Changes: changes(flaps), Stats: counters("rx_missed", missed), Addresses: 1, Routed: true,
			Settings: fact.Row{"driver": "ena", "ring_rx": 1024.0},
		}}}
	}
	f := observed(look(1000, 2), look(1010, 3), look(1025, 4))
	want(t, row(t, f, "link", "eth0"), fact.Row{
		"rx_missed": 25.0, "rx_missed_total": 1025.0, "rx_crc": 0.0, "rx_nohandler_total": nil, "rx_nohandler": nil, "carrier_changes": 2.0, "carrier_changes_total": 4.0,
		"hardware": true, "kind": "device", "driver": "ena", "ena": true, "ring_rx": 1024.0, "down_in_use": false,
	})
	if n, _ := f.Num("link.carrier_changes"); n != 2 {
		t.Errorf("link.carrier_changes = %v", n)
	}
	reset := observed(look(1000, 2), look(3, 2))
	want(t, row(t, reset, "link", "eth0"), fact.Row{"rx_missed": 3.0})
	wrapped := observed(look(math.MaxUint32-4, 2), look(5, 2)) // a driver that counts in 32 bits
	want(t, row(t, wrapped, "link", "eth0"), fact.Row{"rx_missed": 10.0})
	single := observed(look(1000, 2))
	want(t, row(t, single, "link", "eth0"), fact.Row{"rx_missed": nil, "rx_missed_total": 1000.0, "carrier_changes": nil, "carrier_changes_total": 2.0})
	if _, ok := single.Num("link.carrier_changes"); ok {
		t.Error("one look has told a growth")
	}
}

func TestLinkIdentity(t *testing.T) {
	eth := func(index int, name string, missed uint64) Link {
		return Link{Index: index, Name: name, Up: true, Carrier: true, Stats: counters("rx_missed", missed)}
	}
	f := observed(
		&Reading{Links: []Link{eth(2, "eth0", 10), eth(3, "veth1", 500)}},
		&Reading{Links: []Link{eth(2, "eth0", 11), eth(3, "veth2", 7)}}, // index 3 was given again
	)
	want(t, row(t, f, "link", "eth0"), fact.Row{"rx_missed": 1.0})
	want(t, row(t, f, "link", "veth2"), fact.Row{"rx_missed": nil})
	if len(f.Tables["link"]) != 2 {
		t.Errorf("links that are gone are shown: %v", f.Tables["link"])
	}
}

func TestDownInUse(t *testing.T) {
	port := Link{Index: 7, Name: "port", Kind: "veth", Up: true, Carrier: true, Master: 3}
	for _, c := range []struct {
		name  string
		link  Link
		ports []Link
		want  bool
	}{
		{"card without carrier, routed", Link{Up: true, Routed: true}, nil, true},
		{"card without carrier, with an address", Link{Up: true, Addresses: 1}, nil, true},
		{"card without carrier that nobody uses", Link{Up: true}, nil, false},
		{"card that is set down", Link{Routed: true}, nil, false},
		{"card with carrier", Link{Up: true, Carrier: true, Routed: true}, nil, false},
		{"bridge with nothing plugged in", Link{Kind: "bridge", Up: true, Routed: true}, nil, false},
		{"bridge whose ports have no carrier", Link{Kind: "bridge", Up: true, Routed: true}, []Link{port}, true},
	} {
		c.link.Index, c.link.Name = 3, "it"
		f := observed(&Reading{Links: append([]Link{c.link}, c.ports...)})
		want(t, row(t, f, "link", "it"), fact.Row{"down_in_use": c.want})
		if n, _ := f.Num("link.down_with_routes"); (n == 1) != c.want {
			t.Errorf("%s: link.down_with_routes = %v", c.name, n)
		}
	}
}

// A link that was switched off keeps its addresses; one that works is counted.
func TestLinkSwitchedOff(t *testing.T) {
	used := counters("tx_packets", 40)
	f := observed(&Reading{Links: []Link{
		{Index: 1, Name: "lo", Loopback: true, Up: true, Carrier: true, Addresses: 1, Stats: used},
		{Index: 2, Name: "off", Addresses: 1, Stats: used},
		{Index: 3, Name: "never", Addresses: 1, Stats: counters("tx_packets", 0)},
		{Index: 4, Name: "spare", Stats: used},
		{Index: 5, Name: "works", Up: true, Carrier: true, Addresses: 1, Stats: used},
		{Index: 6, Name: "bare", Up: true, Carrier: true, Stats: used},
	}})
	for _, l := range []string{"lo", "never", "spare", "works", "bare"} {
		want(t, row(t, f, "link", l), fact.Row{"off_in_use": false})
	}
	want(t, row(t, f, "link", "off"), fact.Row{"off_in_use": true, "down_in_use": false})
	for name, n := range map[string]float64{"link.off_with_addresses": 1, "link.usable": 1, "link.down_with_routes": 0} {
		if have, ok := f.Num(name); !ok || have != n {
			t.Errorf("%s = %v, want %v", name, have, n)
		}
	}
}

// How long a shaper's queue holds is told by its own limit or that of the queue
// below it, whichever is less; a queue with no rate above it has no such time.
func TestQueueHold(t *testing.T) {
	look := func(packets uint64) *Reading {
		return &Reading{
			Links: []Link{{Index: 2, Name: "eth0"}, {Index: 3, Name: "eth1"}},
			Queues: []Queue{
				{Link: 2, Kind: "tbf", Handle: 0x10000, Parent: rootHandle, Counted: true, Rate: 1_000_000, LimitBytes: 20_000, Packets: packets, Bytes: packets * 1000},
				{Link: 2, Kind: "pfifo", Handle: 0x20000, Parent: 0x10001, Counted: true, LimitPackets: 5, Packets: packets, Bytes: packets * 1000},
				{Link: 3, Kind: "pfifo", Handle: 0x10000, Parent: rootHandle, Counted: true, LimitPackets: 5},
			},
		}
	}
	f := observed(look(0), look(100), look(200))
	want(t, row(t, f, "qdisc", "eth0 tbf 1:"), fact.Row{"hold_ms": 5.0})
	want(t, row(t, f, "qdisc", "eth0 pfifo 2:"), fact.Row{"hold_ms": 5.0})
	want(t, row(t, f, "qdisc", "eth1 pfifo 1:"), fact.Row{"hold_ms": nil})
}

// A single burst of drops is not a lasting one.
func TestDropsLasting(t *testing.T) {
	look := func(drops uint32) *Reading {
		return &Reading{
			Links:  []Link{{Index: 2, Name: "eth0"}},
			Queues: []Queue{{Link: 2, Kind: "pfifo", Handle: 0x10000, Parent: rootHandle, Counted: true, Drops: drops}},
		}
	}
	for _, c := range []struct {
		drops []uint32
		want  any
	}{
		{[]uint32{0, 500, 500, 500, 500}, false},
		{[]uint32{7, 7, 7, 7, 500}, false},
		{[]uint32{0, 3, 3, 3, 6}, true},
		{[]uint32{9, 9, 9}, false},
		{[]uint32{0, 500}, nil}, // two looks cannot tell
	} {
		var looks []*Reading
		for _, n := range c.drops {
			looks = append(looks, look(n))
		}
		want(t, row(t, observed(looks...), "qdisc", "eth0 pfifo 1:"), fact.Row{"drops_lasting": c.want})
	}
}

func TestQueueTree(t *testing.T) {
	// htb 1: -> class 1:1 -> class 1:10 -> pfifo; a direct drop at the root.
	look := func(drops uint32, qlen uint32) *Reading {
		q := func(kind string, class bool, handle, parent uint32, n uint32, rate uint64) Queue {
			return Queue{Link: 2, Kind: kind, Class: class, Handle: handle, Parent: parent, Counted: true,
				Drops: n, Qlen: qlen, Bytes: uint64(drops) * 1000, Rate: rate}
		}
		return &Reading{
			Links: []Link{{Index: 2, Name: "eth0"}},
			Queues: []Queue{
				q("htb", false, 0x10000, rootHandle, drops+drops/10, 0),
				q("pfifo", false, 0, 0x10010, drops, 0),
				q("htb", true, 0x10001, rootHandle, 0, 2_000_000),
				q("htb", true, 0x10010, 0x10001, drops, 1_000_000),
				{Link: 2, Kind: "clsact", Handle: 0xffff0000, Parent: 0xfffffff1, Counted: true},
			},
		}
	}
	f := observed(look(0, 4), look(50, 9), look(100, 2))
	want(t, row(t, f, "qdisc", "eth0 htb 1:"), fact.Row{"drops": 110.0, "drops_total": 110.0, "own_drops": 10.0, "own_drops_total": 10.0, "leaf": false, "shaper": false, "under_shaper": false})
	want(t, row(t, f, "qdisc", "eth0 htb 1:1"), fact.Row{"own_drops": 0.0, "leaf": false, "class": true, "shaper": true, "rate_bps": 16e6, "under_shaper": false})
	want(t, row(t, f, "qdisc", "eth0 htb 1:10"), fact.Row{"drops": 100.0, "own_drops": 0.0, "leaf": false, "under_shaper": true})
	want(t, row(t, f, "qdisc", "eth0 pfifo parent 1:10"), fact.Row{
		"drops": 100.0, "own_drops": 100.0, "leaf": true, "under_shaper": true, "shaper": false, "shaper_rate_bps": 8e6,
		"backlog_packets": 2.0, "backlog_peak": 9.0, "backlog_min": 2.0, "sent_bps": 100 * 1000 * 8 / 2.0,
	})
	want(t, row(t, f, "qdisc", "eth0 clsact ffff:"), fact.Row{"ingress": true, "backlog_packets": nil})
}

func TestShaperStandingUse(t *testing.T) {
	// bytes are sent in every second, waiting is what stands at each look.
	host := func(rate, bytes uint64, waiting ...uint32) *fact.Facts {
		var looks []*Reading
		for i, n := range waiting {
			looks = append(looks, &Reading{
				Links: []Link{{Index: 2, Name: "eth0"}},
				Queues: []Queue{{Link: 2, Kind: "tbf", Handle: 0x10000, Parent: rootHandle, Counted: true,
					Bytes: uint64(i) * bytes, Qlen: n, Rate: rate}},
			})
		}
		return observed(looks...)
	}
	for name, c := range map[string]struct {
		facts *fact.Facts
		want  float64
	}{
		"at its rate, always waiting":     {host(1000, 980, 4, 6, 5, 7, 3, 4), 0.98},
		"drained once":                    {host(1000, 980, 4, 6, 0, 7, 3, 4), 0.98},
		"a burst now and then":            {host(1000, 500, 0, 6, 0, 7, 0, 4), 0},
		"far below its rate":              {host(10000, 980, 1, 1, 1, 1, 1, 1), 0.098},
		"no shaper":                       {host(0, 980, 4, 6, 5, 7, 3, 4), 0},
		"two looks are no standing queue": {host(1000, 980, 4, 6), 0},
	} {
		if got, known := c.facts.Num("shaper.standing_use"); !known || got != c.want {
			t.Errorf("%s: %v, %v; want %v", name, got, known, c.want)
		}
	}
}

func TestQueueOfMQ(t *testing.T) {
	look := func(drops uint32) *Reading {
		q := func(kind string, parent, n uint32) Queue {
			return Queue{Link: 2, Kind: kind, Parent: parent, Counted: true, Drops: n, LimitPackets: 10240}
		}
		return &Reading{Links: []Link{{Index: 2, Name: "eth0", TxQLen: 1000}},
			Queues: []Queue{q("fq_codel", 1, drops), q("fq_codel", 2, 0), q("mq", rootHandle, drops)}}
	}
	f := observed(look(math.MaxUint32), look(2)) // 32 bits wrap
	want(t, row(t, f, "qdisc", "eth0 mq 0:"), fact.Row{"leaf": false, "drops": 3.0, "own_drops": 0.0})
	want(t, row(t, f, "qdisc", "eth0 fq_codel parent 0:1"), fact.Row{"leaf": true, "drops": 3.0, "own_drops": 3.0, "under_shaper": false, "limit_packets": 10240.0})
	want(t, row(t, f, "qdisc", "eth0 fq_codel parent 0:2"), fact.Row{"leaf": true, "drops": 0.0})
}

func TestQueueUnknown(t *testing.T) {
	one := &Reading{
		Links:  []Link{{Index: 2, Name: "eth0", TxQLen: 500}},
		Queues: []Queue{{Link: 2, Kind: "pfifo_fast", Parent: rootHandle}, {Link: 99, Kind: "pfifo", Parent: rootHandle}},
	}
	f := observed(one, one)
	want(t, row(t, f, "qdisc", "eth0 pfifo_fast 0:"), fact.Row{"drops": nil, "backlog_packets": nil, "limit_packets": 500.0})
	if len(f.Tables["qdisc"]) != 1 {
		t.Errorf("a queue of no link is shown: %v", f.Tables["qdisc"])
	}
	if f := observed(); len(f.Tables) != 0 || len(f.Values) != 1 {
		t.Error("facts without a look")
	}
}

func TestSilentDriver(t *testing.T) {
	f := observed(&Reading{Silent: "eth7"})
	if len(f.Blind) != 1 || f.Blind[0].Probe != "links" {
		t.Errorf("a driver that hangs is not reported: %v", f.Blind)
	}
}

// TestTreeCycle makes sure that hostile handles end.
func TestTreeCycle(t *testing.T) {
	look := &Reading{Links: []Link{{Index: 2, Name: "eth0"}}, Queues: []Queue{
		{Link: 2, Kind: "htb", Class: true, Handle: 0x10001, Parent: 0x10002, Counted: true, Rate: 1},
		{Link: 2, Kind: "htb", Class: true, Handle: 0x10002, Parent: 0x10001, Counted: true, Rate: 2},
	}}
	if f := observed(look, look); len(f.Tables["qdisc"]) != 2 {
		t.Errorf("rows %v", f.Tables["qdisc"])
	}
}

// TestPackets says how large packets for a queue are: several segments in one, unless
// the device is known to get them cut.
func TestPackets(t *testing.T) {
	for name, c := range map[string]struct {
		link Link
		want fact.Row
	}{
		"neither":         {Link{MTU: 1500, GSOMax: 65536, Settings: fact.Row{"tso": false, "gso": false}}, fact.Row{"frame_bytes": 1514.0, "packet_bytes": 1514.0}},
		"GSO alone":       {Link{MTU: 1500, GSOMax: 65536, Settings: fact.Row{"tso": false, "gso": true}}, fact.Row{"frame_bytes": 1514.0, "packet_bytes": 65536.0}},
		"BIG TCP":         {Link{MTU: 9000, GSOMax: 185000, Settings: fact.Row{"tso": true}}, fact.Row{"frame_bytes": 9014.0, "packet_bytes": 185000.0}},
		"not known":       {Link{MTU: 1500}, fact.Row{"packet_bytes": 65536.0}},
		"less than one":   {Link{MTU: 65521, GSOMax: 4096, Settings: fact.Row{"gso": true}}, fact.Row{"packet_bytes": 65535.0}},
		"MTU not known":   {Link{GSOMax: 65536}, fact.Row{"frame_bytes": nil, "packet_bytes": nil}},
		"GSO not told":    {Link{MTU: 1500, GSOMax: 65536, Settings: fact.Row{"tso": false}}, fact.Row{"packet_bytes": 1514.0}},
		"absurd, no wrap": {Link{MTU: 1<<32 - 1}, fact.Row{"frame_bytes": float64(1<<32 + 13)}},
	} {
		row := fact.Row{}
		c.link.packets(row)
		t.Run(name, func(t *testing.T) { want(t, row, c.want) })
	}
}
