//go:build linux

package lab

import (
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

var linkFaults = []Scenario{
	{
		Name: "link-down", Cause: "link.down", sick: "server",
		About: "the link to the storage network has no carrier; seen from the host that needs it",
		plan:  linkDown,
	},
	{
		Name: "link-off", Cause: "link.down", sick: "client",
		Also:  []string{"ip.no-route"}, // its default route went with the link
		About: "somebody switched off a host's only interface (ip link set down); seen from that host",
		plan:  linkOff,
	},
	{
		Name: "link-down-router", Cause: "link.down", sick: "router",
		About: "a router's link to a server has no carrier; seen from the router, which only forwards",
		plan: func(s *site) error {
			if err := s.storage("san0"); err != nil {
				return err
			}
			s.signs = nil
			s.grows("browser.failed", 3)
			return s.server.change(s.server.dev, "switching off", s.server.link.LinkSetDown)
		},
	},
	{
		Name: "link-flap", Cause: "link.flap", sick: "server",
		About: "the link to the storage network goes down and up; seen from the host that needs it",
		plan:  linkFlap,
	},
	{
		Name: "link-flap-only", Cause: "link.flap", sick: "client",
		About: "a client's only link is away for a third of a second every three seconds; seen from the client",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			s.signs = nil
			s.grows("browser.ok", 4)
			s.grows("browser.slow", 0.2)
			return s.router.flap("to-client", 350*time.Millisecond, 2700*time.Millisecond)
		},
	},
	{
		Name: "link-flap-router", Cause: "link.flap", sick: "router",
		About: "a router's link to a server goes down and up; seen from the router, which only forwards",
		plan: func(s *site) error {
			if err := s.quietKept(); err != nil {
				return err
			}
			s.signs = nil
			s.grows("browser.ok", 1)
			s.grows("kernel:client:Tcp.RetransSegs", 0.5)
			return s.router.flap("to-server", 600*time.Millisecond, 2*time.Second)
		},
	},
	{
		Name: "link-flap-restarts", Cause: "link.flap", sick: "client",
		About: "a program sets a client's interface down and up and its default route again; seen from the client",
		plan: func(s *site) error {
			if err := s.quiet(); err != nil {
				return err
			}
			s.signs = nil
			s.grows("browser.ok", 3)
			s.grows("browser.failed", 1)
			way := &netlink.Route{Dst: ipNet(netip.MustParsePrefix("0.0.0.0/0")), Gw: s.client.via.AsSlice()}
			return s.client.flap(s.client.dev, 500*time.Millisecond, 1700*time.Millisecond, way)
		},
	},
	{
		Name: "mtu-mismatch-small", Cause: "link.mtu-mismatch", sick: "server",
		About: "the other end of a server's link takes 1400 bytes, the server sends 1500; seen from the server",
		plan:  mtuSmall,
	},
	{
		Name: "mtu-mismatch", Cause: "link.mtu-mismatch", sick: "server",
		About: "a server sends jumbo frames on a link whose other end takes 1500 bytes; seen from the server",
		plan:  mtuMismatch,
	},
}

// storage gives the server a second link, behind which the router plays the
// storage; a program on the server uses it.
func (s *site) storage(dev string) error {
	err := s.build(
		func() error { return s.join(s.client, s.clientDev(), 1) },
		func() error { return s.join(s.server, s.serverDev(), 2) },
		func() error { return s.join(s.server, dev, 3) },
	)
	if err != nil {
		return err
	}
	if err := s.ordinary(); err != nil {
		return err
	}
	at := netip.AddrPortFrom(s.ip(3, 1), 3260).String()
	if err := s.router.cast("iscsi-target", &service{Addr: at}); err != nil {
		return err
	}
	return s.server.cast("volume-mgr", &caller{Target: at, Rate: 6, Reply: 3000, Timeout: 1.5})
}

func linkDown(s *site) error {
	if err := s.storage("san0"); err != nil {
		return err
	}
	s.grows("volume-mgr.failed", 2)
	return s.router.change("to-server3", "taking down", s.router.link.LinkSetDown)
}

func linkOff(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	time.Sleep(time.Second) // in which the link is used
	s.signs = nil
	s.grows("browser.failed", 3)
	return s.client.change(s.client.dev, "switching off", s.client.link.LinkSetDown)
}

func linkFlap(s *site) error {
	if err := s.storage("eth7"); err != nil {
		return err
	}
	s.grows("volume-mgr.slow", 0.3)
	return s.router.flap("to-server3", 700*time.Millisecond, 1100*time.Millisecond)
}

// flap sets an interface of the host down and up for good; the routes are those
// that go with the link and have to be set again.
func (h *host) flap(dev string, down, up time.Duration, routes ...*netlink.Route) error {
	handle, err := netlink.NewHandleAt(h.ns) // the goroutine's own: a handle serves one
	if err != nil {
		return err
	}
	l, err := handle.LinkByName(dev)
	if err != nil {
		return err
	}
	go func() {
		for {
			time.Sleep(up)
			_ = handle.LinkSetDown(l)
			time.Sleep(down)
			_ = handle.LinkSetUp(l)
			for _, r := range routes {
				_ = handle.RouteReplace(r)
			}
		}
	}()
	return nil
}

// mtuMismatch lets client and server offer each other segments for 9000 bytes;
// the router's end of the server's link takes 1500 and drops larger frames
// without a word, as a switch does.
func mtuMismatch(s *site) error {
	if err := s.segmented(); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.mtu(s.server.dev, 9000); err != nil {
		return err
	}
	if err := s.client.mtu(s.client.dev, 9000); err != nil {
		return err
	}
	if err := s.router.mtu("to-client", 9000); err != nil {
		return err
	}
	s.signs = nil // the ordinary answers are large, too
	at := s.server.at(3268)
	if err := s.server.cast("directory", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("lookups", &caller{Target: at, Rate: 6, Reply: 500}); err != nil {
		return err
	}
	s.grows("lookups.ok", 3)
	s.grows("listings.timeout", 2)
	return s.client.cast("listings", &caller{Target: at, Rate: 7, Reply: 40000, Timeout: 2})
}

// mtuSmall makes the router's end of the server's link smaller than the
// server's; connections that stay open send small and large answers.
func mtuSmall(s *site) error {
	if err := s.segmented(); err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.router.mtu("to-server", 1400); err != nil {
		return err
	}
	s.signs = nil // the ordinary answers are large, too
	at := s.server.at(8091)
	if err := s.server.cast("buckets", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.client.cast("status", &caller{Target: at, Keep: 5, Pause: 0.5, Reply: 300}); err != nil {
		return err
	}
	s.grows("status.ok", 3)
	s.grows("reports.timeout", 1)
	return s.client.cast("reports", &caller{Target: at, Keep: 8, Pause: 0.5, Reply: 25000, Timeout: 3})
}
