//go:build linux

package lab

import "slices"

// healthyHosts are hosts that must not be accused: busy ones, those under the
// noise of the internet, those with innocent settings or an old fault.
var healthyHosts = slices.Concat(busyHosts, noisyHosts, innocentHosts)

var busyHosts = []Scenario{
	{Name: "healthy-web", sick: "server", About: "a web server with a connection for each request", plan: healthyWeb},
	{Name: "healthy-bulk", sick: "server", About: "a host that receives and sends bulk data", plan: healthyBulk},
	{Name: "healthy-long-poll", sick: "server", About: "a notification service with hundreds of idle and waiting connections", plan: healthyLongPoll},
	{Name: "healthy-shaper", sick: "server", About: "a shaper whose rate is far above the demand", plan: healthyShaper},
	{Name: "healthy-far", sick: "server", Needs: "tun", About: "a service whose users are 60 ms away on a path with jitter and no loss", plan: healthyFar},
	{Name: "healthy-client", sick: "client", About: "a host that calls services, keeps connections and downloads", plan: healthyClient},
	{
		Name: "healthy-many-connections", sick: "server",
		About: "a server that closes hundreds of connections a second and keeps their TIME-WAIT",
		plan:  func(s *site) error { return s.manyConnections(8088, true) },
	},
	{
		Name: "healthy-many-calls", sick: "client",
		About: "a client that opens and closes hundreds of connections a second",
		plan:  func(s *site) error { return s.manyConnections(9080, false) },
	},
	{
		Name: "healthy-long-path", sick: "server", Needs: "tun",
		About: "bulk transfers over a path of 80 ms, with windows that fill it",
		plan: func(s *site) error {
			return s.bulkFar(wire{Up: way{Delay: 0.04}, Down: way{Delay: 0.04}})
		},
	},
	{
		Name: "healthy-tiny-loss", sick: "server", Needs: "tun",
		About: "bulk transfers over a path that loses one segment in ten thousand",
		plan: func(s *site) error {
			return s.bulkFar(wire{Up: way{Delay: 0.01, Loss: 0.0001}, Down: way{Delay: 0.01, Loss: 0.0001}})
		},
	},
	{Name: "healthy-pool", sick: "client", About: "a pool of idle connections that are used twice a minute", plan: healthyPool},
	{Name: "healthy-router", sick: "router", About: "a router with a stateful firewall that forwards web and bulk traffic", plan: healthyRouter},
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

// manyConnections has short connections at a rate that fills TIME-WAIT with
// thousands of sockets, on the side that closes.
func (s *site) manyConnections(port uint16, serverCloses bool) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(port)
	if err := s.server.cast("api", &service{Addr: at, CloseIn: serverCloses}); err != nil {
		return err
	}
	s.works("callers", 100)
	return s.client.cast("callers", &caller{Target: at, Rate: 220, Body: 150, Reply: 700})
}

// bulkFar has bulk transfers in both directions over a wire.
func (s *site) bulkFar(w wire) error {
	if err := s.far(w, true); err != nil {
		return err
	}
	at := s.server.at(8730)
	if err := s.server.cast("replica", &service{Addr: at, SendRate: 700e3}); err != nil {
		return err
	}
	if err := s.client.cast("fetch", &stream{Target: at, Conns: 2, Down: true}); err != nil {
		return err
	}
	s.grows("fetch.bytes", 700e3)
	s.grows("push.bytes", 250e3)
	return s.client.cast("push", &stream{Target: at, Conns: 1, Rate: 500e3})
}

func healthyPool(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(5432)
	if err := s.server.cast("postgres", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("pool.ok", 0.5)
	s.stays("pool.failed", 0)
	return s.client.cast("pool", &caller{Target: at, Keep: 60, Pause: 28, Reply: 300})
}

// healthyRouter forwards; its firewall lets connections of the inside out and
// has rules that nothing meets.
func healthyRouter(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	gate := forward("filter")
	gate.drop = true
	if err := s.router.filter(gate,
		rule{match: many(tracked(ctEstablished)), does: accept},
		rule{name: "out of state", counted: true, match: many(tracked(ctInvalid)), does: drop},
		rule{match: many(fromNet(s.lan(1))), does: accept},
		rule{name: "from outside", counted: true, match: many(isTCP()), does: drop},
	); err != nil {
		return err
	}
	at := s.server.at(2049)
	if err := s.server.cast("nas", &service{Addr: at, SendRate: 500e3}); err != nil {
		return err
	}
	if err := s.client.cast("backup", &stream{Target: at, Conns: 2, Down: true}); err != nil {
		return err
	}
	s.grows("backup.bytes", 500e3)
	s.stays("rule:from outside", 0)
	s.works("office", 15)
	return s.client.cast("office", &caller{Target: at, Rate: 30, Body: 400, Reply: 9000})
}
