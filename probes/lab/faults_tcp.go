//go:build linux

package lab

var tcpFaults = []Scenario{
	{
		Name: "port-closed", Cause: "tcp.port-closed", sick: "server",
		About: "clients connect to a port on which nothing listens; seen from the host that answers with resets",
		plan:  func(s *site) error { return s.closedPort(9200) },
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
}

func (s *site) closedPort(port uint16) error {
	if err := s.quiet(); err != nil {
		return err
	}
	s.grows("indexer.refused", 5)
	return s.client.cast("indexer", &caller{Target: s.server.at(port), Rate: 12})
}

func portExhaustion(s *site) error {
	if err := s.standard(); err != nil {
		return err
	}
	if err := s.ordinaryKept(); err != nil {
		return err
	}
	if err := s.client.sysctl("net.ipv4.ip_local_port_range", "42000 42059"); err != nil {
		return err
	}
	at := s.server.at(3306)
	if err := s.server.cast("database", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("batch-job", &caller{Target: at, Rate: 20, Reply: 400}); err != nil {
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
