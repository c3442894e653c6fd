//go:build linux

package lab

var socketFaults = []Scenario{
	{
		Name: "small-window", Cause: "socket.small-window", sick: "server",
		About: "a service with a tiny SO_RCVBUF receives over a long path; seen from its host",
		plan:  smallWindow,
	},
	{
		Name: "small-window-sender", Cause: "socket.small-window", sick: "client",
		About: "the receiver's SO_RCVBUF is small for the path's 80 ms; seen from the sender",
		plan: func(s *site) error {
			return s.held(&service{RcvBuf: 24000}, &stream{Conns: 3, Rate: 2e6})
		},
	},
	{
		Name: "small-send-buffer", Cause: "socket.small-window", sick: "client",
		About: "the sender's SO_SNDBUF is small for the path's 80 ms; seen from the sender",
		plan: func(s *site) error {
			return s.held(&service{}, &stream{Conns: 2, SndBuf: 12000})
		},
	},
	{
		Name: "tcp-memory", Cause: "socket.tcp-memory", sick: "server", Settings: []string{"net.ipv4.tcp_mem"},
		About: "connections that nobody reads use up net.ipv4.tcp_mem; seen from the host that receives",
		plan:  tcpMemory,
	},
	{
		Name: "orphan-limit", Cause: "socket.orphan-limit", sick: "server", Settings: []string{"net.ipv4.tcp_max_orphans"},
		About: "a service closes connections whose clients do not take the answer, above net.ipv4.tcp_max_orphans; seen from its host",
		plan:  orphans,
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

// held moves data over 80 ms, which the small buffer of one end holds back.
func (s *site) held(v *service, up *stream) error {
	delay := way{Delay: 0.04}
	if err := s.far(wire{Up: delay, Down: delay}, true); err != nil {
		return err
	}
	v.Addr = s.server.at(11000)
	up.Target = v.Addr
	if err := s.server.cast("archive", v); err != nil {
		return err
	}
	s.grows("backup.bytes", 20e3)
	s.stays("backup.bytes", 1.2e6)
	s.stays("wire.up_lost", 0)
	return s.client.cast("backup", up)
}

// tcpMemory sets the limits of the whole machine to what fifty unread
// connections take.
func tcpMemory(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(9093)
	if err := s.server.cast("consumer", &service{Addr: at, ReadRate: 30e3}); err != nil {
		return err
	}
	if err := s.hostWide("net.ipv4.tcp_mem", "600 800 1200"); err != nil {
		return err
	}
	s.grows("kernel:client:Tcp.RetransSegs", 1)
	return s.client.cast("producer", &stream{Target: at, Conns: 40})
}

// orphans has a service close before its clients took the answer.
func orphans(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.hostWide("net.ipv4.tcp_max_orphans", "12"); err != nil {
		return err
	}
	at := s.server.at(8091)
	if err := s.server.cast("export", &service{Addr: at, CloseIn: true}); err != nil {
		return err
	}
	s.grows("kernel:client:Tcp.EstabResets", 1)
	return s.client.cast("reader", &caller{Target: at, Rate: 15, Reply: 24000, Dawdle: 30})
}
