//go:build linux

package lab

import (
	"net/netip"
)

var neighFaults = []Scenario{
	{
		Name: "neigh-gateway", Cause: "neigh.unresolved", sick: "client",
		About: "the gateway towards a partner does not answer ARP; seen from the client",
		plan: func(s *site) error {
			return s.lostNetwork(func() error { return s.client.route(s.lan(9), s.ip(1, 254)) })
		},
	},
	{
		Name: "neigh-dead-host", Cause: "neigh.unresolved", sick: "server",
		About: "a service calls a database on its own network that is gone; seen from the service's host",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			s.grows("reporting.failed", 1)
			at := netip.AddrPortFrom(s.ip(2, 77), 5432).String()
			return s.server.cast("reporting", &caller{Target: at, Rate: 5, Timeout: 5})
		},
	},
	{
		Name: "neigh-ipv6", Cause: "neigh.unresolved", sick: "client",
		About: "a host on the same network does not answer neighbour solicitations; seen from the client",
		plan: func(s *site) error {
			return s.lostNetworkOf(func() netip.Addr { return s.ip6(1, 99) }, func() error { return nil })
		},
	},
	{
		Name: "neigh-router", Cause: "neigh.unresolved", sick: "router",
		About: "a server that clients call through a router is gone from its network; seen from the router",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			s.grows("dashboard.failed", 1)
			at := netip.AddrPortFrom(s.ip(2, 81), 9090).String()
			return s.client.cast("dashboard", &caller{Target: at, Rate: 3, Timeout: 4})
		},
	},
	{
		Name: "neigh-table-full", Cause: "neigh.table-full", sick: "client",
		About:    "a host talks to more neighbours than net.ipv4.neigh.default.gc_thresh3; seen from that host",
		Settings: neighSettings("ipv4"),
		Unseen:   "the counters of the table are those of the machine's first network namespace", UnseenBy: "nobody",
		plan: func(s *site) error { return s.crowdedLink("ipv4") },
	},
	{
		Name: "neigh-table-full-ipv6", Cause: "neigh.table-full", Also: []string{"neigh.unresolved"}, sick: "client",
		About:    "a host talks to more IPv6 neighbours than net.ipv6.neigh.default.gc_thresh3; seen from that host",
		Settings: neighSettings("ipv6"),
		Unseen:   "the counters of the table are those of the machine's first network namespace", UnseenBy: "nobody",
		plan: func(s *site) error { return s.crowdedLink("ipv6") },
	},
	{
		Name: "neigh-table-full-router", Cause: "neigh.table-full", sick: "router",
		About:    "a router has more hosts behind it than net.ipv4.neigh.default.gc_thresh3; seen from the router",
		Settings: neighSettings("ipv4"),
		Unseen:   "the counters of the table are those of the machine's first network namespace", UnseenBy: "nobody",
		plan: crowdedRouter,
	},
}

func neighSettings(family string) []string {
	key := "net." + family + ".neigh.default.gc_thresh"
	return []string{key + "1", key + "2", key + "3"}
}

// crowdedLink gives the router many addresses on the client's link, which the
// client calls in turn, and the machine a neighbour table for fewer. The limit
// leaves room for the entries that exist.
func (s *site) crowdedLink(family string) error {
	if err := s.quiet(); err != nil {
		return err
	}
	const peers = 60
	var targets []string
	for i := range byte(peers) {
		addr, bits := s.ip(1, 100+i), 24
		if family == "ipv6" {
			addr, bits = s.ip6(1, 100+i), 64
		}
		if err := s.router.address("to-client", netip.PrefixFrom(addr, bits)); err != nil {
			return err
		}
		targets = append(targets, netip.AddrPortFrom(addr, 6379).String())
	}
	if err := s.fewNeighbours(family); err != nil {
		return err
	}
	// Nobody listens: an answer, even a reset, takes a neighbour.
	s.grows("cache-client.failed", 5)
	s.grows("cache-client.timeout", 0.1)
	return s.client.cast("cache-client", &caller{Targets: targets, Rate: 40, Timeout: 3})
}

// fewNeighbours lets the machine's table have 40 entries.
func (s *site) fewNeighbours(family string) error {
	for i, threshold := range []string{"8", "16", "40"} {
		if err := s.hostWide(neighSettings(family)[i], threshold); err != nil {
			return err
		}
	}
	return nil
}

// crowdedRouter gives the server many addresses, which a client behind the router
// calls in turn.
func crowdedRouter(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	var targets []string
	for i := range byte(70) {
		addr := s.ip(2, 100+i)
		if err := s.server.address(s.server.dev, netip.PrefixFrom(addr, 24)); err != nil {
			return err
		}
		targets = append(targets, netip.AddrPortFrom(addr, 9221).String())
	}
	if err := s.fewNeighbours("ipv4"); err != nil {
		return err
	}
	s.grows("scraper.failed", 5)
	s.grows("scraper.timeout", 0.1)
	return s.client.cast("scraper", &caller{Targets: targets, Rate: 30, Timeout: 3})
}
