//go:build linux

package lab

import (
	"time"

	"golang.org/x/sys/unix"
)

var listenFaults = []Scenario{
	{
		Name: "accept-queue-full", Cause: "listen.accept-queue-full", sick: "server",
		About: "a service with four busy workers accepts too slowly; seen from its host",
		plan: func(s *site) error {
			return s.overflow(s.serverAt4, 8443, &service{Backlog: 8, Workers: 4, Think: 0.4}, &caller{Rate: 30, Reply: 4000})
		},
	},
	{
		Name: "accept-queue-burst", Cause: "listen.accept-queue-full", sick: "server",
		About: "bursts of connections meet a backlog of two; seen from the service's host",
		plan: func(s *site) error {
			return s.overflow(s.serverAt4, 3000, &service{Backlog: 2, Pause: 0.012}, &caller{Rate: 40, Burst: 60, Reply: 700, Timeout: 5})
		},
	},
	{
		Name: "accept-queue-ipv6", Cause: "listen.accept-queue-full", sick: "server",
		About: "a single-threaded service on IPv6 accepts too slowly; seen from its host",
		plan: func(s *site) error {
			return s.overflow(s.serverAt6, 5000, &service{Backlog: 16, Workers: 1, Think: 0.15}, &caller{Rate: 22, Reply: 1500})
		},
	},
	{
		Name: "accept-queue-stopped", Cause: "listen.accept-queue-full", sick: "server",
		About: "a service's process is stopped while clients connect; seen from its host",
		plan: func(s *site) error {
			err := s.overflow(s.serverAt4, 8834, &service{Backlog: 24}, &caller{Rate: 12, Reply: 900, Timeout: 3})
			if err != nil {
				return err
			}
			return s.cast["orders-api"].cmd.Process.Signal(unix.SIGSTOP)
		},
	},
	{
		Name: "accept-queue-rare", Cause: "listen.accept-queue-full", sick: "server",
		About: "a service with a backlog of one takes a connection a second and gets two; seen from its host",
		plan: func(s *site) error {
			return s.overflow(s.serverAt4, 5665, &service{Backlog: 1, Pause: 1}, &caller{Rate: 2, Reply: 300, Timeout: 9})
		},
	},
	{
		Name: "accept-queue-standing", Cause: "listen.accept-queue-full", sick: "server",
		About: "the accept queue is full and nobody connects any more; seen from the service's host",
		plan: func(s *site) error {
			return s.unaccepted(&service{Backlog: 10, Workers: 1}, &caller{Rate: 40, Total: 12, Mute: true, Timeout: 600})
		},
	},
	{
		Name: "accept-queue-worker", Cause: "listen.accept-queue-full", sick: "server",
		About: "one of three workers that share a port (SO_REUSEPORT) hangs; seen from their host",
		plan:  hungWorker,
	},
	{
		Name: "accept-queue-somaxconn", Cause: "listen.accept-queue-full", sick: "server",
		About: "bursts meet net.core.somaxconn, although the service asked for a larger backlog; seen from its host",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			if err := s.server.sysctl("net.core.somaxconn", "5"); err != nil {
				return err
			}
			return s.overflow(s.serverAt6, 9092, &service{Backlog: 2048, Pause: 0.01}, &caller{Rate: 30, Burst: 45, Reply: 900, Timeout: 6})
		},
	},
	{
		Name: "syn-queue-full", Cause: "listen.syn-queue-full", sick: "server",
		About: "SYNs that nobody completes fill a listener's queue, SYN cookies are off; seen from the service's host",
		plan: func(s *site) error {
			s.grows("visitor.slow", 1)
			return s.synFlood(443, &service{Backlog: 40}, "net.ipv4.tcp_syncookies", "0")
		},
	},
	{
		Name: "syn-backlog-small", Cause: "listen.syn-queue-full", sick: "server",
		About: "SYNs that nobody completes meet a small tcp_max_syn_backlog, SYN cookies are off; seen from the service's host",
		plan: func(s *site) error {
			s.grows("visitor.slow", 1)
			return s.synFlood(8099, &service{Backlog: 512}, "net.ipv4.tcp_syncookies", "0",
				"net.ipv4.tcp_max_syn_backlog", "64",
				"net.ipv4.tcp_no_metrics_save", "1") // peers with metrics are let through
		},
	},
	{
		Name: "syn-queue-cookies", Cause: "listen.syn-queue-full", sick: "server",
		About: "SYNs that nobody completes fill the SYN queue, SYN cookies answer; seen from the service's host",
		plan: func(s *site) error {
			s.grows("visitor.ok", 5)
			s.grows("rule:syn-acks to nobody", 100)
			return s.synFlood(25565, &service{Backlog: 64}, "net.ipv4.tcp_syncookies", "1")
		},
	},
}

func (s *site) serverAt4(port uint16) string { return s.server.at(port) }
func (s *site) serverAt6(port uint16) string { return s.server.at6(port) }

// overflow has clients connect faster than v accepts.
func (s *site) overflow(at func(uint16) string, port uint16, v *service, c *caller) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v.Addr = at(port)
	c.Target = v.Addr
	if err := s.server.cast("orders-api", v); err != nil {
		return err
	}
	s.grows("mobile-app.slow", min(2, c.Rate/5))
	return s.client.cast("mobile-app", c)
}

// unaccepted has one connection served for good and the others wait.
func (s *site) unaccepted(v *service, c *caller) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v.Addr = s.server.at(2181)
	c.Target = v.Addr
	if err := s.server.cast("coordinator", v); err != nil {
		return err
	}
	if err := s.client.cast("members", c); err != nil {
		return err
	}
	time.Sleep(time.Second)
	s.stays("coordinator.accepted", 0)
	s.stays("members.dialed", 0)
	return nil
}

// hungWorker has three processes share a port, one of which is stopped.
func hungWorker(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(8084)
	for _, name := range []string{"worker-1", "worker-2", "worker-3"} {
		if err := s.server.cast(name, &service{Addr: at, Backlog: 16, Share: true}); err != nil {
			return err
		}
	}
	if err := s.cast["worker-2"].cmd.Process.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	s.grows("gateway.ok", 5)
	s.grows("gateway.failed", 1)
	return s.client.cast("gateway", &caller{Target: at, Rate: 30, Reply: 1200, Timeout: 2})
}

// synFlood sends SYNs from addresses that nobody has; the router swallows the
// answers.
func (s *site) synFlood(port uint16, v *service, sysctls ...string) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.sysctls(sysctls...); err != nil {
		return err
	}
	if err := s.router.route(s.lan(77), s.client.addr); err != nil {
		return err
	}
	answers := rule{name: "syn-acks to nobody", counted: true, match: many(toNet(s.lan(77))), does: drop}
	if err := s.router.filter(forward("site"), answers); err != nil {
		return err
	}
	v.Addr = s.server.at(port)
	if err := s.server.cast("edge-proxy", v); err != nil {
		return err
	}
	if err := s.client.cast("botnet", &flood{Target: v.Addr, Sources: s.lan(77).String(), Rate: 150}); err != nil {
		return err
	}
	s.grows("botnet.sent", 100)
	return s.client.cast("visitor", &caller{Target: v.Addr, Rate: 10, Reply: 2000, Timeout: 3})
}
