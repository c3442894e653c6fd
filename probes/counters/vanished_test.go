package counters

import (
	"fmt"
	"testing"

	"whydrop/probes/fact"
)

// growthOf fills in zero for every counter of the books that is not given.
func growthOf(given growths) growths {
	g := growths{}
	for _, b := range []books{rx4, rx6, tx4, tx6} {
		for _, name := range append(append([]string{}, b.in...), b.out...) {
			g[name] = 0
		}
	}
	for name, v := range given {
		g[name] = v
	}
	return g
}

func TestVanished(t *testing.T) {
	for _, c := range []struct {
		what  string
		grown growths
		first *Reading
		last  *Reading
		fact  string
		want  any // nil for unknown
	}{
		{what: "everything delivered or forwarded", grown: growths{"Ip.InReceives": 100, "Ip.InDelivers": 60, "Ip.ForwDatagrams": 40}, fact: "ip.rx_vanished", want: 0.0},
		{what: "PREROUTING or INPUT takes some", grown: growths{"Ip.InReceives": 100, "Ip.InDelivers": 93}, fact: "ip.rx_vanished", want: 7.0},
		{what: "a bad checksum is counted twice", grown: growths{"Ip.InReceives": 10, "Ip.InHdrErrors": 3, "IpExt.InCsumErrors": 3, "Ip.InDelivers": 2}, fact: "ip.rx_vanished", want: 5.0},
		{what: "each error has its counter", grown: growths{"Ip.InReceives": 21, "Ip.InHdrErrors": 1, "Ip.InAddrErrors": 2, "Ip.InUnknownProtos": 3, "Ip.InDiscards": 4, "IpExt.InNoRoutes": 5, "IpExt.InTruncatedPkts": 1, "TcpExt.IPReversePathFilter": 5}, fact: "ip.rx_vanished", want: 0.0},
		{what: "three fragments make one packet", grown: growths{"Ip.InReceives": 15, "Ip.ReasmReqds": 15, "Ip.ReasmOKs": 5, "Ip.InDelivers": 5}, fact: "ip.rx_vanished", want: 0.0},
		{what: "fragments that wait or time out", grown: growths{"Ip.InReceives": 4, "Ip.ReasmReqds": 4, "Ip.ReasmFails": 4}, fact: "ip.rx_vanished", want: 0.0},
		{what: "more delivered than received (IPsec)", grown: growths{"Ip.InReceives": 10, "Ip.InDelivers": 20}, fact: "ip.rx_vanished", want: 0.0},
		{what: "packets under way on a busy host", grown: growths{"Ip.InReceives": 1e6, "Ip.InDelivers": 1e6 - 60}, fact: "ip.rx_vanished", want: 0.0},
		{what: "more than can be under way", grown: growths{"Ip.InReceives": 1e7, "Ip.InDelivers": 1e7 - 65}, fact: "ip.rx_vanished", want: 65.0},
		{what: "one of few packets", grown: growths{"Ip.InReceives": 9000, "Ip.InDelivers": 8999}, fact: "ip.rx_vanished", want: 1.0},
		{
			what: "multicast that nobody joined", grown: growths{"Ip.InReceives": 100, "Ip.InDelivers": 70, "IpExt.InMcastPkts": 5}, fact: "ip.rx_vanished", want: 0.0,
			first: &Reading{Multicast: map[string]uint64{"eth0": 7, "br0": 7}}, last: &Reading{Multicast: map[string]uint64{"eth0": 42, "br0": 40}},
		},
		{
			what: "packets that IPVS took", grown: growths{"Ip.InReceives": 100, "Ip.InDelivers": 10}, fact: "ip.rx_vanished", want: 2.0,
			first: &Reading{VirtualServers: 1000}, last: &Reading{VirtualServers: 1088},
		},
		{what: "IPv6 multicast is counted before it is judged", grown: growths{"Ip6.InReceives": 10, "Ip6.InMcastPkts": 6, "Ip6.InDelivers": 4}, fact: "ip6.rx_vanished", want: 0.0},
		{what: "OUTPUT takes some", grown: growths{"Ip.OutRequests": 100, "Ip.OutTransmits": 90}, fact: "ip.tx_vanished", want: 10.0},
		{what: "FORWARD takes some", grown: growths{"Ip.InReceives": 8, "Ip.ForwDatagrams": 8, "Ip.OutTransmits": 5}, fact: "ip.tx_vanished", want: 3.0},
		{what: "fragments are transmitted one by one", grown: growths{"Ip.OutRequests": 5, "Ip.FragOKs": 5, "Ip.FragCreates": 15, "Ip.OutTransmits": 15}, fact: "ip.tx_vanished", want: 0.0},
		{what: "too big to forward", grown: growths{"Ip.ForwDatagrams": 9, "Ip.OutRequests": 1, "Ip.FragFails": 1, "Ip.OutTransmits": 9}, fact: "ip.tx_vanished", want: 0.0},
		{
			what: "an egress hook takes some", grown: growths{"Ip.OutTransmits": 90, "Ip6.OutTransmits": 30}, fact: "ip.egress_vanished", want: 20.0,
			first: &Reading{Sent: map[string]uint64{"eth0": 1000, "lo": 5}}, last: &Reading{Sent: map[string]uint64{"eth0": 1060, "lo": 45}},
		},
		{
			what: "a device that segments counts more than IP", grown: growths{"Ip.OutTransmits": 90}, fact: "ip.egress_vanished", want: 0.0,
			first: &Reading{Sent: map[string]uint64{"eth0": 1000}}, last: &Reading{Sent: map[string]uint64{"eth0": 5000}},
		},
		{what: "devices that nobody could read", grown: growths{"Ip.OutTransmits": 90}, fact: "ip.egress_vanished"},
		{what: "IPsec asks twice", grown: growths{"Ip.OutRequests": 100, "Ip.OutTransmits": 50}, fact: "ip.tx_vanished", last: &Reading{IPsec: true}},
		{what: "IPv6 OUTPUT takes some", grown: growths{"Ip6.OutRequests": 4, "Ip6.OutTransmits": 1}, fact: "ip6.tx_vanished", want: 3.0},
	} {
		t.Run(c.what, func(t *testing.T) {
			first, last := c.first, c.last
			if first == nil {
				first = &Reading{}
			}
			if last == nil {
				last = &Reading{}
			}
			f := &fact.Facts{Values: map[string]fact.Value{}}
			countVanished([]*Reading{first, last}, growthOf(c.grown), f)
			if got := f.Values[c.fact].Now; got != c.want {
				t.Errorf("%s = %v, want %v", c.fact, got, c.want)
			}
		})
	}
}

// Without one of the counters, as on kernels that lack it, a balance is unknown.
func TestVanishedNeedsAllCounters(t *testing.T) {
	for _, b := range []books{rx4, rx6, tx4, tx6} {
		for _, missing := range append(append([]string{}, b.in...), b.out...) {
			t.Run(fmt.Sprint(b.fact, " without ", missing), func(t *testing.T) {
				g := growthOf(growths{b.in[0]: 50})
				delete(g, missing)
				f := &fact.Facts{Values: map[string]fact.Value{}}
				countVanished([]*Reading{{}, {}}, g, f)
				if v, ok := f.Values[b.fact]; ok {
					t.Errorf("%s = %v", b.fact, v.Now)
				}
			})
		}
	}
}
