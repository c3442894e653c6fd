//go:build linux

package lab

// softnetFaults have no softnet.budget: the packets of virtual links wait in the
// CPU's backlog, which is emptied after each packet that a sender hands over. A
// round of one packet makes them late and loses none; healthyRounds is that host.
var softnetFaults = []Scenario{
	{
		Name: "backlog-full", Cause: "softnet.backlog-full", sick: "router", Needs: "root",
		Settings: []string{"net.core.netdev_max_backlog"},
		About:    "the input backlog of each CPU holds four packets, and bursts of uploads arrive over a virtual link; seen from the router that receives them",
		plan: func(s *site) error {
			return s.backlog("4", &stream{Conns: 5, Rate: 600e3, Chunk: 60 << 10}, "kernel:server:TcpExt.TCPOFOQueue")
		},
	},
	{
		Name: "backlog-full-downloads", Cause: "softnet.backlog-full", sick: "router", Needs: "root",
		Settings: []string{"net.core.netdev_max_backlog"},
		About:    "the input backlog of each CPU holds three packets, and bursts of downloads pass a router; seen from the router",
		plan: func(s *site) error {
			return s.backlog("3", &stream{Conns: 5, Down: true, ReadRate: 600e3}, "kernel:client:TcpExt.TCPOFOQueue")
		},
	},
}

// backlog moves bulk data while the CPUs' input backlogs hold so many packets;
// the receiver of the data sees the holes.
func (s *site) backlog(packets string, bulk *stream, holes string) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.segmented(); err != nil {
		return err
	}
	s.signs = nil // the ordinary traffic shares the backlog and suffers
	bulk.Target = s.server.at(5044)
	if err := s.server.cast("collector", &service{Addr: bulk.Target, SendRate: bulk.ReadRate}); err != nil {
		return err
	}
	if err := s.client.cast("shipper", bulk); err != nil {
		return err
	}
	s.grows("shipper.bytes", 200e3)
	s.grows(holes, 5)
	return s.hostWide("net.core.netdev_max_backlog", packets)
}

// healthyRounds ends each softirq round after one packet: time_squeeze grows, and
// nothing is lost.
func healthyRounds(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	for _, key := range []string{"net.core.netdev_budget", "net.core.dev_weight"} {
		if err := s.hostWide(key, "1"); err != nil {
			return err
		}
	}
	at := s.server.at(5044)
	if err := s.server.cast("collector", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("shipper", &stream{Target: at, Conns: 12, Rate: 600e3, Chunk: 60 << 10}); err != nil {
		return err
	}
	s.grows("shipper.bytes", 4e6)
	return s.usual(8070)
}
