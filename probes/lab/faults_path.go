//go:build linux

package lab

import (
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
		Name: "path-unreachable", Cause: "path.unreachable", sick: "client",
		About: "a firewall on the path answers that the destination is prohibited; seen from the client",
		plan: func(s *site) error {
			s.grows("rule:acl", 2)
			return s.refusedFar(func() error {
				return s.server.filter(forward("acl"), rule{name: "acl", counted: true, match: many(toNet(s.lan(9))), does: rejectWith(unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED)})
			})
		},
	},
	{
		Name: "path-unreachable-route", Cause: "path.unreachable", sick: "client",
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
		Name: "routing-loop", Cause: "path.routing-loop", sick: "client",
		About: "packets to a partner go round between two routers until their TTL ends; seen from the client",
		plan:  routingLoop,
	},
}

// lossy moves bulk data over a router that loses perMille of it.
func (s *site) lossy(share uint32, port uint16, bulk *stream, oneWay bool) error {
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
	return s.callPartner(brk)
}

// routingLoop sends lan 9 from the router to the server, which sends it back.
func routingLoop(s *site) error {
	return s.refusedFar(func() error { return nil })
}
