//go:build linux

package lab

var tcpFaults = []Scenario{
	{
		Name: "port-closed", Cause: "tcp.port-closed", sick: "server",
		About:  "clients connect to a port on which nothing listens; seen from the host that answers with resets",
		Unseen: "without drop reasons resets look like background noise", UnseenBy: "nobody",
		plan: func(s *site) error { return s.closedPort((*host).at, 9200, 12) },
	},
	{
		Name: "port-closed-ipv6", Cause: "tcp.port-closed", sick: "server",
		About:  "a few IPv6 clients a second connect to a port on which nothing listens; seen from the host that answers with resets",
		Unseen: "without drop reasons a few resets a second look like background noise", UnseenBy: "nobody",
		plan: func(s *site) error { return s.closedPort((*host).at6, 5601, 3) },
	},
	{
		Name: "port-exhaustion", Cause: "tcp.port-exhaustion", sick: "client",
		About: "a client host has too few ephemeral ports towards its database; seen from the client",
		plan:  portExhaustion,
	},
	{
		Name: "timewait-overflow", Cause: "tcp.timewait-overflow", sick: "server",
		About: "a service closes more connections than tcp_max_tw_buckets holds; seen from its host",
		plan:  timeWaitOverflow,
	},
	{
		Name: "timewait-overflow-client", Cause: "tcp.timewait-overflow", sick: "client",
		About: "a client closes more connections than tcp_max_tw_buckets holds; seen from the client",
		plan:  timeWaitOverflowClient,
	},
	{
		Name: "timewait-overflow-rare", Cause: "tcp.timewait-overflow", sick: "server",
		About: "an IPv6 service closes three connections a second and tcp_max_tw_buckets holds four; seen from its host",
		plan:  timeWaitOverflowRare,
	},
	{
		Name: "port-exhaustion-reserved", Cause: "tcp.port-exhaustion", sick: "client",
		About: "net.ipv4.ip_local_reserved_ports leaves too few ports towards a service; seen from the client",
		plan:  portsReserved,
	},
	{
		Name: "port-exhaustion-held", Cause: "tcp.port-exhaustion", sick: "client",
		About: "connections that stay open hold all ephemeral ports towards a service; seen from the client",
		plan:  portsHeld,
	},
	{
		Name: "paws-reject", Cause: "tcp.paws-reject", sick: "server", Needs: "tun",
		About: "a box on the path sets back the timestamps of some requests; seen from the server that rejects them",
		plan: func(s *site) error {
			return s.setBack(&caller{Rate: 20, Body: 300, Reply: 2000, Timeout: 5})
		},
	},
	{
		Name: "paws-reject-kept", Cause: "tcp.paws-reject", sick: "server", Needs: "tun",
		About: "a box on the path sets back the timestamps of some requests on connections that are kept; seen from the server that rejects them",
		plan: func(s *site) error {
			return s.setBack(&caller{Keep: 8, Pause: 0.2, Body: 600, Reply: 500, Timeout: 5})
		},
	},
}

// setBack has a wire between client and server that sets back the timestamps of
// one in ten of the client's segments with data.
func (s *site) setBack(calls *caller) error {
	if err := s.far(wire{Up: way{Delay: 0.005, SetBack: 0.1}, Down: way{Delay: 0.005}}, true); err != nil {
		return err
	}
	s.signs = nil // ordinary traffic suffers too
	calls.Target = s.server.at(9443)
	if err := s.server.cast("ledger", &service{Addr: calls.Target}); err != nil {
		return err
	}
	s.grows("wire.up_set_back", 2)
	s.grows("till.ok", 5)
	s.grows("kernel:client:Tcp.RetransSegs", 2)
	return s.client.cast("till", calls)
}

// closedPort has a client that connects to a port of the server on which nothing
// listens, by the address that at gives.
func (s *site) closedPort(at func(*host, uint16) string, port uint16, rate float64) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.down("search", &service{Addr: at(s.server, port)}); err != nil {
		return err
	}
	s.grows("indexer.refused", rate*0.4)
	return s.client.cast("indexer", &caller{Target: at(s.server, port), Rate: rate})
}

func portExhaustion(s *site) error {
	if err := s.quietKept(); err != nil {
		return err
	}
	if err := s.client.sysctl("net.ipv4.ip_local_port_range", "42000 42059"); err != nil {
		return err
	}
	at := s.server.at(3306)
	if err := s.server.cast("database", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("batch-job", &caller{Target: at, Rate: 20, Reply: 400, Pools: true}); err != nil {
		return err
	}
	s.grows("batch-job.no_port", 4)
	return nil
}

func timeWaitOverflow(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.sysctl("net.ipv4.tcp_max_tw_buckets", "16"); err != nil {
		return err
	}
	at := s.server.at(8088)
	if err := s.server.cast("metrics-push", &service{Addr: at, CloseIn: true}); err != nil {
		return err
	}
	// At 25 closes a second for 60 s each there would be 1500 of them.
	s.grows("exporter.ok", 15)
	s.signs = append(s.signs, sign{source: "kernel:server:sockstat.tw", most: 10})
	return s.client.cast("exporter", &caller{Target: at, Rate: 25, Reply: 300})
}

func timeWaitOverflowClient(s *site) error {
	if err := s.quietKept(); err != nil {
		return err
	}
	if err := s.client.sysctl("net.ipv4.tcp_max_tw_buckets", "12"); err != nil {
		return err
	}
	at := s.server.at(9187)
	if err := s.server.cast("exporter", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("scraper.ok", 5)
	s.signs = append(s.signs, sign{source: "kernel:client:sockstat.tw", most: 5})
	return s.client.cast("scraper", &caller{Target: at, Rate: 12, Reply: 5000, Pools: true})
}

func timeWaitOverflowRare(s *site) error {
	if err := s.quietKept(); err != nil {
		return err
	}
	if err := s.server.sysctl("net.ipv4.tcp_max_tw_buckets", "4"); err != nil {
		return err
	}
	at := s.server.at6(6556)
	if err := s.server.cast("agent", &service{Addr: at, CloseIn: true}); err != nil {
		return err
	}
	s.grows("monitor.ok", 2)
	s.signs = append(s.signs, sign{source: "kernel:server:sockstat.tw", most: 1})
	return s.client.cast("monitor", &caller{Target: at, Rate: 3, Reply: 20000})
}

// portsReserved leaves the ephemeral range as it is and reserves nearly all of it.
func portsReserved(s *site) error {
	if err := s.quietKept(); err != nil {
		return err
	}
	if err := s.client.sysctl("net.ipv4.ip_local_reserved_ports", "32768-60899"); err != nil {
		return err
	}
	at := s.server.at(6432)
	if err := s.server.cast("pooler", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("worker.no_port", 2)
	return s.client.cast("worker", &caller{Target: at, Rate: 20, Reply: 400, Pools: true})
}

func portsHeld(s *site) error {
	if err := s.quietKept(); err != nil {
		return err
	}
	if err := s.client.sysctl("net.ipv4.ip_local_port_range", "42000 42059"); err != nil {
		return err
	}
	at := s.server.at(5222)
	if err := s.server.cast("chat", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("gateway.no_port", 2)
	return s.client.cast("gateway", &caller{Target: at, Keep: 90, Pause: 2, Reply: 100, Pools: true})
}
