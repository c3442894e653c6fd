//go:build linux

package lab

import (
	"net/netip"

	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var ipFaults = []Scenario{
	{
		Name: "no-route", Cause: "ip.no-route", sick: "client",
		About:  "an unreachable route hides a partner's network; seen from the client",
		Unseen: "connect() fails before a socket or a counter shows it", UnseenBy: "nobody",
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
		Unseen: "connect() fails before a socket or a counter shows it", UnseenBy: "nobody",
		plan: func(s *site) error {
			return s.lostNetwork(func() error { return s.client.routeType(s.lan(9), unix.RTN_BLACKHOLE) })
		},
	},
	{
		Name: "rp-filter", Cause: "ip.rp-filter", sick: "server",
		About: "strict reverse-path filtering drops clients that arrive on a second interface; seen from the host",
		plan: func(s *site) error {
			if err := s.secondWay("net.ipv4.conf.all.rp_filter", "1"); err != nil {
				return err
			}
			return s.client.cast("kubelet", &caller{Target: s.served40(6443), Rate: 9, Reply: 800})
		},
	},
	{
		Name: "rp-filter-interface", Cause: "ip.rp-filter", sick: "server",
		About: "one interface filters strictly: two clients a second and an upload that arrive on it are lost; seen from the host",
		plan: func(s *site) error {
			if err := s.secondWay("net.ipv4.conf.backup0.rp_filter", "1"); err != nil {
				return err
			}
			return s.client.cast("kubelet", &caller{Target: s.served40(6443), Rate: 2, Reply: 20000, Timeout: 4})
		},
	},
	{
		Name: "rp-filter-client", Cause: "ip.rp-filter", sick: "client",
		About: "a client whose answers come back over its second link drops them by strict filtering; seen from the client",
		plan:  rpFilterClient,
	},
	{
		Name: "rp-filter-router", Cause: "ip.rp-filter", sick: "router",
		About: "a router filters strictly and drops clients that use their second link to it; seen from the router",
		plan:  rpFilterRouter,
	},
	{
		Name: "no-route-back-loose", Cause: "ip.no-route", Also: []string{"ip.rp-filter"}, sick: "server",
		About: "a service's host without a default route drops clients of unknown networks by loose reverse-path filtering; seen from that host",
		plan: noRouteBack(func(s *site) error {
			if err := s.server.route(s.lan(1), s.server.via); err != nil {
				return err
			}
			if err := s.server.dropRoute(netip.MustParsePrefix("0.0.0.0/0")); err != nil {
				return err
			}
			return s.server.sysctl("net.ipv4.conf.all.rp_filter", "2")
		}),
	},
	{
		Name: "no-route-ipv6", Cause: "ip.no-route", sick: "client",
		About: "a host with IPv6 networks has no IPv6 default route; seen from that host",
		plan: func(s *site) error {
			return s.lostNetworkOf(func() netip.Addr { return s.ip6(9, 14) }, func() error {
				return s.client.dropRoute(netip.MustParsePrefix("::/0"))
			})
		},
	},
	{
		Name: "no-route-router", Cause: "ip.no-route", sick: "router",
		About: "a router without a default route gets packets for a network that it does not know; seen from the router",
		plan:  func(s *site) error { return s.lostOnRouter(func() error { return nil }) },
	},
	{
		Name: "no-route-router-refuses", Cause: "ip.no-route", sick: "router",
		About: "a router refuses a partner's network by an unreachable route; seen from the router",
		plan: func(s *site) error {
			return s.lostOnRouter(func() error { return s.router.routeType(s.lan(9), unix.RTN_UNREACHABLE) })
		},
	},
	{
		Name: "blackhole-route-router", Cause: "ip.blackhole-route", sick: "router",
		About: "a router swallows a partner's network by a blackhole route; seen from the router",
		plan: func(s *site) error {
			return s.lostOnRouter(func() error { return s.router.routeType(s.lan(9), unix.RTN_BLACKHOLE) })
		},
	},
	{
		Name: "blackhole-route-ipv6", Cause: "ip.blackhole-route", sick: "client",
		About:  "a blackhole route swallows a client's IPv6 connections to a partner; seen from the client",
		Unseen: "connect() fails before a socket or a counter shows it", UnseenBy: "nobody",
		plan: func(s *site) error {
			return s.lostNetworkOf(func() netip.Addr { return s.ip6(9, 14) }, func() error {
				return s.client.routeType(netip.PrefixFrom(s.ip6(9, 0), 64), unix.RTN_BLACKHOLE)
			})
		},
	},
	{
		Name: "reassembly-memory", Cause: "ip.reassembly", sick: "server",
		About: "the memory for IP fragments is far too small for large datagrams; seen from the host that receives them",
		plan:  reassemblyMemory,
	},
	{
		Name: "reassembly-lost", Cause: "ip.reassembly", sick: "server",
		About: "a firewall on the path drops all but the first fragment of large datagrams; seen from the host that receives the rest",
		plan:  reassemblyLost,
	},
	{
		Name: "reassembly-tcp", Cause: "ip.reassembly", sick: "server",
		About: "a tunnel cuts an upload's segments, and datagrams that never complete fill the memory for fragments; seen from the receiver",
		plan:  reassemblyTCP,
	},
	{
		Name: "reassembly-lost-ipv6", Cause: "ip.reassembly", sick: "server",
		About: "a firewall on the path drops all but the first fragment of large IPv6 datagrams; seen from the host that receives the rest",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			later := rule{name: "no fragments", counted: true, match: many(isLaterFragment6()), does: drop}
			if err := s.router.filter(forward("acl"), later); err != nil {
				return err
			}
			s.grows("rule:no fragments", 3)
			return s.fragments(s.server.at6(2056), 5000, 8)
		},
	},
}

// lostNetwork has a client that calls a partner in lan 9, which brk makes
// unreachable.
func (s *site) lostNetwork(brk func() error) error {
	return s.lostNetworkOf(func() netip.Addr { return s.ip(9, 14) }, brk)
}

// lostNetworkOf is lostNetwork with the partner's address, known when the hosts are.
func (s *site) lostNetworkOf(partner func() netip.Addr, brk func() error) error {
	if err := s.quiet(); err != nil {
		return err
	}
	return s.callPartner(partner(), brk)
}

// callPartner breaks the way to lan 9 and lets a client call the partner there.
func (s *site) callPartner(partner netip.Addr, brk func() error) error {
	if err := brk(); err != nil {
		return err
	}
	s.grows("sync-agent.unreachable", 0.3) // ICMP answers are limited to one a second
	at := netip.AddrPortFrom(partner, 8883).String()
	return s.client.cast("sync-agent", &caller{Target: at, Rate: 8, Timeout: 5})
}

// lostOnRouter has a client that calls a partner in lan 9 over the router, which
// brk makes lose the way.
func (s *site) lostOnRouter(brk func() error) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := brk(); err != nil {
		return err
	}
	s.grows("sync-agent.failed", 0.5)
	at := netip.AddrPortFrom(s.ip(9, 14), 4222).String()
	return s.client.cast("sync-agent", &caller{Target: at, Rate: 5, Timeout: 3})
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

// secondWay gives the server a second link; the router sends clients of the
// service address over it, while the server's route back is the first link.
// strict and value are the setting that lets the server drop them.
func (s *site) secondWay(strict, value string) error {
	if err := s.twoLinks(func() error { return s.join(s.server, "backup0", 3) }); err != nil {
		return err
	}
	service4 := netip.PrefixFrom(s.ip(40, 1), 32)
	if err := s.server.address("lo", service4); err != nil {
		return err
	}
	if err := s.router.route(service4, s.ip(3, 2)); err != nil {
		return err
	}
	if err := s.server.sysctl(strict, value); err != nil {
		return err
	}
	s.grows("kubelet.timeout", 0.5)
	return s.server.cast("control-plane", &service{Addr: s.served40(6443)})
}

// served40 is the service address of secondWay.
func (s *site) served40(port uint16) string { return netip.AddrPortFrom(s.ip(40, 1), port).String() }

// twoLinks builds the three hosts with another link, and their ordinary traffic.
func (s *site) twoLinks(second func() error) error {
	err := s.build(
		func() error { return s.join(s.client, s.clientDev(), 1) },
		func() error { return s.join(s.server, s.serverDev(), 2) },
		second,
	)
	if err != nil {
		return err
	}
	return s.ordinary()
}

// rpFilterClient has a program with an address of its own, to which the router
// sends over the client's second link.
func rpFilterClient(s *site) error {
	if err := s.twoLinks(func() error { return s.join(s.client, "wlan0", 3) }); err != nil {
		return err
	}
	own := netip.PrefixFrom(s.ip(41, 1), 32)
	if err := s.client.address("lo", own); err != nil {
		return err
	}
	if err := s.router.route(own, s.ip(3, 2)); err != nil {
		return err
	}
	if err := s.client.sysctl("net.ipv4.conf.all.rp_filter", "1"); err != nil {
		return err
	}
	at := s.server.at(6667)
	if err := s.server.cast("chat", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("bot.timeout", 1)
	return s.client.cast("bot", &caller{Target: at, Local: own.Addr().String(), Rate: 4, Reply: 300, Timeout: 3})
}

// rpFilterRouter has a client that sends over its second link with the address
// of its first.
func rpFilterRouter(s *site) error {
	if err := s.twoLinks(func() error { return s.join(s.client, "wan1", 3) }); err != nil {
		return err
	}
	service4 := netip.PrefixFrom(s.ip(40, 1), 32)
	if err := s.server.address("lo", service4); err != nil {
		return err
	}
	if err := s.router.route(service4, s.server.addr); err != nil {
		return err
	}
	if err := s.client.route(service4, s.ip(3, 1)); err != nil {
		return err
	}
	// It must ask for the router's address with one that fits the link: a strict
	// router does not answer the others.
	if err := s.client.sysctl("net.ipv4.conf.all.arp_announce", "2"); err != nil {
		return err
	}
	if err := s.router.sysctl("net.ipv4.conf.all.rp_filter", "1"); err != nil {
		return err
	}
	at := s.served40(5223)
	if err := s.server.cast("push", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("phone.timeout", 1)
	return s.client.cast("phone", &caller{Target: at, Local: s.client.addr.String(), Rate: 6, Reply: 300, Timeout: 3})
}

// fragments sends datagrams that the network has to cut into pieces.
func (s *site) fragments(at string, bytes int, rate float64) error {
	if err := s.server.cast("collector", &datagrams{Listen: at}); err != nil {
		return err
	}
	s.grows("exporter.sent", rate/2)
	s.stays("collector.received", rate/4)
	return s.client.cast("exporter", &datagrams{Target: at, Bytes: bytes, Rate: rate})
}

func reassemblyMemory(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	err := s.server.sysctls("net.ipv4.ipfrag_low_thresh", "1500", "net.ipv4.ipfrag_high_thresh", "3000")
	if err != nil {
		return err
	}
	return s.fragments(s.server.at(2055), 20000, 20)
}

// isLaterFragment matches IPv4 fragments that have no transport header.
func isLaterFragment() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 6, Len: 2},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0x1f, 0xff}, Xor: []byte{0, 0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0, 0}},
	}
}

func reassemblyLost(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	s.grows("rule:no fragments", 3)
	err := s.router.filter(forward("acl"), rule{name: "no fragments", counted: true, match: many(isLaterFragment()), does: drop})
	if err != nil {
		return err
	}
	return s.fragments(s.server.at(2055), 4000, 5)
}

// isLaterFragment6 matches IPv6 fragments but the first.
func isLaterFragment6() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV6}},
		&expr.Exthdr{DestRegister: 1, Type: unix.IPPROTO_FRAGMENT, Offset: 2, Len: 2, Op: expr.ExthdrOpIpv6},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0xff, 0xf8}, Xor: []byte{0, 0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0, 0}},
	}
}

// reassemblyTCP has a client without path MTU discovery, whose segments the
// router cuts in two as a tunnel does, behind datagrams of which the router lets
// only the first fragment pass: these wait for the rest in all of the memory.
func reassemblyTCP(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.client.sysctl("net.ipv4.ip_no_pmtu_disc", "1"); err != nil {
		return err
	}
	l, err := s.router.link.LinkByName("to-server")
	if err != nil {
		return err
	}
	tunnel := &netlink.Route{Dst: ipNet(netip.PrefixFrom(s.server.addr, 32)), LinkIndex: l.Attrs().Index, MTU: 1300, MTULock: true}
	if err := s.router.addRoute(tunnel); err != nil {
		return err
	}
	if err := s.server.sysctls("net.ipv4.ipfrag_low_thresh", "30000", "net.ipv4.ipfrag_high_thresh", "40000"); err != nil {
		return err
	}
	later := rule{match: many(isProtocol(unix.IPPROTO_UDP), isLaterFragment()), does: drop}
	if err := s.router.filter(forward("acl"), later); err != nil {
		return err
	}
	if err := s.fragments(s.server.at(2055), 3000, 8); err != nil {
		return err
	}
	at := s.server.at(8790)
	if err := s.server.cast("dropbox", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("scans.timeout", 0.5)
	return s.client.cast("scans", &caller{Target: at, Rate: 6, Body: 30000, Reply: 100, Timeout: 4})
}
