package routes

import (
	"errors"
	"fmt"
	"net/netip"

	"whydrop/probes/fact"
	"whydrop/probes/routes/fib"
)

// Facts implements fact.Source.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	var looks []*Reading
	for _, reading := range readings {
		if look, ok := reading.Data.(*Reading); ok && look != nil {
			looks = append(looks, look)
		}
	}
	if len(looks) == 0 {
		return
	}
	neighbours(looks, f)
	refusals(looks, f)
	last := looks[len(looks)-1]
	defaultRoute := func(name string, have bool) {
		if have || !last.Truncated {
			f.Flag(name, have)
		}
	}
	defaultRoute("route.default", last.Default4 || last.Default6)
	defaultRoute("route.default_ipv4", last.Default4)
	defaultRoute("route.default_ipv6", last.Default6)
	defaultRoute("route.ipv6", last.IPv6)
	if last.NoSockets != "" {
		f.CannotSee("routes", "which sockets need a route: "+last.NoSockets,
			"NETLINK_SOCK_DIAG: the kernel module tcp_diag, or a seccomp profile that allows it")
	} else {
		f.Gauge("route.unroutable_flows", float64(last.Unroutable))
		tellUsed(looks, f)
	}
	if missing := (*fib.Missing)(nil); errors.As(last.NoWatch, &missing) {
		f.CannotSee("routes", fib.What, missing.Needs)
	} else if last.NoWatch != nil {
		f.CannotSee("routes", last.NoWatch.Error(), "")
	}
	if last.Truncated {
		f.CannotSee("routes", fmt.Sprintf("routes beyond the first %d", maxRoutes), "")
	}
}

// neighbours adds the next hops that do not resolve, or are needed and probed.
func neighbours(looks []*Reading, f *fact.Facts) {
	f.Table("neighbour")
	type entry struct {
		Neighbour
		bad, wanted int
		link        string
	}
	var order []hop
	entries := map[hop]*entry{}
	for _, look := range looks {
		for _, n := range look.Neighbours {
			key := hop{n.Addr, n.Ifindex}
			e := entries[key]
			if e == nil {
				e = &entry{}
				entries[key] = e
				order = append(order, key)
			}
			e.Neighbour, e.link = n, look.Links[n.Ifindex]
			if n.wanted() {
				e.wanted++
			}
			if n.bad() {
				e.bad++
			}
		}
	}
	for _, key := range order {
		e := entries[key]
		row := fact.Row{
			"name": fmt.Sprintf("%s dev %s", e.Addr, e.link), "address": e.Addr.String(), "link": e.link,
			"state": e.stateName(), "bad_share": float64(e.bad) / float64(len(looks)),
			"gateway": e.Gateway, "wanted": e.wanted > 0, "sockets": float64(e.Sockets),
			"wanted_share": float64(e.wanted) / float64(len(looks)),
		}
		if e.Probes >= 0 {
			row["probes"] = float64(e.Probes)
		}
		if e.Used >= 0 {
			row["unused_ms"] = float64(e.Used) * 10
		}
		f.Add("neighbour", row)
	}
	failed := 0.0
	for _, n := range looks[len(looks)-1].Neighbours {
		if n.bad() && n.wanted() {
			failed++
		}
	}
	f.Gauge("neigh.failed", failed)
}

// refusals adds the routes and rules that swallow or refuse packets.
func refusals(looks []*Reading, f *fact.Facts) {
	f.Table("route")
	peers := map[string]map[netip.Addr]bool{}
	for _, look := range looks {
		for i := range look.Refusals {
			r := &look.Refusals[i]
			key := r.name()
			if peers[key] == nil {
				peers[key] = map[netip.Addr]bool{}
			}
			for _, addr := range r.Addrs {
				peers[key][addr] = true
			}
		}
	}
	last := looks[len(looks)-1]
	ofFamily := map[bool]int{}
	for i := range last.Refusals {
		ofFamily[last.Refusals[i].Destination.Addr().Is6()]++
	}
	for i := range last.Refusals {
		r := &last.Refusals[i]
		row := fact.Row{
			"name": r.name(), "type": r.Type, "destination": r.Destination.String(), "rule": r.Rule,
			"default": r.Destination.Bits() == 0 && !r.Source.IsValid() && !r.Partial,
			"only":    ofFamily[r.Destination.Addr().Is6()] == 1,
		}
		if last.NoSockets == "" {
			row["sockets"], row["peers_seen"] = float64(r.Sockets), float64(len(peers[r.name()]))
		}
		if r.Rule {
			row["priority"] = float64(r.Priority)
		} else {
			row["table"], row["wider"] = float64(r.Table), r.Wider
		}
		if last.Watched && !r.Rule {
			r.tellRefused(row, looks)
		}
		f.Add("route", row)
	}
}

// tellRefused adds the lookups that the route refused from the first to the last look.
func (r *Refusal) tellRefused(row fact.Row, looks []*Reading) {
	before := uint64(0)
	if first := looks[0]; first.Watched {
		for i := range first.Refusals {
			if first.Refusals[i].name() == r.name() {
				before = first.Refusals[i].Refused
			}
		}
	}
	row["refused_total"] = float64(r.Refused)
	if len(looks) > 1 {
		growth, _ := fact.Growth(before, r.Refused, 64)
		row["refused"] = float64(growth)
	}
	if len(r.RefusedTo) > 0 {
		row["refused_to"] = r.RefusedTo[0].String()
	}
}

func (r *Refusal) name() string {
	if !r.Rule {
		return fmt.Sprintf("%s %s table %d", r.Type, r.Destination, r.Table)
	}
	from := "all"
	if r.Source.IsValid() {
		from = r.Source.String()
	}
	return fmt.Sprintf("rule %d: from %s to %s %s", r.Priority, from, r.Destination, r.Type)
}
