//go:build linux

package lab

import (
	"time"

	"golang.org/x/sys/unix"
)

// quiet is the usual beginning of a plan: the three hosts and their ordinary
// traffic.
func (s *site) quiet() error {
	if err := s.standard(); err != nil {
		return err
	}
	return s.ordinary()
}

// quietKept is quiet with ordinary traffic over connections that stay.
func (s *site) quietKept() error {
	if err := s.standard(); err != nil {
		return err
	}
	return s.ordinaryKept()
}

var appFaults = []Scenario{
	{
		Name: "slow-reader", Cause: "app.slow-reader", sick: "server",
		About: "an upload service reads more slowly than its clients send; seen from the service's host",
		plan:  func(s *site) error { return s.slowReader(7070, &service{ReadRate: 120e3, ReadChunk: 8192}, 3) },
	},
	{
		Name: "slow-reader-stops", Cause: "app.slow-reader", sick: "server",
		About: "a log collector stops reading for seconds at a time; seen from its host",
		plan: func(s *site) error {
			return s.slowReader(5514, &service{ReadPause: 2.5, ReadChunk: 64 << 10}, 2)
		},
	},
	{
		Name: "slow-reader-stopped", Cause: "app.slow-reader", sick: "server",
		About: "a replica's process is stopped while its primary sends; seen from the replica's host",
		plan:  stoppedReader,
	},
	{
		Name: "slow-reader-download", Cause: "app.slow-reader", sick: "client",
		About: "a host reads its own downloads too slowly; seen from that host",
		plan:  slowDownload,
	},
	{
		Name: "slow-reader-many", Cause: "app.slow-reader", sick: "server",
		About: "fifty uploads over IPv6 are read at a trickle; seen from the service's host",
		plan:  manySlow,
	},
	{
		Name: "cpu-throttled", Cause: "app.cpu-throttled", Also: []string{"listen.accept-queue-full"}, sick: "server", Needs: "root",
		Unseen: "the control groups of root's processes", UnseenBy: "nobody",
		About: "a CPU quota stops a busy service for most of each period; seen from its host",
		plan: func(s *site) error {
			return s.throttled(s.serverAt4, 8808, 0.005, 0.1, &service{Backlog: 12, Spin: 1}, &caller{Rate: 40, Reply: 3000})
		},
	},
	{
		Name: "cpu-throttled-slow", Cause: "app.cpu-throttled", sick: "server", Needs: "root",
		Unseen: "the control groups of root's processes", UnseenBy: "nobody",
		About: "a CPU quota with a long period delays the answers of a service, no queue overflows; seen from its host",
		plan: func(s *site) error {
			return s.throttled(s.serverAt6, 3033, 0.02, 0.4, &service{Spin: 1}, &caller{Rate: 8, Reply: 900, Timeout: 8})
		},
	},
	{
		Name: "cpu-throttled-reader", Cause: "app.cpu-throttled", Also: []string{"app.slow-reader"}, sick: "server", Needs: "root",
		Unseen: "the control groups of root's processes", UnseenBy: "nobody",
		About: "a CPU quota keeps a service from reading its uploads in time; seen from its host",
		plan:  throttledReader,
	},
	{
		Name: "fd-exhausted-quiet", Cause: "app.fd-exhausted", Also: []string{"listen.accept-queue-full"}, sick: "server",
		Unseen: "the owner of a socket of others", UnseenBy: "nobody",
		About: "a service is out of file descriptors and a few clients wait, its queue is far from full; seen from its host",
		plan:  fdQuiet,
	},
	{
		Name: "fd-exhausted-leak", Cause: "app.fd-exhausted", Also: []string{"listen.accept-queue-full"}, sick: "server",
		Unseen: "the owner of a socket of others", UnseenBy: "nobody",
		About: "a service on IPv6 never closes what its clients have closed and is out of file descriptors; seen from its host",
		plan:  fdLeak,
	},
	{
		Name: "app-aborts-rare", Cause: "app.aborts", sick: "server",
		About: "a service aborts three connections in four, with two connections a second; seen from its host",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			return s.abortsAt(s.server.at6(7443), &service{Abort: 0.75}, &caller{Rate: 2, Body: 700, Reply: 4000}, 1)
		},
	},
	{
		Name: "app-aborts-client", Cause: "app.aborts", sick: "client",
		About: "a client loses patience and resets its connections; seen from that client",
		plan:  impatient,
	},
	{
		Name: "fd-exhausted", Cause: "app.fd-exhausted", Also: []string{"listen.accept-queue-full"}, sick: "server",
		About: "a service is out of file descriptors and accepts no more; seen from its host",
		plan:  fdExhausted,
	},
	{
		Name: "app-aborts", Cause: "app.aborts", sick: "server",
		About: "a service closes connections with unread requests, so its clients get resets; seen from its host",
		plan: func(s *site) error {
			return s.aborts(8181, &service{Abort: 0.5})
		},
	},
	{
		Name: "app-aborts-linger", Cause: "app.aborts", sick: "server",
		About: "a service aborts one answer in three with a zero linger time; seen from its host",
		plan: func(s *site) error {
			return s.aborts(9443, &service{Abort: 0.34, Linger: true})
		},
	},
}

// slowReader has clients that upload faster than v reads.
func (s *site) slowReader(port uint16, v *service, conns int) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v.Addr = s.server.at(port)
	if err := s.server.cast("ingest", v); err != nil {
		return err
	}
	s.grows("uploader.bytes", 300)                  // it reads little, but it reads
	s.stays("uploader.bytes", 1.5e6*float64(conns)) // half of what it has to send
	return s.client.cast("uploader", &stream{Target: v.Addr, Conns: conns, Rate: 3e6})
}

func fdExhausted(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(6380)
	if err := s.server.cast("session-cache", &service{Addr: at, NoFile: 32, Backlog: 64}); err != nil {
		return err
	}
	if err := s.client.cast("pool", &caller{Target: at, Keep: 24, Pause: 1.5, Reply: 300, Timeout: 5}); err != nil {
		return err
	}
	if err := s.client.cast("latecomer", &caller{Target: at, Rate: 15, Reply: 300, Timeout: 1.5}); err != nil {
		return err
	}
	s.grows("session-cache.accept_errors", 2)
	s.grows("latecomer.timeout", 2)
	return nil
}

func (s *site) aborts(port uint16, v *service) error {
	if err := s.quiet(); err != nil {
		return err
	}
	return s.abortsAt(s.server.at(port), v, &caller{Rate: 16, Body: 900, Reply: 20000}, 3)
}

// abortsAt has c call a service that aborts, with that many resets a second.
func (s *site) abortsAt(at string, v *service, c *caller, resets float64) error {
	v.Addr, c.Target = at, at
	if err := s.server.cast("checkout", v); err != nil {
		return err
	}
	s.grows("shopper.reset", resets)
	return s.client.cast("shopper", c)
}

func impatient(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(9200)
	if err := s.server.cast("search", &service{Addr: at, Think: 2}); err != nil {
		return err
	}
	s.grows("kernel:server:Tcp.EstabResets", 3)
	return s.client.cast("dashboard", &caller{Target: at, Rate: 20, Reply: 5000, Leave: 0.2})
}

// stoppedReader stops the process that reads, as a debugger or SIGSTOP does.
func stoppedReader(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(9042)
	if err := s.server.cast("replica", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("primary", &stream{Target: at, Conns: 2, Rate: 4e6}); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	s.grows("primary.stalled", 1)
	return s.cast["replica"].cmd.Process.Signal(unix.SIGSTOP)
}

func manySlow(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at6(4318)
	if err := s.server.cast("traces", &service{Addr: at, ReadRate: 6e3, ReadChunk: 1024}); err != nil {
		return err
	}
	s.grows("agents.bytes", 20e3)
	s.stays("traces.bytes_in", 1e6) // 5 MB/s are there to be read, also while the buffers fill
	return s.client.cast("agents", &stream{Target: at, Conns: 50, Rate: 100e3, Chunk: 4096})
}

// throttled lets v run for quota seconds in each period and its clients wait.
func (s *site) throttled(at func(uint16) string, port uint16, quota, period float64, v *service, c *caller) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v.Addr = at(port)
	c.Target = v.Addr
	if err := s.server.cast("pricing", v); err != nil {
		return err
	}
	if err := s.quota(s.cast["pricing"], quota, period); err != nil {
		return err
	}
	s.grows("pricing.accepted", 1)
	s.grows("quota:pricing", 0.4)
	return s.client.cast("cart", c)
}

func fdQuiet(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(1883)
	if err := s.server.cast("mqtt", &service{Addr: at, NoFile: 48}); err != nil {
		return err
	}
	if err := s.client.cast("sensors", &caller{Target: at, Keep: 44, Pause: 2, Reply: 60, Timeout: 30}); err != nil {
		return err
	}
	s.grows("mqtt.accept_errors", 2)
	return s.client.cast("gauge", &caller{Target: at, Rate: 1, Reply: 60, Timeout: 30})
}

func throttledReader(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(9000)
	if err := s.server.cast("object-store", &service{Addr: at, ReadWork: 0.004}); err != nil {
		return err
	}
	if err := s.quota(s.cast["object-store"], 0.01, 0.1); err != nil {
		return err
	}
	s.grows("quota:object-store", 0.4)
	s.grows("backup.bytes", 10e3)
	s.stays("backup.bytes", 1.5e6) // 3 MB/s are there to be sent
	return s.client.cast("backup", &stream{Target: at, Conns: 3, Rate: 1e6})
}

func fdLeak(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at6(8069)
	if err := s.server.cast("erp", &service{Addr: at, NoFile: 64, Leak: true, Backlog: 32}); err != nil {
		return err
	}
	s.grows("erp.accept_errors", 2)
	s.grows("browsers.timeout", 1)
	return s.client.cast("browsers", &caller{Target: at, Rate: 20, Reply: 1500, Timeout: 3})
}
