package routes

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

func message(header []byte, attributes ...[]byte) []byte {
	for _, a := range attributes {
		header = append(header, a...)
	}
	return header
}

func routeHeader(family, bits, table, kind uint8) []byte {
	h := make([]byte, unix.SizeofRtMsg)
	h[0], h[1], h[4], h[7] = family, bits, table, kind
	return h
}

func TestParseRoute(t *testing.T) {
	blackhole := message(routeHeader(unix.AF_INET, 16, 254, unix.RTN_BLACKHOLE),
		attribute(nil, unix.RTA_DST, []byte{10, 200, 0, 0}),
		attribute(nil, unix.RTA_TABLE, binary.NativeEndian.AppendUint32(nil, 1000)))
	r, ok := parseRoute(blackhole)
	if !ok || r.destination.String() != "10.200.0.0/16" || r.table != 1000 || r.kind != unix.RTN_BLACKHOLE {
		t.Errorf("blackhole: %+v %v", r, ok)
	}
	// Two next hops of eight bytes each, and their gateways.
	var hops []byte
	for last := range byte(2) {
		hops = append(hops, 16, 0, 0, 0, 2, 0, 0, 0)
		hops = attribute(hops, unix.RTA_GATEWAY, []byte{10, 9, 0, 1 + last})
	}
	multipath := message(routeHeader(unix.AF_INET, 0, 254, unix.RTN_UNICAST), attribute(nil, unix.RTA_MULTIPATH, hops))
	r, ok = parseRoute(multipath)
	if !ok || len(r.gateways) != 2 || r.gateways[1].String() != "10.9.0.2" || r.destination.String() != "0.0.0.0/0" {
		t.Errorf("multipath: %+v %v", r, ok)
	}
	if _, ok := parseRoute(blackhole[:7]); ok {
		t.Error("a truncated message was taken for a route")
	}
}

func TestAttribution(t *testing.T) {
	refusals := []Refusal{
		{Type: "blackhole", Destination: netip.MustParsePrefix("10.0.0.0/8")},
		{Type: "blackhole", Destination: netip.MustParsePrefix("10.1.0.0/16")},
		{Type: "prohibit", Destination: netip.MustParsePrefix("10.1.2.0/24")},
		{Type: "prohibit", Destination: netip.MustParsePrefix("0.0.0.0/0"), Rule: true, Source: netip.MustParsePrefix("192.168.0.0/16")},
	}
	for _, c := range []struct {
		local, remote string
		answer        unix.Errno
		want          string
	}{
		{"10.9.0.1", "10.1.2.3", unix.EINVAL, "10.1.0.0/16"},
		{"10.9.0.1", "10.7.0.1", unix.EINVAL, "10.0.0.0/8"},
		{"10.9.0.1", "10.1.2.3", unix.EACCES, "10.1.2.0/24"},
		{"192.168.1.1", "8.8.8.8", unix.EACCES, "0.0.0.0/0"},
		{"10.9.0.1", "8.8.8.8", unix.EACCES, ""},
		{"10.9.0.1", "10.1.2.3", unix.ENETUNREACH, ""},
	} {
		got := attribution(refusals, c.answer, &inetdiag.Pair{Local: netip.MustParseAddr(c.local), Remote: netip.MustParseAddr(c.remote)})
		switch {
		case c.want == "" && got != nil, c.want != "" && (got == nil || got.Destination.String() != c.want):
			t.Errorf("%s to %s, %v: got %+v, want %q", c.local, c.remote, c.answer, got, c.want)
		}
	}
}

func TestFactsOverLooks(t *testing.T) {
	addr := netip.MustParseAddr("10.9.0.77")
	look := func(state uint16, used int64) fact.Reading {
		return fact.Reading{Data: &Reading{
			Links:      map[int]string{2: "eth0"},
			Neighbours: []Neighbour{{Addr: addr, Ifindex: 2, State: state, Used: used, Probes: -1}},
			NoSockets:  "denied",
		}}
	}
	f := fact.New(fact.Reading{}.At, 5)
	New(nil, false).Facts([]fact.Reading{
		look(unix.NUD_PROBE, 10), look(unix.NUD_FAILED, 60), look(unix.NUD_INCOMPLETE, 5), look(unix.NUD_FAILED, 6000),
	}, f)
	row := f.Tables["neighbour"][0]
	if row["bad_share"] != 0.75 || row["state"] != "FAILED" || row["wanted"] != true || row["wanted_share"] != 0.75 || row["name"] != "10.9.0.77 dev eth0" {
		t.Errorf("neighbour: %v", row)
	}
	if n, _ := f.Num("neigh.failed"); n != 0 {
		t.Errorf("nobody wanted it at the last look, yet neigh.failed is %v", n)
	}
	if _, known := f.Num("route.unroutable_flows"); known || len(f.Blind) != 1 {
		t.Errorf("sockets were not seen: %v %v", f.Values, f.Blind)
	}
}

// TestUsedRoutes: of each route the look with most stalled connections counts, under
// the name that ip route takes.
func TestUsedRoutes(t *testing.T) {
	used := func(prefix string, table, metric uint32, stalled int, rto uint32) Used {
		return Used{Destination: netip.MustParsePrefix(prefix), Table: table, Metric: metric, Stalled: stalled, RTO: rto, To: netip.MustParseAddr("10.0.0.9")}
	}
	first, second := &Reading{}, &Reading{}
	first.Used = []Used{used("0.0.0.0/0", 254, 0, 2, 400_000), used("10.66.1.0/24", 254, 77, 5, 0)}
	second.Used = []Used{used("0.0.0.0/0", 254, 0, 3, 1_600_000), used("10.66.1.0/24", 254, 77, 1, 200_000), used("::/0", 100, 1024, 1, 0), used("10.9.9.9/32", 254, 0, 1, 0)}
	f := fact.New(fact.Reading{}.At, 5)
	New(nil, true).Facts([]fact.Reading{{Data: first}, {Data: second}}, f)
	want := []fact.Row{
		{"name": "default", "stalled": 3.0, "rto_ms": 1600.0, "table": 254.0, "ipv6": false, "mtu": 0.0, "on_link": true},
		{"name": "10.66.1.0/24 metric 77", "stalled": 5.0, "rto_ms": nil},
		{"name": "::/0 metric 1024 table 100", "stalled": 1.0, "ipv6": true},
		{"name": "10.9.9.9", "stalled": 1.0},
	}
	rows := f.Tables["flow_route"]
	if len(rows) != len(want) {
		t.Fatalf("rows: %v", rows)
	}
	for i, row := range want {
		for field, v := range row {
			if rows[i][field] != v {
				t.Errorf("%s of %v: %v, want %v", field, row["name"], rows[i][field], v)
			}
		}
	}
	unseen := fact.New(fact.Reading{}.At, 5)
	New(nil, true).Facts([]fact.Reading{{Data: &Reading{NoSockets: "denied"}}}, unseen)
	if _, looked := unseen.Tables["flow_route"]; looked {
		t.Error("the sockets were not seen, yet their routes are told")
	}
}

// TestWider: whether a removed route leaves a way.
func TestWider(t *testing.T) {
	ways := map[way]bool{
		{254, netip.MustParsePrefix("10.0.0.0/8")}: true, {100, netip.MustParsePrefix("0.0.0.0/0")}: true, {254, netip.MustParsePrefix("192.0.2.0/24")}: true,
	}
	for _, c := range []struct {
		kind, to string
		table    uint32
		want     bool
	}{
		{"blackhole", "10.1.0.0/16", 254, true},
		{"blackhole", "11.1.0.0/16", 254, false},
		{"unreachable", "11.1.0.0/16", 100, true},
		{"unreachable", "10.1.0.0/16", 77, true}, // the main table is asked next
		{"throw", "10.1.0.0/16", 77, false},      // it has been asked already
		{"throw", "10.1.0.0/16", 254, true},
		{"prohibit", "192.0.2.0/24", 254, true}, // of a higher metric
		{"prohibit", "192.0.0.0/16", 254, false},
		{"unreachable", "2001:db8::/32", 254, false},
	} {
		r := Refusal{Type: c.kind, Destination: netip.MustParsePrefix(c.to), Table: c.table}
		if got := r.wider(ways); got != c.want {
			t.Errorf("%s %s table %d: %v", c.kind, c.to, c.table, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message(routeHeader(unix.AF_INET, 24, 254, unix.RTN_UNICAST), attribute(nil, unix.RTA_DST, []byte{10, 0, 0, 0})))
	f.Add(message(routeHeader(unix.AF_INET6, 200, 0, 6), attribute(nil, unix.RTA_MULTIPATH, []byte{9, 0, 0, 0, 1, 0, 0, 0, 4})))
	f.Add(message(make([]byte, unix.SizeofNdMsg), attribute(nil, unix.NDA_CACHEINFO, make([]byte, 5))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parseRoute(b); ok && !r.destination.IsValid() {
			t.Errorf("a route to nowhere: %+v", r)
		}
		if n, ok := parseNeighbour(b); ok && !n.Addr.IsValid() {
			t.Errorf("a neighbour without an address: %+v", n)
		}
		if r, ok := parseRule(b); ok && (!r.Destination.IsValid() || r.Type == "") {
			t.Errorf("a rule for nothing: %+v", r)
		}
		c := conn{seq: 1}
		c.batch(b, true, func([]byte) error { return nil })
	})
}

// TestSharedSockets: sockets that another source has read are not swept again.
func TestSharedSockets(t *testing.T) {
	pairs := []inetdiag.Pair{{Local: netip.MustParseAddr("10.0.0.1"), Remote: netip.MustParseAddr("10.0.0.2"), Sockets: 1}}
	told := true
	s := New(func(context.Context) ([]inetdiag.Pair, bool) { return pairs, told }, true)
	s.readSockets(t.Context())
	if len(s.pairs) != 1 || s.diag != nil || !s.nextSweep.IsZero() {
		t.Errorf("pairs %v, swept %v", s.pairs, !s.nextSweep.IsZero())
	}
	told = false
	s.readSockets(t.Context())
	if s.nextSweep.IsZero() {
		t.Error("no sweep although nobody told of the sockets")
	}
}
