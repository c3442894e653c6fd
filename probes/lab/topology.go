//go:build linux

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// site is the network that a scenario's plan builds. It lives in the director,
// and only its main goroutine, which owns the main thread, works on it.
type site struct {
	scenario Scenario
	home     netns.NsHandle
	outside  netns.NsHandle // the machine's own
	client   *host
	router   *host
	server   *host
	casting  sync.Mutex // guards cast against those who ask for it beside the main goroutine
	cast     map[string]*player
	rules    map[string]ruleRef
	signs    []sign
	subnet   byte // second octet of this site's addresses, 10.subnet.0.0/16
	habits   habits
	ends     []linkEnd         // of the hosts' links
	quotas   map[string]string // control group by player
	groups   map[string]string // control group in which a player starts
	undo     []func()          // what does not go with the namespaces, last first
}

// host is one network namespace.
type host struct {
	site *site
	name string
	ns   netns.NsHandle
	link *netlink.Handle
	addr netip.Addr // the address that others use for it
	addr6,
	via, via6 netip.Addr // the router's addresses on the host's first link
	dev     string // its first interface
	congctl string // of its routes; "" where the namespace's default is right
}

// linkEnd is an interface of a host.
type linkEnd struct {
	h   *host
	dev string
}

// do runs f with the main thread inside the host's network namespace. The
// director ends when the thread cannot come back: nothing may run astray.
func (h *host) do(f func() error) error {
	if err := netns.Set(h.ns); err != nil {
		return fmt.Errorf("entering %s: %w", h.name, err)
	}
	defer func() {
		if err := netns.Set(h.site.home); err != nil {
			panic(fmt.Sprintf("lab: leaving %s: %v", h.name, err))
		}
	}()
	return f()
}

// newHost makes a host with nothing but a loopback interface.
func (s *site) newHost(name string) (*host, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, fmt.Errorf("making the namespace of %s: %w", name, err)
	}
	if err := netns.Set(s.home); err != nil {
		panic(fmt.Sprintf("lab: leaving the new namespace: %v", err))
	}
	handle, err := netlink.NewHandleAt(ns)
	if err != nil {
		return nil, fmt.Errorf("netlink in %s: %w", name, err)
	}
	h := &host{site: s, name: name, ns: ns, link: handle}
	if err := h.up("lo"); err != nil {
		return nil, err
	}
	if err := h.sends(s.habits.congestion); err != nil {
		return nil, err
	}
	return h, h.sysctls(
		"net.ipv4.conf.all.rp_filter", "0", "net.ipv4.conf.default.rp_filter", "0",
		"net.ipv6.conf.all.accept_dad", "0", "net.ipv6.conf.default.accept_dad", "0",
	)
}

// sysctl sets one net.* key in the host's namespace.
func (h *host) sysctl(key, value string) error {
	return h.do(func() error {
		path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("%s: setting %s: %w", h.name, key, err)
		}
		return nil
	})
}

// sysctls sets pairs of key and value.
func (h *host) sysctls(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := h.sysctl(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// standard builds client -- router -- server with IPv4 and IPv6.
func (s *site) standard() error {
	return s.build(func() error { return s.join(s.client, s.clientDev(), 1) },
		func() error { return s.join(s.server, s.serverDev(), 2) })
}

// build makes the three hosts, lets links join them and turns forwarding on. The
// second of two faults works on the hosts of the first.
func (s *site) build(links ...func() error) error {
	if s.server != nil {
		return nil
	}
	for _, h := range []struct {
		to   **host
		name string
	}{{&s.client, "client"}, {&s.router, "router"}, {&s.server, "server"}} {
		made, err := s.newHost(h.name)
		if err != nil {
			return err
		}
		*h.to = made
	}
	if err := s.router.sysctls("net.ipv4.ip_forward", "1", "net.ipv6.conf.all.forwarding", "1"); err != nil {
		return err
	}
	for _, link := range links {
		if err := link(); err != nil {
			return err
		}
	}
	return nil
}

// Interface names vary from site to site as they do in the field.
func (s *site) clientDev() string { return []string{"eth0", "ens3", "enp1s0"}[s.subnet%3] }
func (s *site) serverDev() string { return []string{"ens5", "eth0", "eno1", "enp4s0"}[s.subnet%4] }

// ip is an IPv4 address of this site, 10.subnet.net.n.
func (s *site) ip(net, n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, s.subnet, net, n}) }

// ip6 is an IPv6 address of this site, fd00:subnet:net::n.
func (s *site) ip6(net, n byte) netip.Addr {
	a := [16]byte{0: 0xfd, 3: s.subnet, 5: net, 15: n}
	return netip.AddrFrom16(a)
}

// lan is the IPv4 /24 with that third octet.
func (s *site) lan(net byte) netip.Prefix { return netip.PrefixFrom(s.ip(net, 0), 24) }

// join links h to the router by a pair of veth devices: h gets .2 of the lan,
// the router .1; the first link becomes h's default route.
func (s *site) join(h *host, dev string, lan byte) error {
	far := "to-" + h.name
	if h.dev != "" {
		far = fmt.Sprintf("to-%s%d", h.name, lan)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = dev
	veth := netlink.NewVeth(attrs)
	veth.PeerName = far
	veth.PeerNamespace = netlink.NsFd(int(s.router.ns))
	if err := h.link.LinkAdd(veth); err != nil {
		return fmt.Errorf("linking %s to the router: %w", h.name, err)
	}
	return s.address(h, dev, far, lan)
}

// address configures both ends of a link that exists.
func (s *site) address(h *host, dev, far string, lan byte) error {
	for _, end := range []struct {
		h   *host
		dev string
		n   byte
	}{{h, dev, 2}, {s.router, far, 1}} {
		s.ends = append(s.ends, linkEnd{end.h, end.dev})
		if err := end.h.cuts(end.dev, s.habits.segments); err != nil {
			return err
		}
		if err := end.h.up(end.dev); err != nil {
			return err
		}
		if err := end.h.address(end.dev, netip.PrefixFrom(s.ip(lan, end.n), 24)); err != nil {
			return err
		}
		if err := end.h.address(end.dev, netip.PrefixFrom(s.ip6(lan, end.n), 64)); err != nil {
			return err
		}
	}
	if h.dev != "" {
		return nil
	}
	h.dev, h.addr, h.addr6 = dev, s.ip(lan, 2), s.ip6(lan, 2)
	h.via, h.via6 = s.ip(lan, 1), s.ip6(lan, 1)
	return h.defaultRoutes()
}

func (h *host) up(dev string) error {
	return h.change(dev, "bringing up", h.link.LinkSetUp)
}

func (h *host) mtu(dev string, mtu int) error {
	return h.change(dev, "setting the MTU of", func(l netlink.Link) error { return h.link.LinkSetMTU(l, mtu) })
}

// change applies f to the interface named dev.
func (h *host) change(dev, doing string, f func(netlink.Link) error) error {
	l, err := h.link.LinkByName(dev)
	if err == nil {
		err = f(l)
	}
	if err != nil {
		return fmt.Errorf("%s: %s %s: %w", h.name, doing, dev, err)
	}
	return nil
}

func (h *host) address(dev string, p netip.Prefix) error {
	return h.change(dev, "adding "+p.String()+" to", func(l netlink.Link) error {
		addr := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		return h.link.AddrAdd(l, addr)
	})
}

// route sends traffic for p to the next hop via.
func (h *host) route(p netip.Prefix, via netip.Addr) error {
	return h.addRoute(&netlink.Route{Dst: ipNet(p), Gw: via.AsSlice()})
}

// routeType installs a route that delivers nothing: unix.RTN_BLACKHOLE,
// RTN_UNREACHABLE or RTN_PROHIBIT.
func (h *host) routeType(p netip.Prefix, kind int) error {
	return h.addRoute(&netlink.Route{Dst: ipNet(p), Type: kind})
}

func (h *host) addRoute(r *netlink.Route) error {
	if r.Gw != nil {
		r.Congctl = h.congctl
	}
	if err := h.link.RouteReplace(r); err != nil {
		return fmt.Errorf("%s: adding route to %v: %w", h.name, r.Dst, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// at is the host's IPv4 endpoint for a port, at6 its IPv6 endpoint.
func (h *host) at(port uint16) string  { return netip.AddrPortFrom(h.addr, port).String() }
func (h *host) at6(port uint16) string { return netip.AddrPortFrom(h.addr6, port).String() }

// ordinary is the traffic that works on every bench beside the fault: a small
// web service, and clients of it.
func (s *site) ordinary() error {
	if s.cast["web"] != nil {
		return nil
	}
	port := 8000 + uint16(s.subnet)
	if err := s.server.cast("web", &service{Addr: s.server.at(port)}); err != nil {
		return err
	}
	if err := s.client.cast("browser", &caller{Target: s.server.at(port), Rate: 12, Body: 200, Reply: 9000}); err != nil {
		return err
	}
	s.grows("browser.ok", 6)
	return nil
}

// ordinaryKept is ordinary traffic over connections that stay.
func (s *site) ordinaryKept() error {
	port := 8000 + uint16(s.subnet)
	if err := s.server.cast("web", &service{Addr: s.server.at(port)}); err != nil {
		return err
	}
	s.grows("browser.ok", 6)
	return s.client.cast("browser", &caller{Target: s.server.at(port), Keep: 6, Pause: 0.5, Body: 200, Reply: 9000})
}

// farServer builds the three hosts with a wire of that character, both ways,
// between router and server, and their ordinary traffic.
func (s *site) farServer(w way) error {
	return s.far(wire{Up: w, Down: w}, false)
}

// far builds the three hosts with a wire between the router and the client or
// the server, and their ordinary traffic.
func (s *site) far(w wire, client bool) error {
	toClient := func() error { return s.join(s.client, s.clientDev(), 1) }
	toServer := func() error { return s.join(s.server, s.serverDev(), 2) }
	if client {
		toClient = func() error { return s.wired(s.client, s.clientDev(), 1, w) }
	} else {
		toServer = func() error { return s.wired(s.server, s.serverDev(), 2, w) }
	}
	if err := s.build(toClient, toServer); err != nil {
		return err
	}
	return s.ordinary()
}

// dropRoute removes the route for p.
func (h *host) dropRoute(p netip.Prefix) error {
	if err := h.link.RouteDel(&netlink.Route{Dst: ipNet(p)}); err != nil {
		return fmt.Errorf("%s: removing route to %s: %w", h.name, p, err)
	}
	return nil
}
