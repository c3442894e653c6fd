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
		Name: "queue-overflow", Cause: "qdisc.overflow", sick: "server",
		About: "a queue of six packets overflows on bursts, though the rate would do; seen from the sender",
		plan:  queueOverflow,
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

// queueOverflow puts a short pfifo under a token bucket that is as fast as a
// slow link: the average demand is a tenth of it, bursts do not fit the queue.
func queueOverflow(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	s.signs = nil
	err := s.server.change(s.server.dev, "queueing on", func(l netlink.Link) error {
		if err := s.server.link.LinkSetTxQLen(l, 6); err != nil {
			return err
		}
		if err := s.server.link.QdiscAdd(newTBF(l, 100e6/8, 1600, 3000)); err != nil {
			return err
		}
		return s.server.link.QdiscReplace(&netlink.GenericQdisc{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(2, 0), Parent: netlink.MakeHandle(1, 1)},
			QdiscType:  "pfifo",
		})
	})
	if err != nil {
		return err
	}
	at := s.server.at(9000)
	if err := s.server.cast("object-store", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("analytics.ok", 5)
	s.grows("kernel:client:TcpExt.TCPOFOQueue", 5) // the receiver sees the holes
	return s.client.cast("analytics", &caller{Target: at, Rate: 20, Burst: 20, Reply: 14000})
}
