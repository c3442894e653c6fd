//go:build linux

package lab

import (
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

var filterFaults = []Scenario{
	{
		Name: "drop-rule", Cause: "netfilter.drop-rule", sick: "server",
		About: "an input rule with a counter drops a service's port; seen from its host",
		plan: func(s *site) error {
			return s.filtered(8443, input("filter"), "timeout", rule{name: "legacy block", counted: true, match: many(toPort(8443)), does: drop})
		},
	},
	{
		Name: "drop-rule-uncounted", Cause: "netfilter.drop-rule", sick: "server",
		About: "an input rule without a counter drops a client network; seen from the service's host",
		plan: func(s *site) error {
			return s.filtered(9092, input("fw"), "timeout", rule{match: many(toPort(9092)), does: drop})
		},
	},
	{
		Name: "drop-rule-output", Cause: "netfilter.drop-rule", sick: "client",
		About: "an output rule drops what a client sends to one service; seen from the client",
		plan: func(s *site) error {
			if err := s.outbound(5671); err != nil {
				return err
			}
			// The application sees no error: the drop is silent to a SYN.
			s.grows("worker.failed", 3)
			return s.client.filter(output("egress"), rule{name: "egress policy", counted: true, match: many(toPort(5671)), does: drop})
		},
	},
	{
		Name: "drop-rule-random", Cause: "netfilter.drop-rule", sick: "server",
		About: "a forgotten test rule drops some of a service's incoming segments; seen from its host",
		plan: func(s *site) error {
			return s.filtered(5432, input("chaos"), "slow", rule{match: many(toPort(5432), perMille(120)), does: drop})
		},
	},
	{
		Name: "drop-rule-ipv6", Cause: "netfilter.drop-rule", sick: "server",
		About: "an input rule without a counter drops a service's IPv6 clients; seen from its host",
		plan: func(s *site) error {
			return s.filteredAt(true, 9200, input("fw6"), "timeout", rule{match: many(toPort(9200)), does: drop})
		},
	},
	{
		Name: "drop-rule-output-ipv6", Cause: "netfilter.drop-rule", sick: "client",
		About: "an output rule without a counter drops what a client sends to one service over IPv6; seen from the client",
		plan: func(s *site) error {
			if err := s.outboundAt(true, 4317); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.client.filter(output("egress"), rule{match: many(toPort(4317)), does: drop})
		},
	},
	{
		Name: "drop-rule-default", Cause: "netfilter.drop-rule", sick: "server",
		About:  "a default-deny firewall in which a new service's port was forgotten; seen from its host",
		Unseen: "without the kernel's reasons a port that was forgotten looks like a default-deny that does its work", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			gate := input("filter")
			gate.drop = true
			return s.filtered(9418, gate, "timeout",
				rule{match: many(tracked(ctEstablished)), does: accept},
				rule{match: many(isProtocol(unix.IPPROTO_ICMP)), does: accept},
				rule{match: many(isProtocol(unix.IPPROTO_ICMPV6)), does: accept},
				rule{match: many(toPort(8000 + uint16(s.subnet))), does: accept})
		},
	},
	{
		Name: "drop-rule-router", Cause: "netfilter.drop-rule", sick: "router",
		About: "a forward rule without a counter drops the way to one service; seen from the router",
		plan: func(s *site) error {
			if err := s.outbound(1883); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.router.filter(forward("transit"), rule{match: many(toPort(1883)), does: drop})
		},
	},
	{
		Name: "reject-rule-output", Cause: "netfilter.reject-rule", sick: "client",
		About: "an output rule without a counter rejects what a client sends to one service; seen from the client",
		plan: func(s *site) error {
			if err := s.outbound(2181); err != nil {
				return err
			}
			s.grows("worker.failed", 3)
			return s.client.filter(output("egress"), rule{match: many(toPort(2181)), does: rejectWith(unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED)})
		},
	},
	{
		Name: "drop-and-reject", Cause: "netfilter.drop-rule", And: "netfilter.reject-rule", sick: "server",
		About:  "one silent rule drops a service's port and another rejects another's; seen from their host",
		Unseen: "without the kernel's reasons nothing tells which of two silent rules took the packets", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.filtered(3100, input("fw"), "timeout",
				rule{match: many(toPort(3100)), does: drop}, rule{match: many(toPort(3200)), does: rejectReset}); err != nil {
				return err
			}
			if err := s.server.cast("second", &service{Addr: s.server.at(3200)}); err != nil {
				return err
			}
			s.grows("others.refused", 0.4)
			return s.client.cast("others", &caller{Target: s.server.at(3200), Rate: 8, Body: 300, Reply: 900})
		},
	},
	{
		Name: "reject-rule-reset", Cause: "netfilter.reject-rule", sick: "server",
		About: "an input rule answers a service's clients with resets; seen from its host",
		plan: func(s *site) error {
			return s.filtered(6379, input("filter"), "refused", rule{name: "no cache from outside", counted: true, match: many(toPort(6379)), does: rejectReset})
		},
	},
	{
		Name: "reject-rule-icmp", Cause: "netfilter.reject-rule", sick: "server",
		About: "an input rule answers a service's clients with ICMP admin-prohibited; seen from its host",
		plan: func(s *site) error {
			return s.filtered(2379, input("guard"), "unreachable", rule{match: many(toPort(2379)), does: rejectWith(unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED)})
		},
	},
	{
		Name: "rate-limit", Cause: "netfilter.rate-limit", sick: "server",
		About: "a limit on new connections drops the excess; seen from the service's host",
		plan: func(s *site) error {
			return s.filtered(8080, input("filter"), "slow", rule{name: "syn limit", counted: true, match: many(toPort(8080), isSYN(), over(6, 5)), does: drop})
		},
	},
	{
		Name: "rate-limit-packets", Cause: "netfilter.rate-limit", sick: "server",
		About: "a packet rate limit without a counter drops part of a bulk upload; seen from the service's host",
		plan:  rateLimitPackets,
	},
	{
		Name: "rate-limit-connections", Cause: "netfilter.rate-limit", sick: "server",
		About:  "a limit on the number of connections refuses more of them with resets; seen from the service's host",
		Unseen: "without the rules a limit looks like any other way in which packets vanish", UnseenBy: "nobody",
		plan: rateLimitConnections,
	},
	{
		Name: "rate-limit-router", Cause: "netfilter.rate-limit", sick: "router",
		About:  "a forward rule without a counter limits the new connections to one service; seen from the router",
		Unseen: "without the rules a limit looks like any other way in which packets vanish", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.outbound(3478); err != nil {
				return err
			}
			s.grows("worker.slow", 0.5)
			return s.router.filter(forward("transit"), rule{match: many(toPort(3478), isSYN(), over(3, 3)), does: drop})
		},
	},
	{
		Name: "drop-and-limit", Cause: "netfilter.drop-rule", And: "netfilter.rate-limit", sick: "server",
		About:  "one rule drops a service's port and another limits another's new connections; seen from their host",
		Unseen: "without the rules nothing tells which of them took the packets", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.filtered(4420, input("fw"), "timeout",
				rule{name: "closed", counted: true, match: many(toPort(4420)), does: drop},
				rule{match: many(toPort(5044), isSYN(), over(3, 3)), does: drop}); err != nil {
				return err
			}
			if err := s.server.cast("second", &service{Addr: s.server.at(5044)}); err != nil {
				return err
			}
			s.grows("others.slow", 0.4)
			return s.client.cast("others", &caller{Target: s.server.at(5044), Rate: 10, Body: 300, Reply: 900})
		},
	},
}

// rateLimitConnections has clients that keep more connections than a rule
// allows; whoever comes after is refused.
func rateLimitConnections(s *site) error {
	const most = 12
	if err := s.filtered(7687, input("filter"), "refused",
		rule{name: "too many", counted: true, match: many(toPort(7687), isSYN(), []expr.Any{&expr.Connlimit{Count: most, Flags: unix.NFT_LIMIT_F_INV}}), does: rejectReset}); err != nil {
		return err
	}
	return s.client.cast("sessions", &caller{Target: s.server.at(7687), Keep: most, Pause: 0.6, Reply: 400})
}

// filtered has clients of a service whose packets meet rules on its host; the
// clients' failures of that kind are the proof.
func (s *site) filtered(port uint16, at chainAt, kind string, rules ...rule) error {
	return s.filteredAt(false, port, at, kind, rules...)
}

func (s *site) filteredAt(ipv6 bool, port uint16, at chainAt, kind string, rules ...rule) error {
	return s.served(ipv6, port, kind, func() error { return s.server.filter(at, rules...) })
}

// served has clients of a service on whose host restrict does something to them;
// their failures of that kind are the proof.
func (s *site) served(ipv6 bool, port uint16, kind string, restrict func() error) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v := &service{Addr: s.server.over(ipv6, port)}
	if err := s.server.cast("backend", v); err != nil {
		return err
	}
	if err := restrict(); err != nil {
		return err
	}
	s.grows("partner."+kind, 0.4)
	return s.client.cast("partner", &caller{Target: v.Addr, Rate: 14, Body: 600, Reply: 5000})
}

// outbound has a worker on the client that calls a service.
func (s *site) outbound(port uint16) error { return s.outboundAt(false, port) }

func (s *site) outboundAt(ipv6 bool, port uint16) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v := &service{Addr: s.server.over(ipv6, port)}
	if err := s.server.cast("queue", v); err != nil {
		return err
	}
	return s.client.cast("worker", &caller{Target: v.Addr, Rate: 8, Body: 400, Reply: 400})
}

// over is the host's endpoint for a port, of IPv4 or IPv6.
func (h *host) over(ipv6 bool, port uint16) string {
	if ipv6 {
		return h.at6(port)
	}
	return h.at(port)
}

func rateLimitPackets(s *site) error {
	if err := s.segmented(); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	v := &service{Addr: s.server.at(873)}
	if err := s.server.cast("rsyncd", v); err != nil {
		return err
	}
	limit := rule{match: many(slices.Concat(toPort(873), over(300, 40))), does: drop}
	if err := s.server.filter(input("filter"), limit); err != nil {
		return err
	}
	s.grows("backup.bytes", 10e3)
	s.stays("backup.bytes", 900e3) // 1.2 MB/s are wanted
	return s.client.cast("backup", &stream{Target: v.Addr, Conns: 3, Rate: 400e3})
}
