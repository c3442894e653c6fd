//go:build linux

package lab

import (
	"net/netip"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// innocentHosts are healthy hosts whose settings or old counts look suspicious.
var innocentHosts = []Scenario{
	{Name: "healthy-yesterday", sick: "server", About: "a service that overflowed earlier and works now: large old counts", plan: healthyYesterday},
	{Name: "healthy-yesterday-filter", sick: "server", About: "a firewall rule that dropped a service's packets earlier and is gone", plan: yesterdayFilter},
	{Name: "healthy-yesterday-queue", sick: "server", About: "a shaper that overflowed earlier and is fast enough now", plan: yesterdayQueue},
	{Name: "healthy-settings", sick: "server", About: "sysctls, routes and rules that could hurt and do not", plan: healthySettings},
	{Name: "healthy-small-buffers", sick: "server", About: "small socket buffers on a near path, which they fill", plan: healthySmallBuffers},
	{Name: "healthy-mtu-1400", sick: "server", About: "a network with an MTU of 1400 that everybody knows", plan: healthyMTU},
	{Name: "healthy-ecn", sick: "server", About: "connections that negotiated ECN on a path that marks nothing", plan: healthyECN},
	{Name: "healthy-xdp", sick: "server", Needs: "root", About: "an XDP program that drops what nobody sends and passes the rest", plan: healthyXDP},
	{Name: "healthy-busy-cpus", sick: "server", Alone: "all CPUs", About: "batch jobs that use all CPU time, beside a service that gets what it needs", plan: healthyBusy},
	{
		Name: "healthy-short-rounds", sick: "server", Needs: "root",
		Settings: []string{"net.core.netdev_budget", "net.core.dev_weight"},
		About:    "softirq rounds that end after one packet, and lose none", plan: healthyRounds,
	},
}

// usual is the traffic of an innocent host, which must succeed.
func (s *site) usual(port uint16) error {
	at := s.server.at(port)
	if err := s.server.cast("app", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("sessions", &caller{Target: at, Keep: 12, Pause: 0.4, Reply: 3000}); err != nil {
		return err
	}
	s.works("sessions", 8)
	s.works("customers", 12)
	return s.client.cast("customers", &caller{Target: at, Rate: 25, Body: 700, Reply: 16000})
}

// healthyYesterday overflows an accept queue for seconds, then the service
// keeps up; the plan ends when the callers that gave up have stopped repeating their last
// segments, which meet a full queue too.
func healthyYesterday(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(8161)
	if err := s.server.cast("broker", &service{Addr: at, Backlog: 4, Pause: 0.02, Healed: 3}); err != nil {
		return err
	}
	crowd := &caller{Target: at, Rate: 200, Burst: 100, Reply: 300, Timeout: 1.2, Total: 500, Abandon: true}
	if err := s.client.cast("yesterday", crowd); err != nil {
		return err
	}
	time.Sleep(14 * time.Second)
	s.works("producers", 15)
	s.stays("yesterday.dialed", 0)
	return s.client.cast("producers", &caller{Target: at, Keep: 10, Pause: 0.3, Reply: 800})
}

// yesterdayFilter drops most segments of a service for some seconds; then the
// rule is taken away, and what was kept waiting has recovered.
func yesterdayFilter(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(8600)
	if err := s.server.cast("legacy", &service{Addr: at}); err != nil {
		return err
	}
	bad := rule{name: "mistake", counted: true, match: many(toPort(8600), perMille(600)), does: drop}
	if err := s.server.filter(input("old"), bad); err != nil {
		return err
	}
	if err := s.client.cast("before", &caller{Target: at, Rate: 40, Reply: 500, Timeout: 1, Total: 160, Abandon: true}); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	ref := s.rules["mistake"]
	ref.conn.FlushChain(ref.chain)
	if err := ref.conn.Flush(); err != nil {
		return err
	}
	delete(s.rules, "mistake")
	time.Sleep(8 * time.Second)
	return s.usual(8601)
}

func yesterdayQueue(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.tbf(2e6, 9000)(); err != nil {
		return err
	}
	at := s.server.at(8700)
	if err := s.server.cast("mirror", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("before", &caller{Target: at, Rate: 20, Reply: 60000, Timeout: 2, Total: 60, Abandon: true}); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	err := s.server.change(s.server.dev, "shaping", func(l netlink.Link) error {
		return s.server.link.QdiscChange(newTBF(l, 500e6/8, 256<<10, 16<<20))
	})
	if err != nil {
		return err
	}
	time.Sleep(8 * time.Second)
	return s.usual(8701)
}

// healthySettings has a handful of settings that are each the cause of a fault
// where the traffic is another.
func healthySettings(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.sysctls(
		"net.ipv4.tcp_timestamps", "0", "net.ipv4.tcp_tw_reuse", "1", "net.core.somaxconn", "32",
		"net.ipv4.tcp_syncookies", "0", "net.ipv4.conf.all.rp_filter", "1", "net.ipv4.tcp_max_syn_backlog", "64",
		"net.ipv4.tcp_fin_timeout", "10", "net.ipv4.conf.all.log_martians", "1",
	); err != nil {
		return err
	}
	for net, kind := range map[byte]int{66: unix.RTN_BLACKHOLE, 67: unix.RTN_UNREACHABLE} {
		if err := s.server.routeType(s.lan(net), kind); err != nil {
			return err
		}
	}
	err := s.server.change(s.server.dev, "queueing on", func(l netlink.Link) error { return s.server.link.LinkSetTxQLen(l, 30) })
	if err != nil {
		return err
	}
	if err := s.server.filter(input("rules"),
		rule{name: "bogons", counted: true, match: many(fromNet(netip.MustParsePrefix("203.0.113.0/24"))), does: drop},
		rule{name: "telnet", counted: true, match: many(toPort(23)), does: rejectReset},
		rule{name: "guard", counted: true, match: many(toPort(8900), over(5000, 100)), does: drop},
	); err != nil {
		return err
	}
	return s.usual(8900)
}

func healthySmallBuffers(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.sysctls("net.ipv4.tcp_rmem", "4096 32768 65536", "net.ipv4.tcp_wmem", "4096 32768 65536"); err != nil {
		return err
	}
	return s.usual(8901)
}

func healthyMTU(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	for _, end := range []struct {
		h   *host
		dev string
	}{{s.server, s.server.dev}, {s.router, "to-server"}} {
		if err := end.h.mtu(end.dev, 1400); err != nil {
			return err
		}
	}
	return s.usual(8902)
}

func healthyECN(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	for _, h := range []*host{s.client, s.server} {
		if err := h.sysctl("net.ipv4.tcp_ecn", "1"); err != nil {
			return err
		}
	}
	return s.usual(8903)
}

func healthyXDP(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.program(s.server.dev, xdpHook(link.XDPGenericMode), taker{port: 6667}); err != nil {
		return err
	}
	return s.usual(8904)
}
