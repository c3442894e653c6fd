package sockets

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"whydrop/probes/sockets/inetdiag"
)

// hosts is what connections to some remote addresses did: each has its service,
// interface and share of lost segments.
type host struct {
	peer, service, egress string
	segments              uint64
	loss                  float64
	prefix                string
}

// observed sums up ten looks at the hosts, as the looks themselves would.
func observed(random *rand.Rand, hosts []host) *[kinds][]*merged {
	var all [kinds][]*merged
	groups := [kinds]map[string]*merged{}
	into := func(kind Kind, name string) *merged {
		if groups[kind] == nil {
			groups[kind] = map[string]*merged{}
		}
		if groups[kind][name] == nil {
			groups[kind][name] = &merged{Group: Group{Name: name}}
			all[kind] = append(all[kind], groups[kind][name])
		}
		return groups[kind][name]
	}
	for _, h := range hosts {
		for range 10 {
			look := Sum{Flows: 1, Tries: h.segments / 10, SegsOut: h.segments / 10}
			for range look.SegsOut {
				if random.Float64() < h.loss {
					look.Retrans++
				}
			}
			if look.Retrans > 0 {
				look.Retransmitting = 1
			}
			for kind, name := range map[Kind]string{ByPeer: h.peer, ByService: h.service, ByEgress: h.egress, ByDirection: "outbound", ByPrefix: h.prefix} {
				if name != "" {
					into(kind, name).merge(&look)
				}
			}
		}
	}
	return &all
}

func manyHosts(n int, change func(i int, h *host)) []host {
	hosts := make([]host, n)
	for i := range hosts {
		hosts[i] = host{
			peer: fmt.Sprintf("192.0.2.%d", i), service: fmt.Sprint("to port ", 80+i%2), egress: fmt.Sprint("eth", i%2),
			segments: 500, loss: 0.0005,
		}
		change(i, &hosts[i])
	}
	return hosts
}

func TestSpread(t *testing.T) {
	for name, c := range map[string]struct {
		hosts    []host
		word, to string
	}{
		"one bad destination": {manyHosts(20, func(i int, h *host) {
			h.loss = when(i == 7, 0.1)
		}), "one-peer", "192.0.2.7"},
		"one bad service": {manyHosts(40, func(i int, h *host) {
			h.loss, h.egress = when(i%2 == 1, 0.05), "eth0"
		}), "one-service", "to port 81"},
		"one bad interface": {manyHosts(40, func(i int, h *host) {
			h.loss, h.service = when(i%2 == 0, 0.05), "to port 443"
		}), "one-interface", "eth0"},
		"one bad network": {manyHosts(40, func(i int, h *host) {
			h.prefix, h.loss = fmt.Sprintf("198.51.%d.0/24", i/8), when(i/8 == 2, 0.05)
		}), "one-prefix", "198.51.2.0/24"},
		"all alike":          {manyHosts(20, func(_ int, h *host) { h.loss = 0.03 }), "all", ""},
		"a quarter of many":  {manyHosts(40, func(i int, h *host) { h.loss = when(i < 10, 0.06) }), "some-peers", ""},
		"few losses":         {manyHosts(20, func(_ int, h *host) { h.loss = 0.0003 }), "too-few", ""},
		"one remote address": {manyHosts(1, func(_ int, h *host) { h.loss = 0.1 }), "too-few", ""},
		"nothing is lost":    {manyHosts(20, func(_ int, h *host) { h.loss = 0 }), "too-few", ""},
		"nothing at all":     {nil, "too-few", ""},
		"the one that has nearly all the traffic": {manyHosts(5, func(i int, h *host) {
			h.loss = 0.02
			h.segments = uint64(20 + when(i == 0, 20000))
		}), "too-few", ""},
	} {
		s := spreadOf(observed(rand.New(rand.NewPCG(1, 2)), c.hosts))
		if s.word != c.word || s.to != c.to {
			t.Errorf("%s: %s %q (%.2f of the losses with %.2f of the traffic; %v of %v), want %s %q",
				name, s.word, s.to, s.part, s.traffic, s.hit, s.judged, c.word, c.to)
		}
	}
}

// TestSpreadByChance: where all fare alike, one is hardly ever named, however uneven
// the traffic is; and one that fares ill is hardly ever missed.
func TestSpreadByChance(t *testing.T) {
	const trials = 400
	random := rand.New(rand.NewPCG(3, 4))
	wrong, missed := 0, 0
	for range trials {
		loss := 0.002 + 0.05*random.Float64()
		traffic := func(h *host) { h.segments = 10 + uint64(math.Exp(7*random.Float64())) }
		alike := manyHosts(2+random.IntN(30), func(_ int, h *host) { h.loss = loss; traffic(h) })
		if s := spreadOf(observed(random, alike)); s.to != "" {
			wrong++
		}
		bad := random.IntN(10)
		one := manyHosts(10, func(i int, h *host) { h.loss = when(i == bad, 0.05); h.segments = 400 })
		if s := spreadOf(observed(random, one)); s.word != "one-peer" || s.to != one[bad].peer {
			missed++
		}
	}
	if wrong > trials/100 || missed > trials/20 {
		t.Errorf("%d of %d times one was named although all were alike; %d of %d times the one was missed", wrong, trials, missed, trials)
	}
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		k, n uint32
		p    float64
		want float64
	}{
		{0, 10, 0.5, 1}, {10, 10, 0.5, 1.0 / 1024}, {1, 3, 0.5, 7.0 / 8}, {2, 2, 0, 0}, {0, 2, 0, 1}, {5, 5, 1, 1}, {3, 2, 0.5, 0},
	} {
		if got := atLeast(c.k, c.n, c.p); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d or more of %d at %v: %v, want %v", c.k, c.n, c.p, got, c.want)
		}
	}
}

// TestGroups: connections are counted where they belong, and only what happened in
// the window.
func TestGroups(t *testing.T) {
	at := func(cookie uint64, remote string, retrans, segs uint32, change func(*inetdiag.Socket)) inetdiag.Socket {
		return with(connection(cookie, remote), func(k *inetdiag.Socket) {
			k.Info.TotalRetrans, k.Info.DataSegsOut, k.Info.BytesSent = retrans, segs, uint64(segs)*1400
			change(k)
		})
	}
	as := func(*inetdiag.Socket) {}
	small := func(k *inetdiag.Socket) { k.Info.BytesSent = uint64(k.Info.DataSegsOut) * 100 }
	limited := func(k *inetdiag.Socket) {
		k.Info.BusyTime, k.Info.RwndLimited, k.Info.NotsentBytes = 1000, 250, 1<<20
	}
	looks := func(i uint32) []inetdiag.Socket {
		return []inetdiag.Socket{
			at(1, "192.0.2.1:443", 5*i, 100*i, as),
			at(2, "192.0.2.2:443", 0, 2*i, small),
			at(4, "10.9.0.7:9000", 3*i, 30*i, as), // an own address: stays here
			at(3, "203.0.113.9:5432", 0, 50*i, func(k *inetdiag.Socket) {
				if i > 0 {
					limited(k)
				}
			}),
		}
	}
	s, _ := scripted(t, looks(0), looks(1), looks(2))
	f := looksAt(t, s, 3, 0)
	for _, c := range []struct {
		table, name string
		want        map[string]any
	}{
		{"prefix", "192.0.2.0/24", map[string]any{"peers": 2.0, "flows": 2.0, "retrans": 10.0, "segs_out": 204.0, "flows_retrans": 1.0}},
		{"service", "to port 443", map[string]any{"inbound": false, "port": 443.0, "retrans": 10.0, "flows": 2.0}},
		{"service", "to port 5432", map[string]any{"retrans": 0.0, "rwnd_limited_share": 0.25, "cwnd_limited_share": 0.75}},
		{"peer", "10.9.0.7", map[string]any{"retrans": 6.0}},
		{"egress", "eth0", map[string]any{"retrans": 10.0, "flows": 3.0}},
		{"egress", "this host", map[string]any{"retrans": 6.0, "flows": 1.0}},
		{"size", "small", map[string]any{"segs_out": 4.0, "retrans": 0.0}},
		{"size", "bulk", map[string]any{"segs_out": 300.0, "retrans": 10.0}},
		{"segment", "small", map[string]any{"segs_out": 4.0}},
		{"direction", "outbound", map[string]any{"flows": 3.0, "segs_out": 304.0, "inflation": 2.0}},
	} {
		row := rowOf(t, f, c.table, "name", c.name)
		for field, want := range c.want {
			if row[field] != want {
				t.Errorf("%s %s: %s is %v, want %v", c.table, c.name, field, row[field], want)
			}
		}
	}
	for _, row := range f.Tables["prefix"] {
		if row["name"] == "203.0.113.0/24" {
			t.Error("a network with one address tells nothing")
		}
	}
}
