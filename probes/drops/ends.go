package drops

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"whydrop/probes/fact"
)

// topEnds is how many ends are told for each reason and direction.
const topEnds = 3

// endOf is what dropped packets have in common: the end that they were for, or
// the one that they came from.
type endOf struct {
	group
	protocol string
	to       bool
	end      netip.AddrPort
}

// addClosedPort tells how much of what found no TCP socket was for one port, and
// how much of that came from addresses that had asked for it before: a service
// that is down is one port, and its clients come back; background noise tries
// many ports, from addresses that are never seen again.
func addClosedPort(f *fact.Facts, flows []FlowSample) {
	var all uint64
	ports := map[uint16]uint64{}
	clients := map[uint16]map[netip.Addr]bool{}
	for _, flow := range flows {
		if flow.Reason != "NO_SOCKET" || flow.Direction != Received || flow.Protocol != "tcp" {
			continue
		}
		port := flow.Dst.Port()
		ports[port] += flow.Weight
		all += flow.Weight
		if clients[port] == nil {
			clients[port] = map[netip.Addr]bool{}
		}
		clients[port][flow.Src.Addr()] = true
	}
	most := uint16(0)
	for port, n := range ports {
		if n > ports[most] || n == ports[most] && port < most {
			most = port
		}
	}
	if n := ports[most]; n > 0 {
		f.Gauge("drops.closed_port_share", float64(n)/float64(all))
		f.Gauge("drops.closed_port_again", max(0, float64(n)-float64(len(clients[most])))/float64(n))
	}
}

// addEnds tells the ends that several flows share: of a service that a thousand
// clients cannot reach, no single flow loses much.
func addEnds(f *fact.Facts, flows []FlowSample, packets, weights map[group]float64) {
	type share struct {
		flows  int
		weight uint64
	}
	shares := map[endOf]share{}
	for _, flow := range flows {
		if !flow.Src.IsValid() || !flow.Dst.IsValid() {
			continue
		}
		g := group{flow.Reason, flow.Direction}
		for _, id := range []endOf{{g, flow.Protocol, true, flow.Dst}, {g, flow.Protocol, false, flow.Src}} {
			s := shares[id]
			s.flows++
			s.weight += flow.Weight
			shares[id] = s
		}
	}
	ends := make([]endOf, 0, len(shares))
	for id, s := range shares {
		if s.flows > 1 && id.end.Port() != 0 {
			ends = append(ends, id)
		}
	}
	slices.SortFunc(ends, func(a, b endOf) int {
		return cmp.Or(cmp.Compare(shares[b].weight, shares[a].weight), a.end.Compare(b.end),
			cmp.Compare(a.reason, b.reason), cmp.Compare(a.direction, b.direction), cmp.Compare(a.protocol, b.protocol))
	})
	f.Table("drop_end")
	told := map[group]int{}
	for _, id := range ends {
		estimate := math.Round(packets[id.group] * float64(shares[id].weight) / weights[id.group])
		if told[id.group] == topEnds || estimate == 0 {
			continue
		}
		told[id.group]++
		side := "from"
		if id.to {
			side = "to"
		}
		row := fact.Row{
			"name": side + " " + end(id.end), "side": side, "direction": id.direction.String(), "protocol": id.protocol,
			"address": id.end.Addr().String(), "port": float64(id.end.Port()),
			"flows": float64(shares[id].flows), "packets": estimate,
		}
		if id.reason != "" {
			row["reason"] = id.reason
		}
		f.Add("drop_end", row)
	}
}
