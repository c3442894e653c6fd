package routes

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Neighbour is one entry of the ARP or neighbour discovery table.
type Neighbour struct {
	Addr    netip.Addr `json:"addr"`
	Ifindex int        `json:"ifindex"`
	State   uint16     `json:"state"` // NUD_*
	// Probes without an answer so far (NDA_PROBES), -1 if the kernel does not say.
	Probes int `json:"probes"`
	// Used is for how many clock ticks of 10 ms nobody sent to it
	// (ndm_used), -1 if the kernel does not say.
	Used int64 `json:"used"`
	// Gateway: a route has it as next hop. Sockets: TCP sockets with something
	// to send whose next hop it is.
	Gateway bool `json:"gateway"`
	Sockets int  `json:"sockets"`
}

// bad says whether the entry does not resolve.
func (n *Neighbour) bad() bool { return n.State&(unix.NUD_FAILED|unix.NUD_INCOMPLETE) != 0 }

// recently is how many ticks of 10 ms ago somebody sent to a neighbour that
// counts as wanted now.
const recently = 500

// wanted says whether something needs the entry now. The time of last use also
// covers what is not TCP, and packets that this host forwards.
func (n *Neighbour) wanted() bool {
	return n.Sockets > 0 || (n.Used >= 0 && n.Used <= recently)
}

var neighbourStates = []struct {
	bit  uint16
	name string
}{
	{unix.NUD_FAILED, "FAILED"}, {unix.NUD_INCOMPLETE, "INCOMPLETE"}, {unix.NUD_PROBE, "PROBE"},
	{unix.NUD_DELAY, "DELAY"}, {unix.NUD_STALE, "STALE"}, {unix.NUD_REACHABLE, "REACHABLE"},
	{unix.NUD_PERMANENT, "PERMANENT"}, {unix.NUD_NOARP, "NOARP"},
}

func (n *Neighbour) stateName() string {
	for _, s := range neighbourStates {
		if n.State&s.bit != 0 {
			return s.name
		}
	}
	return "NONE"
}

// parseNeighbour reads an ndmsg with its attributes.
func parseNeighbour(b []byte) (n Neighbour, ok bool) {
	if len(b) < unix.SizeofNdMsg {
		return n, false
	}
	order := binary.NativeEndian
	n = Neighbour{Ifindex: int(int32(order.Uint32(b[4:]))), State: order.Uint16(b[8:]), Probes: -1, Used: -1}
	for kind, value := range attributes(b[unix.SizeofNdMsg:]) {
		switch {
		case kind == unix.NDA_DST:
			n.Addr, ok = netip.AddrFromSlice(value)
		case kind == unix.NDA_PROBES && len(value) >= 4:
			n.Probes = int(order.Uint32(value))
		case kind == unix.NDA_CACHEINFO && len(value) >= 8:
			n.Used = int64(order.Uint32(value[4:])) // struct nda_cacheinfo: confirmed, used, ...
		}
	}
	return n, ok
}

// Refusal is a route or a policy rule that swallows or refuses packets.
type Refusal struct {
	Type        string       `json:"type"` // blackhole, unreachable, prohibit, throw
	Destination netip.Prefix `json:"destination"`
	Table       uint32       `json:"table,omitempty"`
	// Rule: it is a policy rule (ip rule), for packets from Source if that is valid.
	Rule     bool         `json:"rule,omitempty"`
	Source   netip.Prefix `json:"source"`
	Priority uint32       `json:"priority,omitempty"`
	Partial  bool         `json:"partial,omitempty"` // the rule has further conditions
	// Wider: a route to somewhere catches its destinations once it is gone, of the same
	// table or, where that is not the main one, of the main one.
	Wider bool `json:"wider,omitempty"`
	// Sockets are TCP sockets that the kernel refuses to route and that it
	// covers; Addrs their remote addresses, at most maxLookups.
	Sockets int          `json:"sockets"`
	Addrs   []netip.Addr `json:"addrs,omitempty"`
	// Refused are lookups of TCP sockets that the route refused since they are
	// counted (Reading.Watched), RefusedTo their destinations.
	Refused   uint64           `json:"refused,omitempty"`
	RefusedTo []netip.AddrPort `json:"refused_to,omitempty"`
}

// route is what is used of an rtmsg.
type route struct {
	kind        uint8 // RTN_*
	destination netip.Prefix
	table       uint32
	gateways    []netip.Addr
	oif         int
	metric      uint32
	cloned      bool
	mtu         uint32 // of its own (RTAX_MTU), 0 for none
	learned     bool   // from a router advertisement, or it expires
}

// parseRoute reads an rtmsg with its attributes.
func parseRoute(b []byte) (r route, ok bool) {
	if len(b) < unix.SizeofRtMsg {
		return r, false
	}
	order := binary.NativeEndian
	family, bits := b[0], int(b[1])
	r = route{kind: b[7], table: uint32(b[4]), cloned: order.Uint32(b[8:])&unix.RTM_F_CLONED != 0, learned: b[5] == unix.RTPROT_RA}
	addr := anywhere(family)
	for kind, value := range attributes(b[unix.SizeofRtMsg:]) {
		switch {
		case kind == unix.RTA_DST:
			if a, ok := netip.AddrFromSlice(value); ok {
				addr = a
			}
		case kind == unix.RTA_TABLE && len(value) >= 4:
			r.table = order.Uint32(value)
		case kind == unix.RTA_OIF && len(value) >= 4:
			r.oif = int(int32(order.Uint32(value)))
		case kind == unix.RTA_PRIORITY && len(value) >= 4:
			r.metric = order.Uint32(value)
		case kind == unix.RTA_GATEWAY, kind == unix.RTA_VIA, kind == unix.RTA_MULTIPATH:
			r.gateways = append(r.gateways, gateways(kind, value)...)
		case kind == unix.RTA_METRICS:
			r.mtu = metricMTU(value)
		case kind == unix.RTA_CACHEINFO:
			r.learned = r.learned || expires(value)
		}
	}
	r.destination = netip.PrefixFrom(addr, bits)
	return r, r.destination.IsValid()
}

// expires reads rta_expires of a struct rta_cacheinfo.
func expires(cache []byte) bool {
	return len(cache) >= 12 && binary.NativeEndian.Uint32(cache[8:]) != 0
}

func metricMTU(metrics []byte) (mtu uint32) {
	for kind, value := range attributes(metrics) {
		if kind == unix.RTAX_MTU && len(value) >= 4 {
			mtu = binary.NativeEndian.Uint32(value)
		}
	}
	return mtu
}

// gateways reads the next hops of a route: one address, one of another family
// (struct rtvia), or several next hops (struct rtnexthop).
func gateways(kind uint16, value []byte) []netip.Addr {
	switch kind {
	case unix.RTA_VIA:
		if len(value) < 2 {
			return nil
		}
		value = value[2:]
		fallthrough
	case unix.RTA_GATEWAY:
		if a, ok := netip.AddrFromSlice(value); ok {
			return []netip.Addr{a}
		}
		return nil
	}
	var all []netip.Addr
	for len(value) >= unix.SizeofRtNexthop {
		size := int(binary.NativeEndian.Uint16(value))
		if size < unix.SizeofRtNexthop || size > len(value) {
			break
		}
		for kind, v := range attributes(value[unix.SizeofRtNexthop:size]) {
			if kind == unix.RTA_GATEWAY || kind == unix.RTA_VIA {
				all = append(all, gateways(kind, v)...)
			}
		}
		value = value[min(align(size), len(value)):]
	}
	return all
}

func anywhere(family uint8) netip.Addr {
	switch family {
	case unix.AF_INET:
		return netip.IPv4Unspecified()
	case unix.AF_INET6:
		return netip.IPv6Unspecified()
	}
	return netip.Addr{}
}

// Attributes of include/uapi/linux/fib_rules.h.
const (
	ruleHeader   = 12
	ruleDst      = 1
	ruleSrc      = 2
	rulePriority = 6
	ruleTable    = 15
	ruleProtocol = 21
	ruleSuppress = 14 // FRA_SUPPRESS_PREFIXLEN, always there
)

// parseRule reads a fib_rule_hdr with its attributes, and says whether the rule
// refuses packets.
func parseRule(b []byte) (r Refusal, ok bool) {
	if len(b) < ruleHeader {
		return r, false
	}
	name := map[uint8]string{6: "blackhole", 7: "unreachable", 8: "prohibit"}[b[7]]
	family := b[0]
	destination := anywhere(family)
	r = Refusal{Type: name, Rule: true}
	for kind, value := range attributes(b[ruleHeader:]) {
		switch kind {
		case ruleDst:
			destination, _ = netip.AddrFromSlice(value)
		case ruleSrc:
			if a, ok := netip.AddrFromSlice(value); ok {
				r.Source = netip.PrefixFrom(a, int(b[2]))
			}
		case rulePriority:
			if len(value) >= 4 {
				r.Priority = binary.NativeEndian.Uint32(value)
			}
		case ruleTable, ruleProtocol, ruleSuppress:
		default: // an interface, a mark, ports, a user: more than an address can tell
			r.Partial = true
		}
	}
	r.Destination = netip.PrefixFrom(destination, int(b[1]))
	return r, name != "" && r.Destination.IsValid()
}
