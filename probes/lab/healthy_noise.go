//go:build linux

package lab

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// noisyHosts are healthy hosts that strangers bother.
var noisyHosts = []Scenario{
	{Name: "healthy-firewall", sick: "server", About: "a default-deny firewall under the usual scans, while its service works", plan: healthyFirewall},
	{
		Name: "healthy-noise", sick: "server",
		About: "stray segments of strangers at closed ports, answered with resets, while the service works",
		plan: func(s *site) error {
			return s.noisy(8, "syn", "syn", "ack", "syn-ack", "reset", "null", "xmas")
		},
	},
	{
		Name: "healthy-damaged-noise", sick: "server",
		About: "now and then a damaged segment of a stranger, while the service works",
		plan:  func(s *site) error { return s.noisy(1.5, "damaged", "damaged", "syn") },
	},
	{Name: "healthy-brute-force", sick: "server", About: "a rate limit that keeps password guessers from SSH, as it should", plan: healthyBruteForce},
	{Name: "healthy-blocklist", sick: "server", About: "a list of unwanted networks that try the open ports again and again", plan: healthyBlocklist},
	{Name: "healthy-office-ssh", sick: "server", About: "SSH is open to the office only, and the internet tries it", plan: healthyOfficeSSH},
	{
		Name: "healthy-health-checks", sick: "server",
		About: "load balancers that connect and close at once, beside customers",
		plan:  func(s *site) error { return s.visited(&visitor{Rate: 6, Leaves: 1, Resets: true}) },
	},
	{
		Name: "healthy-closed-tabs", sick: "server",
		About: "people who leave pages half-read, beside customers",
		plan:  func(s *site) error { return s.visited(&visitor{Rate: 20, Leaves: 0.08, Reply: 200000}) },
	},
	{Name: "healthy-monitoring", sick: "client", About: "a monitor that still asks a host that was taken down, once in half a minute", plan: healthyMonitoring},
}

func healthyFirewall(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(443)
	if err := s.server.cast("shop", &service{Addr: at}); err != nil {
		return err
	}
	gate := input("filter")
	gate.drop = true
	// Ping, neighbour discovery and path MTU messages stay open, as they should.
	if err := s.server.filter(gate,
		rule{match: many(tracked(ctEstablished)), does: accept},
		rule{name: "out of state", counted: true, match: many(tracked(ctInvalid)), does: drop},
		rule{match: many(isProtocol(unix.IPPROTO_ICMP)), does: accept},
		rule{match: many(isProtocol(unix.IPPROTO_ICMPV6)), does: accept},
		rule{name: "https", counted: true, match: many(toPort(443)), does: accept},
		rule{match: many(toPort(8000 + uint16(s.subnet))), does: accept},
		rule{name: "ident", counted: true, match: many(toPort(113)), does: rejectReset},
		rule{name: "scans", counted: true, match: many(isTCP()), does: drop},
	); err != nil {
		return err
	}
	noise := &scanner{Target: s.server.addr.String(), Ports: []uint16{22, 23, 113, 445, 1433, 3389, 5900, 8080}, Rate: 6}
	if err := s.client.cast("scanner", noise); err != nil {
		return err
	}
	s.grows("rule:scans", 3)
	s.works("customers", 20)
	return s.client.cast("customers", &caller{Target: at, Rate: 40, Body: 500, Reply: 15000})
}

// internet gives the server's network the rest of the world: the router takes
// whatever is sent there, and nobody answers.
func (s *site) internet() (netip.Prefix, error) {
	world := netip.MustParsePrefix("198.18.0.0/15") // RFC 2544: nobody's
	return world, s.router.routeType(world, unix.RTN_BLACKHOLE)
}

// noisy has strangers send segments to closed ports.
func (s *site) noisy(rate float64, kinds ...string) error {
	if err := s.quiet(); err != nil {
		return err
	}
	world, err := s.internet()
	if err != nil {
		return err
	}
	at := s.server.at(443)
	if err := s.server.cast("shop", &service{Addr: at}); err != nil {
		return err
	}
	stray := &noise{
		Target: s.server.addr.String(), Sources: world.String(), Rate: rate, Kinds: kinds,
		Ports: []uint16{21, 22, 23, 25, 110, 135, 445, 1433, 3306, 3389, 5900, 6379, 8080, 8291, 9200, 37215},
	}
	if err := s.client.cast("strangers", stray); err != nil {
		return err
	}
	s.grows("strangers.sent", rate/3)
	s.works("customers", 15)
	return s.client.cast("customers", &caller{Target: at, Rate: 30, Body: 500, Reply: 12000})
}

// shopBehind has a shop with content customers, rules, and strangers that send
// SYNs to ports of the host.
func (s *site) shopBehind(at chainAt, rate float64, ports []uint16, rules ...rule) error {
	if err := s.quiet(); err != nil {
		return err
	}
	world, err := s.internet()
	if err != nil {
		return err
	}
	shop := s.server.at(443)
	if err := s.server.cast("shop", &service{Addr: shop}); err != nil {
		return err
	}
	if err := s.server.filter(at, rules...); err != nil {
		return err
	}
	strangers := &noise{Target: s.server.addr.String(), Sources: world.String(), Rate: rate, Kinds: []string{"syn"}, Ports: ports}
	if err := s.client.cast("strangers", strangers); err != nil {
		return err
	}
	s.works("customers", 10)
	return s.client.cast("customers", &caller{Target: shop, Rate: 20, Body: 500, Reply: 12000})
}

func healthyBlocklist(s *site) error {
	s.grows("rule:unwanted", 1)
	unwanted := rule{name: "unwanted", counted: true, match: many(fromNet(netip.MustParsePrefix("198.18.0.0/15"))), does: drop}
	return s.shopBehind(input("blocklist"), 3, []uint16{22, 443, 8080}, unwanted)
}

func healthyOfficeSSH(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	gate := input("filter")
	gate.drop = true
	err := s.shopBehind(gate, 2, []uint16{22, 22, 22, 23},
		rule{match: many(tracked(ctEstablished)), does: accept},
		rule{match: many(isProtocol(unix.IPPROTO_ICMP)), does: accept},
		rule{match: many(isProtocol(unix.IPPROTO_ICMPV6)), does: accept},
		rule{match: many(toPort(443)), does: accept},
		rule{match: many(toPort(8000 + uint16(s.subnet))), does: accept},
		rule{match: many(fromNet(netip.MustParsePrefix("192.0.2.0/24")), toPort(22)), does: accept})
	if err != nil {
		return err
	}
	return s.server.cast("sshd", &service{Addr: s.server.at(22)})
}

// healthyBruteForce limits new SSH connections; the administrators keep theirs.
func healthyBruteForce(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(22)
	if err := s.server.cast("sshd", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("admins", &caller{Target: at, Keep: 4, Pause: 0.4, Reply: 200}); err != nil {
		return err
	}
	limit := rule{name: "ssh guard", counted: true, match: many(toPort(22), isSYN(), over(1, 3)), does: drop}
	if err := s.server.filter(input("guard"), limit); err != nil {
		return err
	}
	s.works("admins", 4)
	s.grows("rule:ssh guard", 0.3)
	return s.client.cast("guessers", &scanner{Target: s.server.addr.String(), Ports: []uint16{22}, Rate: 2})
}

// visited has a service whose customers are content and whose visitors leave.
func (s *site) visited(v *visitor) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v.Target = s.server.at(8443)
	if err := s.server.cast("portal", &service{Addr: v.Target}); err != nil {
		return err
	}
	if err := s.client.cast("visitors", v); err != nil {
		return err
	}
	s.grows("visitors.left", v.Rate*v.Leaves/3)
	s.stays("visitors.failed", 0)
	s.works("customers", 15)
	return s.client.cast("customers", &caller{Target: v.Target, Rate: 30, Body: 500, Reply: 12000})
}

func healthyMonitoring(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	world, err := s.internet()
	if err != nil {
		return err
	}
	gone := netip.AddrPortFrom(world.Addr().Next(), 9100).String()
	if err := s.client.cast("monitor", &caller{Target: gone, Rate: 1.0 / 30, Timeout: 1.5}); err != nil {
		return err
	}
	return s.client.cast("checks", &caller{Target: s.server.at(8000 + uint16(s.subnet)), Rate: 20, Reply: 400})
}
