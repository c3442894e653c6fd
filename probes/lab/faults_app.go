//go:build linux

package lab

// quiet is the usual beginning of a plan: the three hosts and their ordinary
// traffic.
func (s *site) quiet() error {
	if err := s.standard(); err != nil {
		return err
	}
	return s.ordinary()
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
	s.grows("uploader.bytes", 20e3)
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
	v.Addr = s.server.at(port)
	if err := s.server.cast("checkout", v); err != nil {
		return err
	}
	s.grows("shopper.reset", 3)
	return s.client.cast("shopper", &caller{Target: v.Addr, Rate: 16, Body: 900, Reply: 20000})
}
