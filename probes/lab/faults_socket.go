//go:build linux

package lab

var socketFaults = []Scenario{
	{
		Name: "small-window", Cause: "socket.small-window", sick: "server",
		About: "a service with a tiny SO_RCVBUF receives over a long path; seen from its host",
		plan:  smallWindow,
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
