//go:build linux

package lab

import (
	"net/netip"
	"time"
)

var linkFaults = []Scenario{
	{
		Name: "link-down", Cause: "link.down", sick: "server",
		About: "the link to the storage network has no carrier; seen from the host that needs it",
		plan:  linkDown,
	},
	{
		Name: "link-flap", Cause: "link.flap", sick: "server",
		About: "the link to the storage network goes down and up; seen from the host that needs it",
		plan:  linkFlap,
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

func linkFlap(s *site) error {
	if err := s.storage("eth7"); err != nil {
		return err
	}
	s.grows("volume-mgr.slow", 0.3)
	l, err := s.router.link.LinkByName("to-server3")
	if err != nil {
		return err
	}
	go func() { // a netlink handle serves one goroutine; no plan uses this one any more
		for {
			time.Sleep(1100 * time.Millisecond)
			_ = s.router.link.LinkSetDown(l)
			time.Sleep(700 * time.Millisecond)
			_ = s.router.link.LinkSetUp(l)
		}
	}()
	return nil
}
