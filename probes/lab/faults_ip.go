//go:build linux

package lab

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

var ipFaults = []Scenario{
	{
		Name: "no-route", Cause: "ip.no-route", sick: "client",
		About:  "an unreachable route hides a partner's network; seen from the client",
		Unseen: "connect() fails before a socket or a counter shows it",
		plan: func(s *site) error {
			return s.lostNetwork(func() error { return s.client.routeType(s.lan(9), unix.RTN_UNREACHABLE) })
		},
	},
	{
		Name: "no-route-default", Cause: "ip.no-route", sick: "client",
		About: "a host without a default route calls a service outside its own networks; seen from that host",
		plan: func(s *site) error {
			return s.lostNetwork(func() error {
				if err := s.client.route(s.lan(2), s.client.via); err != nil {
					return err
				}
				return s.client.dropRoute(netip.MustParsePrefix("0.0.0.0/0"))
			})
		},
	},
	{
		Name: "no-route-back", Cause: "ip.no-route", sick: "server",
		About: "a service's host has no route back to some of its clients; seen from the service's host",
		plan:  noRouteBack(func(s *site) error { return s.server.routeType(s.lan(31), unix.RTN_PROHIBIT) }),
	},
	{
		Name: "blackhole-route", Cause: "ip.blackhole-route", sick: "server",
		About: "a blackhole route swallows the answers to some clients; seen from the service's host",
		plan:  noRouteBack(func(s *site) error { return s.server.routeType(s.lan(31), unix.RTN_BLACKHOLE) }),
	},
	{
		Name: "blackhole-route-client", Cause: "ip.blackhole-route", sick: "client",
		About:  "a blackhole route swallows a client's connections to a partner; seen from the client",
		Unseen: "connect() fails before a socket or a counter shows it",
		plan: func(s *site) error {
			return s.lostNetwork(func() error { return s.client.routeType(s.lan(9), unix.RTN_BLACKHOLE) })
		},
	},
	{
		Name: "rp-filter", Cause: "ip.rp-filter", sick: "server",
		About: "strict reverse-path filtering drops clients that arrive on a second interface; seen from the host",
		plan:  rpFilter,
	},
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
}

// lostNetwork has a client that calls a partner in lan 9, which brk makes
// unreachable.
func (s *site) lostNetwork(brk func() error) error {
	if err := s.quiet(); err != nil {
		return err
	}
	return s.callPartner(brk)
}

// callPartner breaks the way to lan 9 and lets a client call there.
func (s *site) callPartner(brk func() error) error {
	if err := brk(); err != nil {
		return err
	}
	s.grows("sync-agent.unreachable", 0.3) // ICMP answers are limited to one a second
	at := netip.AddrPortFrom(s.ip(9, 14), 8883).String()
	return s.client.cast("sync-agent", &caller{Target: at, Rate: 8, Timeout: 5})
}

// noRouteBack has clients in lan 31, behind the router, whose answers brk stops.
func noRouteBack(brk func(*site) error) func(*site) error {
	return func(s *site) error {
		if err := s.quiet(); err != nil {
			return err
		}
		if err := s.client.address("lo", netip.PrefixFrom(s.ip(31, 5), 32)); err != nil {
			return err
		}
		if err := s.router.route(s.lan(31), s.client.addr); err != nil {
			return err
		}
		if err := brk(s); err != nil {
			return err
		}
		at := s.server.at(1883)
		if err := s.server.cast("broker", &service{Addr: at}); err != nil {
			return err
		}
		s.grows("branch-office.timeout", 3)
		return s.client.cast("branch-office", &caller{Target: at, Local: s.ip(31, 5).String(), Rate: 8, Timeout: 2.5})
	}
}

// rpFilter gives the server a second link; the router sends clients of the
// service address over it, while the server's route back is the first link.
func rpFilter(s *site) error {
	err := s.build(
		func() error { return s.join(s.client, s.clientDev(), 1) },
		func() error { return s.join(s.server, s.serverDev(), 2) },
		func() error { return s.join(s.server, "backup0", 3) },
	)
	if err != nil {
		return err
	}
	if err := s.ordinary(); err != nil {
		return err
	}
	service4 := netip.PrefixFrom(s.ip(40, 1), 32)
	if err := s.server.address("lo", service4); err != nil {
		return err
	}
	if err := s.router.route(service4, s.ip(3, 2)); err != nil {
		return err
	}
	if err := s.server.sysctl("net.ipv4.conf.all.rp_filter", "1"); err != nil {
		return err
	}
	at := netip.AddrPortFrom(service4.Addr(), 6443).String()
	if err := s.server.cast("control-plane", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("kubelet.timeout", 2)
	return s.client.cast("kubelet", &caller{Target: at, Rate: 9, Reply: 800})
}
