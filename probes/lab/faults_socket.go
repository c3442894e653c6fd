//go:build linux

package lab

var socketFaults = []Scenario{
	{
		Name: "small-window", Cause: "socket.small-window", sick: "server",
		About: "a service with a tiny SO_RCVBUF receives over a long path; seen from its host",
		plan:  smallWindow,
	},
	{
		Name: "rcvbuf-full", Cause: "socket.rcvbuf-full", Also: []string{"app.slow-reader"}, sick: "server",
		About: "many tiny segments use up a small tcp_rmem while the service rests between reads; seen from its host",
		plan:  rcvbufFull,
	},
}

func smallWindow(s *site) error {
	delay := way{Delay: 0.03}
	if err := s.far(wire{Up: delay, Down: delay}, true); err != nil {
		return err
	}
	at := s.server.at(8730)
	if err := s.server.cast("replica", &service{Addr: at, RcvBuf: 6000}); err != nil {
		return err
	}
	// The window allows some 6 kB every 60 ms; the sender has 2 MB/s to send.
	s.grows("primary.bytes", 20e3)
	s.stays("primary.bytes", 1e6)
	s.stays("wire.up_lost", 0)
	return s.client.cast("primary", &stream{Target: at, Conns: 2, Rate: 1e6})
}

// rcvbufFull sends telemetry in tiny segments: each takes a whole buffer's
// bookkeeping, so that memory ends long before the window does, and the kernel
// prunes or drops.
func rcvbufFull(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.sysctl("net.ipv4.tcp_rmem", "4096 16384 16384"); err != nil {
		return err
	}
	at := s.server.at(2003)
	if err := s.server.cast("graphite", &service{Addr: at, ReadPause: 0.5, ReadChunk: 64 << 10}); err != nil {
		return err
	}
	s.grows("sensors.bytes", 1e3)
	return s.client.cast("sensors", &stream{Target: at, Conns: 3, Rate: 60e3, Chunk: 24})
}
