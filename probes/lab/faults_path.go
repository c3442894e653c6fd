//go:build linux

package lab

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

var pathFaults = []Scenario{
	{
		Name: "path-filtered", Cause: "path.filtered", sick: "client",
		About: "a firewall on the path swallows SYNs to one port; seen from the client",
		plan: func(s *site) error {
			if err := s.outbound(8140); err != nil {
				return err
			}
			s.grows("worker.timeout", 3)
			s.grows("rule:acl", 3)
			return s.router.filter(forward("acl"), rule{name: "acl", counted: true, match: many(toPort(8140)), does: drop})
		},
	},
	{
		Name: "path-unreachable", Cause: "path.unreachable", sick: "client", Needs: "tun",
		About: "a firewall on the path answers that the destination is prohibited; seen from the client",
		plan: func(s *site) error {
			s.grows("rule:acl", 2)
			return s.refusedFar(func() error {
				return s.server.filter(forward("acl"), rule{name: "acl", counted: true, match: many(toNet(s.lan(9))), does: rejectWith(unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED)})
			})
		},
	},
	{
		Name: "path-unreachable-route", Cause: "path.unreachable", sick: "client", Needs: "tun",
		About: "a router on the path has lost the route to a partner; seen from the client",
		plan: func(s *site) error {
			return s.refusedFar(func() error {
				// The route's own limit, one answer a second to each peer, shares
				// its budget with icmp_ratelimit, which is therefore off.
				if err := s.server.sysctl("net.ipv4.icmp_ratelimit", "0"); err != nil {
					return err
				}
				return s.server.routeType(s.lan(9), unix.RTN_UNREACHABLE)
			})
		},
	},
	{
		Name: "path-loss-sender", Cause: "path.loss", sick: "server",
		About: "the path loses three percent of a server's downloads; seen from the sender",
		plan:  func(s *site) error { return s.lossy(30, 873, &stream{Conns: 4, Down: true, ReadRate: 200e3}, true) },
	},
	{
		Name: "path-loss-receiver", Cause: "path.loss", sick: "client",
		About: "the path loses one and a half percent of a client's downloads; seen from the receiver",
		plan:  func(s *site) error { return s.lossy(15, 8006, &stream{Conns: 6, Down: true, ReadRate: 250e3}, true) },
	},
	{
		Name: "path-loss-both-ways", Cause: "path.loss", sick: "client",
		About: "the path loses packets in both directions; seen from a host that uploads",
		plan:  func(s *site) error { return s.lossy(25, 8022, &stream{Conns: 3, Rate: 300e3}, false) },
	},
	{
		Name: "pmtu-blackhole", Cause: "path.pmtu-blackhole", sick: "server",
		About: "a link of 1400 bytes on the path and no ICMP that says so: large answers vanish; seen from the sender",
		plan:  pmtuBlackhole,
	},
	{
		Name: "path-filtered-impatient", Cause: "path.filtered", sick: "client",
		About: "a firewall on the path swallows SYNs of a client that gives up before it would repeat them; seen from the client",
		plan: func(s *site) error {
			if err := s.standard(); err != nil {
				return err
			}
			if err := s.ordinary(); err != nil {
				return err
			}
			at := s.server.at(7070)
			if err := s.server.cast("quotes", &service{Addr: at}); err != nil {
				return err
			}
			s.grows("pricing.timeout", 1.5)
			s.grows("rule:acl", 1.5)
			if err := s.client.cast("pricing", &caller{Target: at, Rate: 3, Timeout: 0.6}); err != nil {
				return err
			}
			return s.router.filter(forward("acl"), rule{name: "acl", counted: true, match: many(toPort(7070)), does: drop})
		},
	},
	{
		Name: "path-filtered-ipv6", Cause: "path.filtered", sick: "client",
		About: "a firewall on the path swallows two SYNs a second to an IPv6 service; seen from the client",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			at := s.server.at6(4433)
			if err := s.server.cast("portal", &service{Addr: at}); err != nil {
				return err
			}
			s.grows("visitor.timeout", 0.5)
			s.grows("rule:acl", 1)
			if err := s.client.cast("visitor", &caller{Target: at, Rate: 2, Timeout: 4}); err != nil {
				return err
			}
			return s.router.filter(forward("acl"), rule{name: "acl", counted: true, match: many(toPort(4433)), does: drop})
		},
	},
	{
		Name: "path-unreachable-ipv6", Cause: "path.unreachable", sick: "client",
		About: "a router on the path has no way to a partner's IPv6 network; seen from the client",
		plan: func(s *site) error {
			return s.lostNetworkOf(func() netip.Addr { return s.ip6(9, 14) }, func() error { return nil })
		},
	},
	{
		Name: "path-unreachable-near", Cause: "path.unreachable", sick: "client",
		About: "the first router refuses a service by ICMP: the answer meets the socket within its connect(); seen from the client",
		plan: func(s *site) error {
			if err := s.outbound(8530); err != nil {
				return err
			}
			s.grows("rule:acl", 2)
			s.grows("worker.failed", 0.5)
			return s.router.filter(forward("acl"), rule{name: "acl", counted: true, match: many(toPort(8530)), does: rejectWith(unix.NFT_REJECT_ICMPX_HOST_UNREACH)})
		},
	},
	{
		Name: "routing-loop-ipv6", Cause: "path.routing-loop", sick: "client",
		About: "IPv6 packets to a partner go round between two routers until their hop limit ends; seen from the client",
		plan:  routingLoop6,
	},
	{
		Name: "pmtu-blackhole-upload", Cause: "path.pmtu-blackhole", sick: "client", Needs: "tun",
		About: "a link of 1400 bytes on the path and no ICMP that says so: large uploads vanish; seen from the client",
		plan:  pmtuUpload,
	},
	{
		Name: "idle-timeout-reset", Cause: "path.idle-timeout", sick: "client", Needs: "tun",
		About: "a device on the path forgets connections that rest for 3 s and resets what comes later; seen from the client",
		plan:  func(s *site) error { return s.forgottenByWire(wire{Forget: 3, Reset: true}, "reset") },
	},
	{
		Name: "idle-timeout-wire", Cause: "path.idle-timeout", sick: "client", Needs: "tun",
		About: "a device on the path forgets connections that rest for 3 s and swallows what comes later; seen from the client",
		plan:  func(s *site) error { return s.forgottenByWire(wire{Forget: 3}, "timeout") },
	},
	{
		Name: "idle-timeout", Cause: "path.idle-timeout", sick: "client",
		About: "a firewall on the path forgets idle connections and drops what comes later; seen from the client",
		plan:  func(s *site) error { return s.forgetful(5433) },
	},
	{
		Name: "idle-timeout-server", Cause: "path.idle-timeout", sick: "server",
		About:  "a firewall on the path forgets idle connections and drops what comes later; seen from the server",
		Unseen: "the packets that are dropped never reach this host, and it sends nothing",
		plan:   func(s *site) error { return s.forgetful(1521) },
	},
	{
		Name: "routing-loop", Cause: "path.routing-loop", sick: "client", Needs: "tun",
		About: "packets to a partner go round between two routers until their TTL ends; seen from the client",
		plan:  routingLoop,
	},
}

// lossy moves bulk data over a router that loses perMille of it.
func (s *site) lossy(share uint32, port uint16, bulk *stream, oneWay bool) error {
	if err := s.segmented(); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	loss := rule{name: "lossy link", counted: true, match: many(isTCP(), perMille(share)), does: drop}
	if oneWay {
		loss.match = many(fromNet(s.lan(2)), isTCP(), perMille(share))
	}
	if err := s.router.filter(forward("weather"), loss); err != nil {
		return err
	}
	bulk.Target = s.server.at(port)
	if err := s.server.cast("archive", &service{Addr: bulk.Target, SendRate: bulk.ReadRate}); err != nil {
		return err
	}
	s.grows("rule:lossy link", 3)
	s.grows("transfer.bytes", 50e3)
	return s.client.cast("transfer", bulk)
}

func pmtuBlackhole(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.router.mtu("to-client", 1400); err != nil {
		return err
	}
	s.signs = nil // the ordinary answers are large, too
	err := s.router.filter(output("icmp"), rule{name: "no icmp", counted: true, match: many(unreachable4(4)), does: drop})
	if err != nil {
		return err
	}
	at := s.server.at(8883)
	if err := s.server.cast("exports", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("pinger", &caller{Target: at, Rate: 5, Reply: 600}); err != nil {
		return err
	}
	s.grows("rule:no icmp", 2)
	s.grows("viewer.timeout", 2)
	s.grows("pinger.ok", 2)
	return s.client.cast("viewer", &caller{Target: at, Rate: 8, Reply: 30000, Timeout: 3})
}

// forgetful has pooled connections that rest longer than the router remembers.
func (s *site) forgetful(port uint16) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.router.filter(forward("stateful"),
		rule{name: "out of state", counted: true, match: many(tracked(ctInvalid)), does: drop},
	); err != nil {
		return err
	}
	if err := s.router.sysctls(
		"net.netfilter.nf_conntrack_tcp_timeout_established", "2",
		"net.netfilter.nf_conntrack_tcp_loose", "0",
	); err != nil {
		return err
	}
	at := s.server.at(port)
	if err := s.server.cast("ledger-db", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("rule:out of state", 1)
	s.grows("app-pool.timeout", 0.5)
	return s.client.cast("app-pool", &caller{Target: at, Keep: 12, Pause: 4, Reply: 500, Timeout: 2.5})
}

// refusedFar has a client that calls a partner in lan 9, which lies behind the
// server, here a router too, at the far end of a wire of some milliseconds. What
// brk does there comes back while the client waits, as on a real path, and not
// within its own system call, in which the socket is locked and deaf to ICMP.
func (s *site) refusedFar(brk func() error) error {
	if err := s.farServer(way{Delay: 0.004}); err != nil {
		return err
	}
	// A forwarding host answers with redirects when a packet leaves by the
	// interface of its arrival; the routers of a path do not.
	err := s.server.sysctls("net.ipv4.ip_forward", "1", "net.ipv4.icmp_ratelimit", "100",
		"net.ipv4.conf.all.send_redirects", "0", "net.ipv4.conf."+s.server.dev+".send_redirects", "0")
	if err != nil {
		return err
	}
	if err := s.router.route(s.lan(9), s.server.addr); err != nil {
		return err
	}
	return s.callPartner(s.ip(9, 14), brk)
}

// routingLoop sends lan 9 from the router to the server, which sends it back.
func routingLoop(s *site) error {
	return s.refusedFar(func() error { return nil })
}

// forgottenByWire has pooled connections that rest longer than the wire remembers.
func (s *site) forgottenByWire(w wire, ends string) error {
	if err := s.far(w, false); err != nil {
		return err
	}
	at := s.server.at(1433)
	if err := s.server.cast("warehouse", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("app-pool."+ends, 0.5)
	return s.client.cast("app-pool", &caller{Target: at, Keep: 12, Pause: 5, Reply: 700, Timeout: 2.5})
}

// routingLoop6 sends lan 9 of IPv6 from the router to the server and back.
func routingLoop6(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.sysctl("net.ipv6.conf.all.forwarding", "1"); err != nil {
		return err
	}
	// Forwarding switched on takes no route away that was set by hand.
	if err := s.router.route(netip.PrefixFrom(s.ip6(9, 0), 64), s.server.addr6); err != nil {
		return err
	}
	at := netip.AddrPortFrom(s.ip6(9, 14), 6514).String()
	s.grows("shipper.failed", 0.5)
	return s.client.cast("shipper", &caller{Target: at, Rate: 4, Timeout: 4})
}

func pmtuUpload(s *site) error {
	if err := s.far(wire{Down: way{MaxSize: 1400}}, false); err != nil {
		return err
	}
	at := s.server.at(9001)
	if err := s.server.cast("store", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("heartbeat", &caller{Target: at, Rate: 3, Body: 300, Reply: 100}); err != nil {
		return err
	}
	s.grows("backup.timeout", 0.5)
	s.grows("heartbeat.ok", 1)
	return s.client.cast("backup", &caller{Target: at, Rate: 2, Body: 40000, Reply: 100, Timeout: 6})
}
