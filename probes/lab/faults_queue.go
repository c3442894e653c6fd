//go:build linux

package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

var queueFaults = []Scenario{
	{
		Name: "shaper", Cause: "qdisc.shaper", sick: "server",
		About: "a token bucket on a server is below what its downloads need; seen from that server",
		plan: func(s *site) error {
			return s.queued(s.tbf(6e6, 20<<10), &stream{Conns: 6, Down: true, ReadRate: 400e3})
		},
	},
	{
		Name: "shaper-class", Cause: "qdisc.shaper", sick: "server",
		About: "an HTB class on a server is below what its downloads need; seen from that server",
		plan:  func(s *site) error { return s.queued(s.htb(4e6, 24), &stream{Conns: 5, Down: true, ReadRate: 500e3}) },
	},
	{
		Name: "shaper-bursts", Cause: "qdisc.shaper", sick: "server",
		About: "answers larger than a slow token bucket's queue, a few a second: drops again and again, though the mean is below the rate",
		plan:  shaperBursts,
	},
	{
		Name: "shaper-offload", Cause: "qdisc.shaper", sick: "server",
		About: "a token bucket below the demand on an interface with segmentation offload; seen from that server",
		plan: func(s *site) error {
			return s.queued(s.offloaded(s.tbf(8e6, 30<<10)), &stream{Conns: 5, Down: true, ReadRate: 500e3})
		},
	},
	{
		Name: "shaper-standing", Cause: "qdisc.shaper", sick: "server",
		About: "a token bucket with a long queue on a server that sends with BBR: never empty, always at its rate, and hardly a drop",
		plan: func(s *site) error {
			return s.queued(s.withBBR(s.tbf(8e6, 400<<10)), &stream{Conns: 4, Down: true, ReadRate: 600e3})
		},
	},
	{
		Name: "shaper-router", Cause: "qdisc.shaper", sick: "router",
		About: "a token bucket on a router is below what passes it; seen from the router",
		plan:  func(s *site) error { return s.routerQueue(5e6, 25<<10) },
	},
	{
		Name: "queue-overflow-class", Cause: "qdisc.overflow", sick: "server",
		About: "a fast HTB class with a queue of two packets drops in bursts; seen from the sender",
		plan:  func(s *site) error { return s.bursts(s.htb(100e6, 2), &caller{Rate: 20, Burst: 20, Reply: 50000}) },
	},
	{
		Name: "queue-overflow", Cause: "qdisc.overflow", sick: "server",
		About: "a queue of six packets overflows on bursts, though the rate would do; seen from the sender",
		plan:  queueOverflow,
	},
	{
		Name: "queue-overflow-router", Cause: "qdisc.overflow", sick: "router",
		About: "a router's queue of eight packets overflows on bursts towards a client; seen from the router",
		plan: func(s *site) error {
			return s.bursts(func() error { return s.router.shortQueue("to-client", 80e6, 8) }, &caller{Rate: 12, Burst: 12, Reply: 18000})
		},
	},
	{
		Name: "queue-overflow-upload", Cause: "qdisc.overflow", sick: "client",
		About: "a queue of five packets overflows when a client sends several reports at once; seen from the client",
		plan: func(s *site) error {
			if err := s.bursts(func() error { return s.client.shortQueue(s.client.dev, 60e6, 5) }, &caller{Rate: 8, Burst: 16, Body: 12000, Reply: 200}); err != nil {
				return err
			}
			s.signs = nil // the client sends again, not the server
			s.grows("analytics.ok", 2)
			s.grows("kernel:client:Tcp.RetransSegs", 1)
			return nil
		},
	},
}

// queued has downloads through a queueing discipline on the server.
func (s *site) queued(qdisc func() error, readers *stream) error {
	if err := s.quiet(); err != nil {
		return err
	}
	s.signs = nil // the ordinary traffic shares the queue and suffers
	at := s.server.at(8444)
	if err := s.server.cast("downloads", &service{Addr: at, SendRate: readers.ReadRate}); err != nil {
		return err
	}
	if err := qdisc(); err != nil {
		return err
	}
	readers.Target = at
	wanted := readers.ReadRate * float64(readers.Conns)
	s.grows("mirror.bytes", wanted/50)
	s.stays("mirror.bytes", wanted*0.7)
	return s.client.cast("mirror", readers)
}

// tbf shapes the server's interface to rate bits a second with a queue of limit
// bytes behind a bucket of 3000 bytes.
func (s *site) tbf(rate, limit int) func() error {
	return func() error {
		return s.server.change(s.server.dev, "shaping", func(l netlink.Link) error {
			return s.server.link.QdiscAdd(newTBF(l, uint64(rate)/8, 3028, uint32(limit)))
		})
	}
}

// withBBR has the server send with BBR, then sets the queue.
func (s *site) withBBR(qdisc func() error) func() error {
	return func() error {
		if err := s.sends("bbr"); err != nil {
			return err
		}
		return qdisc()
	}
}

// newTBF makes a root token bucket: rate in bytes a second, bucket and limit in
// bytes.
func newTBF(l netlink.Link, rate uint64, bucket, limit uint32) *netlink.Tbf {
	return &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       rate, Limit: limit,
		Buffer: netlink.Xmittime(rate, bucket),
	}
}

// htb shapes the server's interface to one class of rate bits a second, whose
// queue is the default one with as many packets as the interface's txqueuelen.
func (s *site) htb(rate, queue int) func() error {
	return func() error {
		return s.server.change(s.server.dev, "shaping", func(l netlink.Link) error {
			return addHTB(s.server, l, uint64(rate), queue)
		})
	}
}

func addHTB(h *host, l netlink.Link, rate uint64, queue int) error {
	if err := h.link.LinkSetTxQLen(l, queue); err != nil {
		return err
	}
	root := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT})
	root.Defcls = 10
	if err := h.link.QdiscAdd(root); err != nil {
		return fmt.Errorf("htb: %w", err)
	}
	class := netlink.NewHtbClass(
		netlink.ClassAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(1, 10), Parent: netlink.MakeHandle(1, 0)},
		netlink.HtbClassAttrs{Rate: rate, Ceil: rate, Buffer: 3200, Cbuffer: 3200})
	return h.link.ClassAdd(class)
}

// offloaded lets the server hand large segments to its queue, as most hosts do.
func (s *site) offloaded(qdisc func() error) func() error {
	return func() error {
		if err := s.server.cuts(s.server.dev, byLinkBoth); err != nil {
			return err
		}
		return qdisc()
	}
}

// shaperBursts has answers of 60 kB, three a second, which a bucket of 8 Mbit/s
// carries on average and its queue of 25 ms cannot hold.
func shaperBursts(s *site) error {
	return s.bursts(s.tbf(8e6, 24<<10), &caller{Rate: 3, Reply: 60000, Timeout: 5})
}

// routerQueue shapes what the router sends to the client.
func (s *site) routerQueue(rate, limit int) error {
	readers := &stream{Conns: 4, Down: true, ReadRate: 400e3}
	return s.queued(func() error {
		return s.router.change("to-client", "shaping", func(l netlink.Link) error {
			return s.router.link.QdiscAdd(newTBF(l, uint64(rate)/8, 3028, uint32(limit)))
		})
	}, readers)
}

// queueOverflow puts a short pfifo under a token bucket that is as fast as a
// slow link: the average demand is a tenth of it, bursts do not fit the queue.
func queueOverflow(s *site) error {
	return s.bursts(func() error { return s.server.shortQueue(s.server.dev, 100e6, 6) }, &caller{Rate: 20, Burst: 20, Reply: 14000})
}

// shortQueue puts a pfifo of so many packets under a token bucket of rate bits a
// second on an interface of the host.
func (h *host) shortQueue(dev string, rate uint64, packets int) error {
	return h.change(dev, "queueing on", func(l netlink.Link) error {
		if err := h.link.LinkSetTxQLen(l, packets); err != nil {
			return err
		}
		if err := h.link.QdiscAdd(newTBF(l, rate/8, 1600, 3000)); err != nil {
			return err
		}
		return h.link.QdiscReplace(&netlink.GenericQdisc{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(2, 0), Parent: netlink.MakeHandle(1, 1)},
			QdiscType:  "pfifo",
		})
	})
}

// bursts has requests whose answers meet a queue on the server in bursts.
func (s *site) bursts(qdisc func() error, requests *caller) error {
	if err := s.quiet(); err != nil {
		return err
	}
	s.signs = nil // the ordinary traffic shares the queue and suffers
	if err := qdisc(); err != nil {
		return err
	}
	requests.Target = s.server.at(9000)
	if err := s.server.cast("object-store", &service{Addr: requests.Target}); err != nil {
		return err
	}
	s.grows("analytics.ok", requests.Rate/4)
	s.grows("kernel:server:Tcp.RetransSegs", 1) // of a burst's end the receiver sees no hole
	return s.client.cast("analytics", requests)
}
