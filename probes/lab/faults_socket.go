//go:build linux

package lab

import (
	"net/netip"

	"github.com/vishvananda/netlink"
)

var socketFaults = []Scenario{
	{
		Name: "small-window", Cause: "socket.small-window", sick: "server", Needs: "tun",
		About: "a service with a tiny SO_RCVBUF receives over a long path; seen from its host",
		plan:  smallWindow,
	},
	{
		Name: "small-window-sender", Cause: "socket.small-window", sick: "client", Needs: "tun",
		About: "the receiver's SO_RCVBUF is small for the path's 80 ms; seen from the sender",
		plan: func(s *site) error {
			return s.held(&service{RcvBuf: 24000}, &stream{Conns: 3, Rate: 2e6})
		},
	},
	{
		Name: "small-send-buffer", Cause: "socket.small-window", sick: "client", Needs: "tun",
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
		Name: "tcp-memory-group", Cause: "socket.tcp-memory", sick: "server", Needs: "root",
		About: "the control group of a service allows its sockets less memory than its clients' connections take; seen from its host",
		plan:  tcpMemoryGroup,
	},
	{
		Name: "tcp-memory-ipv6", Cause: "socket.tcp-memory", sick: "server", Settings: []string{"net.ipv4.tcp_mem"},
		About: "IPv6 uploads that are read at once take more than net.ipv4.tcp_mem; seen from the host that receives",
		plan:  tcpMemoryIPv6,
	},
	{
		Name: "orphan-limit", Cause: "socket.orphan-limit", sick: "server", Settings: []string{"net.ipv4.tcp_max_orphans"},
		About: "a service closes connections whose clients do not take the answer, above net.ipv4.tcp_max_orphans; seen from its host",
		plan:  orphans,
	},
	{
		Name: "orphan-limit-client", Cause: "socket.orphan-limit", Also: []string{"peer.slow-reader"}, sick: "client", Settings: []string{"net.ipv4.tcp_max_orphans"},
		About: "IPv6 uploads are closed before the service took them, above net.ipv4.tcp_max_orphans; seen from the client",
		plan:  orphansOfClient,
	},
	{
		Name: "rcvbuf-full-stream", Cause: "socket.rcvbuf-full", sick: "server",
		About: "a service shrinks SO_RCVBUF of each connection below the window it offered, and long IPv6 uploads lose segments; seen from its host",
		plan:  rcvbufStream,
	},
	{
		Name: "rcvbuf-full-client", Cause: "socket.rcvbuf-full", sick: "client",
		About: "a client sets a tiny SO_RCVBUF on connections while its answers are on their way; seen from the client",
		plan:  rcvbufClient,
	},
	{
		Name: "rcvbuf-full", Cause: "socket.rcvbuf-full", sick: "server",
		About: "a service sets a tiny SO_RCVBUF after accept, below the window it offered; seen from its host",
		plan:  rcvbufFull,
	},
	{
		Name: "socket-backlog-reads", Cause: "socket.backlog-full", sick: "server", Needs: "root",
		About: "a collector reads many small messages into memory whose pages come in late, and owns the socket meanwhile; seen from its host",
		plan: func(s *site) error {
			return s.busyOwner(s.serverAt4, &service{SlowPages: 0.3, ReadChunk: 4096, RcvBuf: 12000},
				&stream{Conns: 3, Rate: 30e3, Chunk: 30, Even: true, Session: 1.5})
		},
	},
	{
		Name: "socket-backlog-ipv6", Cause: "socket.backlog-full", sick: "server", Needs: "root",
		About: "one IPv6 client after another sends small messages, and the thread that reads them waits for memory while it owns the socket; seen from its host",
		plan: func(s *site) error {
			return s.busyOwner(s.serverAt6, &service{SlowPages: 0.5, ReadChunk: 4096, RcvBuf: 20000},
				&stream{Rate: 24e3, Chunk: 24, Even: true, Session: 4})
		},
	},
}

// busyOwner has a client send small messages on one connection, whose owner takes
// its time in system calls: the messages wait in the socket's backlog, each in a
// buffer that is larger than itself.
func (s *site) busyOwner(at func(uint16) string, v *service, messages *stream) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v.Addr = at(8125)
	if err := s.server.cast("aggregator", v); err != nil {
		return err
	}
	// A sender with the usual ten segments would stop before the backlog is full.
	for _, r := range []netlink.Route{
		{Dst: ipNet(netip.PrefixFrom(s.server.addr, 32)), Gw: s.client.via.AsSlice()},
		{Dst: ipNet(netip.PrefixFrom(s.server.addr6, 128)), Gw: s.client.via6.AsSlice()},
	} {
		r.InitCwnd = 600
		if err := s.client.addRoute(&r); err != nil {
			return err
		}
	}
	s.grows("agent.bytes", 1000)
	s.grows("kernel:client:Tcp.RetransSegs", 2)
	messages.Target = v.Addr
	return s.client.cast("agent", messages)
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

// tcpMemoryGroup limits the memory of one service's sockets, not the machine's.
func tcpMemoryGroup(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(6650)
	if err := s.server.cast("broker", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.limited(s.cast["broker"], "memory", "memory.kmem.tcp.limit_in_bytes", "160000"); err != nil {
		return err
	}
	s.grows("publisher.bytes", 1000)
	s.grows("kernel:client:Tcp.RetransSegs", 1)
	return s.client.cast("publisher", &stream{Target: at, Conns: 30, Rate: 100e3})
}

func tcpMemoryIPv6(s *site) error {
	if err := s.quietKept(); err != nil {
		return err
	}
	// Small packets take more memory for their bytes than large ones.
	if err := s.segmented(); err != nil {
		return err
	}
	at := s.server.at6(9200)
	if err := s.server.cast("index", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.hostWide("net.ipv4.tcp_mem", "60 80 100"); err != nil {
		return err
	}
	s.signs = nil // ordinary traffic suffers too
	s.grows("crawlers.bytes", 1000)
	s.grows("kernel:client:Tcp.RetransSegs", 1)
	return s.client.cast("crawlers", &stream{Target: at, Conns: 25, Rate: 200e3})
}

// orphansOfClient has clients close while the service has yet to take what they
// sent.
func orphansOfClient(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.hostWide("net.ipv4.tcp_max_orphans", "12"); err != nil {
		return err
	}
	at := s.server.at6(2525)
	if err := s.server.cast("relay", &service{Addr: at, RcvBuf: 4096, ReadChunk: 1024, ReadPause: 1}); err != nil {
		return err
	}
	s.grows("kernel:server:Tcp.EstabResets", 1)
	return s.client.cast("mailer", &caller{Target: at, Rate: 10, Body: 40000, Hurry: true})
}

func rcvbufStream(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at6(3100)
	if err := s.server.cast("loki", &service{Addr: at, ShrinkTo: 2304, ReadRate: 200e3}); err != nil {
		return err
	}
	s.grows("promtail.bytes", 1000)
	s.grows("kernel:client:Tcp.RetransSegs", 1)
	return s.client.cast("promtail", &stream{Target: at, Conns: 6, Rate: 300e3, Session: 1})
}

func rcvbufClient(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(8000)
	if err := s.server.cast("radio", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("player.ok", 1)
	s.grows("kernel:server:Tcp.RetransSegs", 1)
	return s.client.cast("player", &caller{Target: at, Rate: 10, Reply: 60000, ShrinkTo: 2304, Timeout: 5})
}
