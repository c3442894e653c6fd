//go:build linux

package lab

import (
	"time"

	"golang.org/x/sys/unix"
)

var healthyHosts = []Scenario{
	{Name: "healthy-web", sick: "server", About: "a web server with a connection for each request", plan: healthyWeb},
	{Name: "healthy-bulk", sick: "server", About: "a host that receives and sends bulk data", plan: healthyBulk},
	{Name: "healthy-long-poll", sick: "server", About: "a notification service with hundreds of idle and waiting connections", plan: healthyLongPoll},
	{Name: "healthy-firewall", sick: "server", About: "a default-deny firewall under the usual scans, while its service works", plan: healthyFirewall},
	{Name: "healthy-shaper", sick: "server", About: "a shaper whose rate is far above the demand", plan: healthyShaper},
	{Name: "healthy-yesterday", sick: "server", About: "a service that overflowed earlier and works now: large old counts", plan: healthyYesterday},
	{Name: "healthy-far", sick: "server", About: "a service whose users are 60 ms away on a path with jitter and no loss", plan: healthyFar},
	{Name: "healthy-client", sick: "client", About: "a host that calls services, keeps connections and downloads", plan: healthyClient},
}

func healthyWeb(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(80)
	if err := s.server.cast("nginx", &service{Addr: at, CloseIn: true}); err != nil {
		return err
	}
	s.works("users", 50)
	return s.client.cast("users", &caller{Target: at, Rate: 80, Body: 300, Reply: 12000})
}

// works demands that a caller succeeds and never fails or waits.
func (s *site) works(caller string, perSecond float64) {
	s.grows(caller+".ok", perSecond)
	s.stays(caller+".failed", 0)
	s.stays(caller+".slow", 0)
}

func healthyBulk(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(2049)
	if err := s.server.cast("nfsd", &service{Addr: at, SendRate: 1e6}); err != nil {
		return err
	}
	if err := s.client.cast("restore", &stream{Target: at, Conns: 2, Down: true}); err != nil {
		return err
	}
	s.grows("restore.bytes", 1e6)
	s.grows("dump.bytes", 1e6)
	s.stays("dump.stalled", 0)
	return s.client.cast("dump", &stream{Target: at, Conns: 2, Rate: 1e6})
}

func healthyLongPoll(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(8448)
	if err := s.server.cast("notifier", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("idle-phones", &caller{Target: at, Keep: 250, Pause: 20, Reply: 150}); err != nil {
		return err
	}
	s.works("idle-phones", 1)
	s.works("busy-phones", 5)
	return s.client.cast("busy-phones", &caller{Target: at, Keep: 150, Pause: 0.1, Hold: 9000, Reply: 900, Timeout: 5})
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

func healthyShaper(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.tbf(200e6, 4<<20)(); err != nil {
		return err
	}
	at := s.server.at(8086)
	if err := s.server.cast("timeseries", &service{Addr: at, SendRate: 600e3}); err != nil {
		return err
	}
	if err := s.client.cast("dashboards", &stream{Target: at, Conns: 3, Down: true}); err != nil {
		return err
	}
	s.grows("dashboards.bytes", 1.2e6)
	s.works("queries", 12)
	return s.client.cast("queries", &caller{Target: at, Rate: 25, Reply: 4000})
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

func healthyFar(s *site) error {
	w := way{Delay: 0.03, Jitter: 0.006}
	if err := s.far(wire{Up: w, Down: w}, true); err != nil {
		return err
	}
	at := s.server.at(8453)
	if err := s.server.cast("mail", &service{Addr: at, SendRate: 120e3}); err != nil {
		return err
	}
	if err := s.client.cast("mailboxes", &stream{Target: at, Conns: 4, Down: true}); err != nil {
		return err
	}
	s.grows("mailboxes.bytes", 200e3)
	s.works("readers", 10)
	return s.client.cast("readers", &caller{Target: at, Rate: 20, Reply: 7000})
}

func healthyClient(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(5000)
	if err := s.server.cast("registry", &service{Addr: at, SendRate: 700e3}); err != nil {
		return err
	}
	if err := s.client.cast("puller", &stream{Target: at, Conns: 2, Down: true}); err != nil {
		return err
	}
	if err := s.client.cast("pool", &caller{Target: at, Keep: 30, Pause: 1, Reply: 700}); err != nil {
		return err
	}
	s.grows("puller.bytes", 900e3)
	s.works("pool", 15)
	s.works("jobs", 15)
	return s.client.cast("jobs", &caller{Target: at, Rate: 30, Body: 2000, Reply: 2000})
}
