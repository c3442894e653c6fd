//go:build linux

package lab

import "fmt"

var wireFaults = []Scenario{
	{
		Name: "congestion", Cause: "path.congestion", sick: "server", Needs: "tun",
		About: "a slow link with a deep queue on the path is full: loss with a rising round-trip time; seen from the sender",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.01}, Down: way{Delay: 0.01, Rate: 800e3, Queue: 90}},
				"wire.down_queue_drops", 8190, &stream{Conns: 6, Down: true, ReadRate: 400e3})
		},
	},
	{
		Name: "congestion-upload", Cause: "path.congestion", sick: "server", Needs: "tun",
		About: "uploads fill the queue of a slow link on the path; seen from the receiver",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.02, Rate: 500e3, Queue: 60}, Down: way{Delay: 0.02}},
				"wire.up_queue_drops", 2222, &stream{Conns: 5, Rate: 250e3})
		},
	},
	{
		Name: "burst-drops", Cause: "path.burst-drops", sick: "server", Needs: "tun",
		About: "a shallow queue on the path overflows in bursts, though the link is mostly idle; seen from the sender",
		plan:  burstDrops,
	},
	{
		Name: "reordering", Cause: "path.reordering", sick: "server", Needs: "tun",
		About: "the path delivers one packet in forty late; seen from the sender",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.008}, Down: way{Delay: 0.008, Late: 0.025, LateBy: 0.012}},
				"wire.down_late", 8200, &stream{Conns: 3, Down: true, ReadRate: 500e3})
		},
	},
	{
		Name: "reordering-upload", Cause: "path.reordering", sick: "server", Needs: "tun",
		About:  "the path delivers one packet in thirty late; seen from the receiver",
		Unseen: "a receiver sees holes either way; only the time until they fill would tell",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.012, Late: 0.033, LateBy: 0.02}, Down: way{Delay: 0.012}},
				"wire.up_late", 9418, &stream{Conns: 3, Rate: 350e3})
		},
	},
	{
		Name: "duplication", Cause: "path.duplication", sick: "server", Needs: "tun",
		About: "the path delivers one packet in twenty twice; seen from the sender",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.005}, Down: way{Delay: 0.005, Repeat: 0.05}},
				"wire.down_repeated", 8333, &stream{Conns: 3, Down: true, ReadRate: 300e3})
		},
	},
	{
		Name: "duplication-upload", Cause: "path.duplication", sick: "server", Needs: "tun",
		About: "the path delivers one packet in twelve twice; seen from the receiver",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.006, Repeat: 0.08}, Down: way{Delay: 0.006}},
				"wire.up_repeated", 4433, &stream{Conns: 2, Rate: 400e3})
		},
	},
	{
		Name: "corruption", Cause: "path.corruption", sick: "server", Needs: "tun",
		About: "segments are damaged on the path and arrive with bad checksums; seen from the receiver",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.004, Corrupt: 0.03}, Down: way{Delay: 0.004}},
				"wire.up_corrupted", 6514, &stream{Conns: 3, Rate: 250e3})
		},
	},
	{
		Name: "corruption-download", Cause: "path.corruption", sick: "client", Needs: "tun",
		About: "one in two hundred segments of downloads is damaged on a path of 40 ms; seen from the receiver",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.02}, Down: way{Delay: 0.02, Corrupt: 0.005}},
				"wire.down_corrupted", 8447, &stream{Conns: 4, Down: true, ReadRate: 300e3})
		},
	},
	{
		Name: "loss-long-path", Cause: "path.loss", sick: "server", Needs: "tun",
		About: "a path of 50 ms loses one percent of a server's downloads; seen from the sender",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.025}, Down: way{Delay: 0.025, Jitter: 0.002, Loss: 0.01}},
				"wire.down_lost", 8765, &stream{Conns: 8, Down: true, ReadRate: 150e3})
		},
	},
	{
		Name: "loss-bbr-receiver", Cause: "path.loss", sick: "client", Needs: "tun",
		About: "a path of 20 ms loses two percent of what a client downloads from a sender with BBR; seen from the receiver",
		plan: func(s *site) error {
			return s.bbrOverWire(wire{Up: way{Delay: 0.01}, Down: way{Delay: 0.01, Loss: 0.02}},
				"wire.down_lost", 8043, &stream{Conns: 2, Down: true, ReadRate: 700e3})
		},
	},
	{
		Name: "loss-half-percent", Cause: "path.loss", sick: "server", Needs: "tun",
		About: "a path of 16 ms loses one packet in two hundred; seen from a sender with BBR",
		plan: func(s *site) error {
			return s.bbrOverWire(wire{Up: way{Delay: 0.008}, Down: way{Delay: 0.008, Loss: 0.006}},
				"wire.down_lost", 8081, &stream{Conns: 3, Down: true, ReadRate: 600e3})
		},
	},
	{
		Name: "bursts-gilbert", Cause: "path.burst-drops", sick: "server", Needs: "tun",
		About: "a path that turns bad for some twenty packets now and then; seen from a sender with BBR",
		plan: func(s *site) error {
			return s.bbrOverWire(wire{Up: way{Delay: 0.007}, Down: way{Delay: 0.007, Bad: bad{Enter: 0.0015, Leave: 0.05, Loss: 1}}},
				"wire.down_burst_lost", 9042, &stream{Conns: 4, Down: true, ReadRate: 500e3})
		},
	},
	{
		Name: "bursts-periodic", Cause: "path.burst-drops", sick: "server", Needs: "tun",
		About: "twenty milliseconds of every seven tenths of a second are lost; seen from the sender",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.01}, Down: way{Delay: 0.01, Every: 0.7, Outage: 0.02}},
				"wire.down_outage_lost", 8530, &stream{Conns: 6, Down: true, ReadRate: 350e3})
		},
	},
	{
		Name: "congestion-ecn", Cause: "path.congestion", sick: "server", Needs: "tun",
		About: "a router on a full link marks instead of dropping; seen from the sender",
		plan: func(s *site) error {
			w := wire{Up: way{Delay: 0.01}, Down: way{Delay: 0.01, Rate: 900e3, Queue: 300, Mark: 15}}
			return s.overWire(w, "wire.down_marked", 8446, &stream{Conns: 4, Down: true, ReadRate: 600e3}, "net.ipv4.tcp_ecn", "1")
		},
	},
	{
		Name: "congestion-bbr-receiver", Cause: "path.congestion", sick: "client", Needs: "tun",
		About: "downloads of several senders with BBR fill the queue of a slow link; seen from the receiver",
		plan: func(s *site) error {
			return s.bbrOverWire(wire{Up: way{Delay: 0.01}, Down: way{Delay: 0.01, Rate: 800e3, Queue: 40}},
				"wire.down_queue_drops", 8084, &stream{Conns: 8, Down: true})
		},
	},
	{
		Name: "reordering-per-packet", Cause: "path.reordering", sick: "client", Needs: "tun",
		About: "a router spreads packets over two paths, one of them 4 ms longer; seen from the receiver",
		plan: func(s *site) error {
			return s.overWire(wire{Up: way{Delay: 0.015}, Down: way{Delay: 0.015, Late: 0.5, LateBy: 0.004}},
				"wire.down_late", 8988, &stream{Conns: 2, Down: true, ReadRate: 500e3})
		},
	},
	{
		Name: "reordering-jitter", Cause: "path.reordering", sick: "server", Needs: "tun",
		About: "jitter that lets packets overtake each other, both ways; seen from a sender with BBR",
		plan: func(s *site) error {
			w := way{Delay: 0.015, Jitter: 0.012, Overtake: true}
			return s.bbrOverWire(wire{Up: w, Down: w}, "wire.down_frames", 8009, &stream{Conns: 3, Down: true, ReadRate: 300e3})
		},
	},
}

// bbrOverWire is overWire with senders that use BBR, as many hosts do; it does
// not halve its window for a loss.
func (s *site) bbrOverWire(w wire, proof string, port uint16, bulk *stream) error {
	if err := s.sends("bbr"); err != nil {
		return err
	}
	return s.overWire(w, proof, port, bulk)
}

// overWire moves bulk data over a wire between client and router; its own count
// of what it did is the proof. settings are of both ends.
func (s *site) overWire(w wire, proof string, port uint16, bulk *stream, settings ...string) error {
	if err := s.far(w, true); err != nil {
		return err
	}
	for _, h := range []*host{s.client, s.server} {
		if err := h.sysctls(settings...); err != nil {
			return fmt.Errorf("%w: %w", ErrNeeds, err)
		}
	}
	s.signs = nil // ordinary traffic suffers too
	bulk.Target = s.server.at(port)
	if err := s.server.cast("media-store", &service{Addr: bulk.Target, SendRate: bulk.ReadRate}); err != nil {
		return err
	}
	bulk.ReadRate *= 2 // the sender sets the pace: after a repair the reader has to catch up
	s.grows("browser.ok", 2)
	s.grows("editor.bytes", 50e3)
	s.grows(proof, 2)
	return s.client.cast("editor", bulk)
}

func burstDrops(s *site) error {
	if err := s.far(wire{Up: way{Delay: 0.003}, Down: way{Delay: 0.003, Rate: 6e6, Queue: 14}}, true); err != nil {
		return err
	}
	s.signs = nil
	at := s.server.at(8983)
	if err := s.server.cast("search", &service{Addr: at}); err != nil {
		return err
	}
	// 16 answers of 40 kB at the same moment, at a thirtieth of the rate.
	s.grows("wire.down_queue_drops", 3)
	s.grows("aggregator.ok", 4)
	return s.client.cast("aggregator", &caller{Target: at, Rate: 8, Burst: 16, Reply: 24000, Timeout: 4})
}
