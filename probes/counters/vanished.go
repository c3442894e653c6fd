package counters

import "whydrop/probes/fact"

// Packets that vanish inside IP
//
// Every packet that IP receives ends in exactly one place, and nearly every
// place has a counter; netfilter's hooks have none. What is left when the
// counted ends are taken off was taken by a hook. The books are those of
// net/ipv4/ip_input.c, ip_forward.c, ip_output.c and net/ipv6/ip6_input.c,
// ip6_output.c:
//
//   - ip_rcv_core counts InReceives before the PREROUTING hook,
//     ip_protocol_deliver_rcu counts InDelivers after the INPUT hook. A bad
//     checksum is counted in InCsumErrors and again in InHdrErrors, so only the
//     latter is taken off.
//   - Newer kernels count ForwDatagrams before the FORWARD hook, older ones
//     after it. What FORWARD takes is therefore part of tx_vanished on newer
//     kernels and of rx_vanished on older ones.
//   - Fragments: each counts in InReceives and ReasmReqds, the whole packet in
//     ReasmOKs. With connection tracking, IPv6 fragments are put together
//     without being counted (nf_conntrack_reasm.c): the fragments of packets
//     that are delivered here then look vanished.
//   - OutTransmits (Linux 6.7, and 6.6 with stable updates) is counted in
//     ip_finish_output2, after OUTPUT, POSTROUTING and cgroup programs, and
//     after fragmentation.
//   - A transform (IPsec) asks for a packet twice and transmits it once:
//     tx_vanished stays unknown while one is loaded.
//   - IPVS takes packets at INPUT and sends them on: it has its own counter.
//   - IPv4 multicast for groups that nobody joined ends in the routing decision
//     without a count. Where the driver counts the multicast frames it received,
//     those that IP did not accept are taken off; veth and virtio_net don't. IPv6
//     counts multicast before it decides: all of it is taken off.
//
// Also uncounted, and left in: blackhole, unreachable and prohibit routes on a
// host that forwards IPv4, blackhole routes for IPv6, martian sources, IPv4
// source routes that are not accepted, policies of IPsec.
//
// The counters of one file are summed up CPU after CPU while packets move on:
// a few packets are between two counts. Figures up to the tolerance are zero.

// tolerance is how many packets out of n can be under way between two counts
// at the ends of an observation: one in ten thousand, at most one softirq round
// of 64 packets.
func tolerance(n float64) float64 { return min(64, n/10000) }

// books names the counters that make up one balance: what came in must be the
// sum of what went out.
type books struct {
	fact    string
	in, out []string
}

var (
	rx4 = books{
		fact: "ip.rx_vanished",
		in:   []string{"Ip.InReceives", "Ip.ReasmOKs"},
		out: []string{
			"Ip.InDelivers", "Ip.ForwDatagrams", "Ip.InHdrErrors", "Ip.InAddrErrors", "Ip.InUnknownProtos",
			"Ip.InDiscards", "IpExt.InNoRoutes", "IpExt.InTruncatedPkts", "TcpExt.IPReversePathFilter", "Ip.ReasmReqds",
		},
	}
	rx6 = books{
		fact: "ip6.rx_vanished",
		in:   []string{"Ip6.InReceives", "Ip6.ReasmOKs", "Ip6.FragOKs"},
		out: []string{
			"Ip6.InDelivers", "Ip6.OutForwDatagrams", "Ip6.InHdrErrors", "Ip6.InAddrErrors", "Ip6.InUnknownProtos",
			"Ip6.InDiscards", "Ip6.InNoRoutes", "Ip6.InTruncatedPkts", "Ip6.InTooBigErrors", "Ip6.ReasmReqds",
			"Ip6.InMcastPkts", "Ip6.FragCreates",
		},
	}
	tx4 = books{
		fact: "ip.tx_vanished",
		in:   []string{"Ip.OutRequests", "Ip.ForwDatagrams", "Ip.FragCreates"},
		out:  []string{"Ip.OutTransmits", "Ip.FragOKs", "Ip.FragFails"},
	}
	tx6 = books{
		fact: "ip6.tx_vanished",
		in:   []string{"Ip6.OutRequests", "Ip6.OutForwDatagrams", "Ip6.FragCreates"},
		out:  []string{"Ip6.OutTransmits", "Ip6.FragOKs", "Ip6.FragFails"},
	}
)

// countVanished records what the books do not account for.
func countVanished(rs []*Reading, grown growths, f *fact.Facts) {
	balance(rx4, grown, multicastNoise(rs, grown)+virtualServers(rs), f)
	balance(rx6, grown, 0, f)
	if rs[len(rs)-1].IPsec {
		f.CannotSee(name, "packets that vanish on output: IPsec is loaded and counts each packet twice", "")
		return
	}
	balance(tx4, grown, 0, f)
	balance(tx6, grown, 0, f)
	egress(rs, grown, f)
}

// egress records how many packets left IP and were sent by no device: an egress
// hook took them, a queueing discipline dropped or still holds them, or the next
// hop's address is missing. A device counts more than IP sends (ARP, segments of
// a large packet, devices on top of others), which hides some: what is told is
// the least. A hundredth of all can be under way between the two counts.
func egress(rs []*Reading, grown growths, f *fact.Facts) {
	last := rs[len(rs)-1]
	sent4, ok := grown["Ip.OutTransmits"]
	if !ok || len(last.Sent) == 0 {
		return
	}
	sent := sent4 + grown["Ip6.OutTransmits"]
	left := sent
	for _, n := range deviceGrowth(rs, func(r *Reading) map[string]uint64 { return r.Sent }) {
		left -= n
	}
	if left <= sent/100 {
		left = 0
	}
	f.Values["ip.egress_vanished"] = fact.Value{Now: left}
}

// deviceGrowth is by how much a count of each device grew.
func deviceGrowth(rs []*Reading, count func(*Reading) map[string]uint64) map[string]float64 {
	grown := map[string]float64{}
	for device := range count(rs[len(rs)-1]) {
		before := count(rs[0])[device]
		for _, r := range rs[1:] {
			v := count(r)[device]
			g, _ := fact.Growth(before, v, 64)
			grown[device], before = grown[device]+float64(g), v
		}
	}
	return grown
}

// balance records one balance, less what is known from elsewhere. It needs all
// of the counters: without one the balance is unknown.
func balance(b books, grown growths, elsewhere float64, f *fact.Facts) {
	all := 0.0
	for _, name := range b.in {
		v, ok := grown[name]
		if !ok {
			return
		}
		all += v
	}
	left := all - elsewhere
	for _, name := range b.out {
		v, ok := grown[name]
		if !ok {
			return
		}
		left -= v
	}
	if left <= tolerance(all) {
		left = 0
	}
	f.Values[b.fact] = fact.Value{Now: left}
}

// multicastNoise is how many multicast frames the busiest device received that
// IP did not accept. The devices below a bridge, a bond or a VLAN count the same
// frames again, so it is the largest figure, not the sum.
func multicastNoise(rs []*Reading, grown growths) float64 {
	most := 0.0
	for _, n := range deviceGrowth(rs, func(r *Reading) map[string]uint64 { return r.Multicast }) {
		most = max(most, n)
	}
	return max(0, most-grown["IpExt.InMcastPkts"]-grown["Ip6.InMcastPkts"])
}

func virtualServers(rs []*Reading) float64 {
	sum := 0.0
	for i := 1; i < len(rs); i++ {
		g, _ := fact.Growth(rs[i-1].VirtualServers, rs[i].VirtualServers, 64)
		sum += float64(g)
	}
	return sum
}
