// Package routes looks at the neighbour tables, the routes and the policy rules of
// the host's network namespace, and finds which TCP sockets they fail.
//
// A connect() to a destination that is refused fails at once and leaves no socket:
// EINVAL for a blackhole, EHOSTUNREACH for an unreachable, EACCES for a prohibit
// route, ENETUNREACH for no route. Of these only ENETUNREACH counts in
// Ip.OutNoRoutes (tcp_v4_connect in net/ipv4/tcp_ipv4.c). Each attempt of an
// established connection to send counts, whatever the type (__ip_queue_xmit), and
// so does each SYN of a client to which the SYN-ACK can't be routed
// (inet_csk_route_req): that leaves no SYN-RECV either. Where rp_filter is on, the
// packets of such a client are dropped before, as TcpExt.IPReversePathFilter. What
// no counter shows, package fib counts by BPF, where a refusing route exists.
package routes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/routes/fib"
	"whydrop/probes/sockets/inetdiag"
)

// Reading is one look at neighbours, routes and rules.
type Reading struct {
	// Neighbours that do not resolve or are probed, and those that TCP sockets
	// with something to send need. At most maxNeighbours.
	Neighbours []Neighbour    `json:"neighbours"`
	Links      map[int]string `json:"links"` // names by interface index
	Refusals   []Refusal      `json:"refusals"`
	Unroutable int            `json:"unroutable"` // sockets whose destination is refused
	Used       []Used         `json:"used"`       // the routes of connections that stand still
	// Default4 and Default6 say whether some table has a default route. Two halves
	// of the address space, as VPNs set them up, count as one.
	Default4  bool   `json:"default4"`
	Default6  bool   `json:"default6"`
	IPv6      bool   `json:"ipv6"`      // a unicast route beyond link-local addresses
	Truncated bool   `json:"truncated"` // more than maxRoutes routes: the rest was not read
	NoSockets string `json:"no_sockets,omitempty"`
	// Watched: the Refused of the refusals are counted. NoWatch is why they could
	// not be, of package fib.
	Watched bool  `json:"watched"`
	NoWatch error `json:"-"`
}

const (
	maxNeighbours = 256
	maxRefusals   = 256
	maxRoutes     = 50_000
	maxLookups    = 64
	maxStalled    = 32 // destinations of connections that stand still, whose route is asked for
	// A part of the look that took long is not repeated before this many times
	// as long have passed.
	restFactor = 50
	// Where no other source tells of the sockets, one sweep in a long while is
	// enough.
	sweepFactor = 200
	routesRest  = 2 * time.Second
)

// Source reads neighbours, routes and rules over rtnetlink, and the
// addresses of TCP sockets over inet_diag where no other source tells them. No
// capability is needed but for the connections that a route refuses at once.
type Source struct {
	conn *conn
	diag *inetdiag.Conn

	noBPF   bool
	watch   *fib.Watch // since the first refusing route was seen
	noWatch error      // why there is none

	refusals   []Refusal
	gateways   map[netip.Addr]bool
	default4   bool
	default6   bool
	ipv6       bool
	truncated  bool
	nextRoutes time.Time

	sockets   Sockets // may be nil
	pairs     []inetdiag.Pair
	noSockets string
	nextSweep time.Time
}

// Sockets tells which pairs of addresses TCP sockets need a route between, as
// another source found them within the last few seconds, those with something
// to send first. ok is false if it did not.
type Sockets func(context.Context) (pairs []inetdiag.Pair, ok bool)

// New returns the source for the network namespace of the thread that makes the
// first look. It asks sockets before it sweeps them itself; nil: it always does.
// With noBPF it attaches nothing to the kernel.
func New(sockets Sockets, noBPF bool) *Source { return &Source{sockets: sockets, noBPF: noBPF} }

// Name implements fact.Source.
func (s *Source) Name() string { return "routes" }

// Reads implements fact.Source.
func (s *Source) Reads() string {
	return "NETLINK_ROUTE (neighbours, routes, rules, route lookups); NETLINK_SOCK_DIAG (remote addresses); " +
		"BPF on the tracepoints fib:fib_table_lookup and fib6:fib6_table_lookup, if a route refuses packets"
}

// Look implements fact.Source; its reading is a *Reading. Errors: the context's,
// and those of rtnetlink.
func (s *Source) Look(ctx context.Context) (any, error) {
	r, err := s.look(ctx)
	if err != nil {
		s.hangUp()
		return nil, err
	}
	return r, nil
}

func (s *Source) hangUp() {
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
}

func (s *Source) look(ctx context.Context) (*Reading, error) {
	if s.conn == nil {
		var err error
		if s.conn, err = dial(); errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EAFNOSUPPORT) {
			return nil, fact.Unavailable("routes and neighbours: "+err.Error(), "a seccomp profile that allows AF_NETLINK sockets")
		} else if err != nil {
			return nil, err
		}
	}
	r := &Reading{Links: map[int]string{}}
	if now := time.Now(); !now.Before(s.nextRoutes) {
		if err := s.readRoutes(ctx); err != nil {
			return nil, err
		}
		s.nextRoutes = time.Now().Add(max(routesRest, restFactor*time.Since(now)))
	}
	s.readSockets(ctx)
	r.Default4, r.Default6, r.IPv6 = s.default4, s.default6, s.ipv6
	r.Truncated, r.NoSockets = s.truncated, s.noSockets
	r.Refusals = slices.Clone(s.refusals)
	s.readRefused(r)
	hops, err := s.askForSockets(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := s.askForStalled(ctx, r); err != nil {
		return nil, err
	}
	return r, s.readNeighbours(ctx, r, hops)
}

// readRefused adds what the refusing routes refused to TCP sockets. The programs
// are attached when the first such route is seen: most hosts have none.
func (s *Source) readRefused(r *Reading) {
	if s.noBPF || !slices.ContainsFunc(r.Refusals, func(r Refusal) bool { return !r.Rule }) {
		return
	}
	if s.watch == nil && s.noWatch == nil {
		s.watch, s.noWatch = fib.Start()
	}
	err := s.noWatch
	var refused []fib.Refused
	if err == nil {
		refused, err = s.watch.Read()
	}
	if err != nil {
		r.NoWatch = err
		return
	}
	r.Watched = true
	for _, ended := range refused {
		pair := inetdiag.Pair{Remote: ended.To.Addr()}
		if by := attribution(r.Refusals, ended.Errno, &pair); by != nil {
			by.Refused += ended.Count
			by.RefusedTo = append(by.RefusedTo, ended.To)
		}
	}
}

// Close detaches what was attached to the kernel.
func (s *Source) Close() error {
	s.hangUp()
	if s.watch == nil {
		return nil
	}
	return s.watch.Close()
}

// hop is a next hop: its address and interface.
type hop struct {
	addr    netip.Addr
	ifindex int
}

func (s *Source) readNeighbours(ctx context.Context, r *Reading, hops map[hop]int) error {
	request := make([]byte, unix.SizeofNdMsg) // AF_UNSPEC: all families
	err := s.conn.dump(ctx, unix.RTM_GETNEIGH, request, func(b []byte) error {
		n, ok := parseNeighbour(b)
		if !ok || n.Addr.IsMulticast() {
			return nil
		}
		n.Sockets, n.Gateway = hops[hop{n.Addr, n.Ifindex}], s.gateways[n.Addr]
		if (n.bad() || n.State&unix.NUD_PROBE != 0 || n.Sockets > 0) && len(r.Neighbours) < maxNeighbours {
			r.Neighbours = append(r.Neighbours, n)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list neighbours: %w", err)
	}
	for _, n := range r.Neighbours {
		if _, ok := r.Links[n.Ifindex]; !ok {
			r.Links[n.Ifindex] = linkName(n.Ifindex)
		}
	}
	return nil
}

func linkName(ifindex int) string {
	if link, err := net.InterfaceByIndex(ifindex); err == nil {
		return link.Name
	}
	return fmt.Sprintf("interface %d", ifindex)
}

// readRoutes lists the routes and rules that refuse packets, and the gateways.
func (s *Source) readRoutes(ctx context.Context) error {
	s.refusals, s.gateways = nil, map[netip.Addr]bool{}
	s.default4, s.default6, s.ipv6, s.truncated = false, false, false, false
	n := 0
	ways := map[way]bool{}
	err := s.conn.dump(ctx, unix.RTM_GETROUTE, make([]byte, unix.SizeofRtMsg), func(b []byte) error {
		if n++; n > maxRoutes {
			return errEnough
		}
		if r, ok := parseRoute(b); ok {
			s.addRoute(&r)
			if r.kind == unix.RTN_UNICAST && !r.cloned {
				ways[way{r.table, r.destination}] = true
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		s.hangUp()
		s.truncated = true
		s.conn, err = dial()
	}
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for i := range s.refusals {
		s.refusals[i].Wider = s.refusals[i].wider(ways)
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := make([]byte, ruleHeader)
		request[0] = family
		err := s.conn.dump(ctx, unix.RTM_GETRULE, request, func(b []byte) error {
			if rule, ok := parseRule(b); ok && b[0] == family && len(s.refusals) < maxRefusals {
				s.refusals = append(s.refusals, rule)
			}
			return nil
		})
		var answer unix.Errno
		if err != nil && !errors.As(err, &answer) { // a kernel without policy routing answers with an error
			return fmt.Errorf("list rules: %w", err)
		}
	}
	return nil
}

var refusalTypes = map[uint8]string{
	unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable",
	unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw",
}

// way is a route to somewhere, as far as it tells what it catches.
type way struct {
	table uint32
	to    netip.Prefix
}

// wider says whether one of the ways catches what the refusal does once it is gone. A
// throw has let the lookup go on to other tables already.
func (r *Refusal) wider(ways map[way]bool) bool {
	for bits := r.Destination.Bits(); bits >= 0; bits-- {
		to := netip.PrefixFrom(r.Destination.Addr(), bits).Masked()
		if ways[way{r.Table, to}] || r.Type != "throw" && ways[way{unix.RT_TABLE_MAIN, to}] {
			return true
		}
	}
	return false
}

// isIPv6Network says whether the route leads further than link-local addresses do.
func (r *route) isIPv6Network() bool {
	to := r.destination.Addr()
	return r.kind == unix.RTN_UNICAST && to.Is6() && !to.IsLinkLocalUnicast() && !to.IsMulticast() && !to.IsLoopback()
}

func (s *Source) addRoute(r *route) {
	if r.cloned {
		return
	}
	for _, gateway := range r.gateways {
		if len(s.gateways) < maxNeighbours {
			s.gateways[gateway] = true
		}
	}
	if r.kind == unix.RTN_UNICAST && r.destination.Bits() <= 1 {
		s.default4 = s.default4 || r.destination.Addr().Is4()
		s.default6 = s.default6 || r.destination.Addr().Is6()
	}
	s.ipv6 = s.ipv6 || r.isIPv6Network()
	// Older kernels list the entry that stands for "no route" as a route.
	const noRoute = ^uint32(0)
	name := refusalTypes[r.kind]
	if name == "" || r.metric == noRoute || len(s.refusals) >= maxRefusals {
		return
	}
	s.refusals = append(s.refusals, Refusal{Type: name, Destination: r.destination, Table: r.table})
}

var (
	_ fact.Source = (*Source)(nil)
	_ io.Closer   = (*Source)(nil)
)
