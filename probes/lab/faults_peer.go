//go:build linux

package lab

var peerFaults = []Scenario{
	{
		Name: "peer-refused", Cause: "peer.refused", sick: "client",
		About: "the peer answers connections with resets: its port is closed; seen from the client",
		plan:  func(s *site) error { return s.closedPort((*host).at, 7001, 12) },
	},
	{
		Name: "peer-resets", Cause: "peer.resets", sick: "client",
		About: "the peer resets established connections in the middle of an answer; seen from the client",
		plan:  func(s *site) error { return s.aborts(8009, &service{Abort: 0.4, Linger: true}) },
	},
	{
		Name: "peer-resets-ipv6", Cause: "peer.resets", sick: "client",
		About: "an IPv6 service resets half of two connections a second before it answers; seen from the client",
		plan: func(s *site) error {
			if err := s.quietKept(); err != nil {
				return err
			}
			return s.abortsAt(s.server.at6(8529), &service{Abort: 0.5, Think: 0.1}, &caller{Rate: 2, Body: 400, Reply: 900}, 0.5)
		},
	},
	{
		Name: "peer-resets-downloads", Cause: "peer.resets", sick: "client",
		About: "long downloads are reset by the service that sends them; seen from the client",
		plan:  resetDownloads,
	},
	{
		Name: "peer-resets-clients", Cause: "peer.resets", sick: "server",
		About: "clients lose patience and reset their connections; seen from the service's host",
		plan:  impatient,
	},
	{
		Name: "peer-slow-reader", Cause: "peer.slow-reader", sick: "client",
		About: "the service that a host uploads to reads too slowly; seen from the sender",
		plan:  func(s *site) error { return s.slowReader(4317, &service{ReadRate: 90e3, ReadChunk: 4096}, 4) },
	},
	{
		Name: "peer-slow-download", Cause: "peer.slow-reader", sick: "server",
		About: "a client reads its downloads too slowly; seen from the server that sends",
		plan:  slowDownload,
	},
	{
		Name: "peer-refused-ipv6", Cause: "peer.refused", sick: "client",
		About: "an IPv6 peer answers two connections a second with resets; seen from the client",
		plan:  func(s *site) error { return s.closedPort((*host).at6, 4505, 2) },
	},
	{
		Name: "peer-refused-firewall", Cause: "peer.refused", sick: "client",
		About: "a firewall on the path answers for the peer with resets; seen from the client",
		plan:  refusedByFirewall,
	},
	{
		Name: "peer-stops-reading", Cause: "peer.slow-reader", sick: "client",
		About: "the service that a host uploads to reads a little now and then; seen from the sender",
		plan: func(s *site) error {
			return s.slowReader(9880, &service{ReadChunk: 2048, ReadPause: 2}, 2)
		},
	},
}

func refusedByFirewall(s *site) error {
	if err := s.outbound(8089); err != nil {
		return err
	}
	s.grows("worker.refused", 3)
	s.grows("rule:acl", 3)
	return s.router.filter(forward("acl"), rule{name: "acl", counted: true, match: many(toPort(8089)), does: rejectReset})
}

func slowDownload(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(8554)
	if err := s.server.cast("video", &service{Addr: at, SendRate: 1e6}); err != nil {
		return err
	}
	s.grows("tv.bytes", 100e3)
	s.stays("tv.bytes", 600e3) // 4 MB/s are offered
	return s.client.cast("tv", &stream{Target: at, Conns: 4, Down: true, ReadRate: 80e3, Chunk: 8192})
}

func resetDownloads(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(5001)
	if err := s.server.cast("registry", &service{Addr: at, Abort: 1, Linger: true}); err != nil {
		return err
	}
	s.grows("node.reset", 3)
	return s.client.cast("node", &stream{Target: at, Conns: 6, Down: true})
}
