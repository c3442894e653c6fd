//go:build linux

package lab

var socketFaults = []Scenario{
	{
		Name: "small-window", Cause: "socket.small-window", sick: "server",
		About: "a service with a tiny SO_RCVBUF receives over a long path; seen from its host",
		plan:  smallWindow,
	},
	{
		Name: "rcvbuf-full", Cause: "socket.rcvbuf-full", sick: "server",
		About: "a service sets a tiny SO_RCVBUF after accept, below the window it offered; seen from its host",
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

// rcvbufFull shrinks the buffer of each connection after the handshake offered
// a window for a larger one: a window cannot be taken back (RFC 9293, 3.8.6), so
// what the sender may send does not fit, and the kernel prunes and drops.
func rcvbufFull(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(2003)
	if err := s.server.cast("graphite", &service{Addr: at, ShrinkTo: 2304}); err != nil {
		return err
	}
	s.grows("sensors.ok", 1)
	s.grows("kernel:client:Tcp.RetransSegs", 2)
	return s.client.cast("sensors", &caller{Target: at, Rate: 12, Body: 60000, Reply: 20, Timeout: 5})
}
