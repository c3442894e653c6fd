package counters

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// router is a network namespace that forwards between a neighbour, in a
// namespace of its own, and a network in which a host is known but deaf. The
// test's thread stays inside; it is thrown away with the test.
type router struct {
	neighbour int // a UDP socket in the neighbour's namespace
	own       int // a UDP socket of the router
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRouter(t *testing.T) *router {
	runtime.LockOSThread()
	outside, err := netns.New()
	if err != nil {
		t.Skip("making a network namespace takes CAP_SYS_ADMIN: ", err)
	}
	t.Cleanup(func() { outside.Close() })
	inside, err := netns.New()
	must(t, err)
	t.Cleanup(func() { inside.Close() })
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "in"}, PeerName: "out", PeerNamespace: netlink.NsFd(outside)}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Skip("no veth devices here: ", err)
	}
	up(t, "lo", "")
	up(t, "in", "10.1.0.1/24")
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "behind"}, PeerName: "nobody"}))
	up(t, "nobody", "")
	up(t, "behind", "10.2.0.1/24")
	must(t, netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: link(t, "behind").Attrs().Index, State: netlink.NUD_PERMANENT,
		IP: net.IPv4(10, 2, 0, 9), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9},
	}))
	must(t, netlink.LinkSetMTU(link(t, "lo"), 1500))
	must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	r := &router{own: udp(t)}
	must(t, netns.Set(outside))
	up(t, "out", "10.1.0.2/24")
	must(t, netlink.RouteAdd(&netlink.Route{Gw: net.IPv4(10, 1, 0, 1)}))
	r.neighbour = udp(t)
	must(t, netns.Set(inside))
	send(t, r.neighbour, "10.2.0.9", 1, 10) // resolve the neighbours
	send(t, r.neighbour, "10.1.0.1", 1, 10)
	return r
}

func link(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

func up(t *testing.T, name, address string) {
	t.Helper()
	if address != "" {
		a, err := netlink.ParseAddr(address)
		must(t, err)
		must(t, netlink.AddrAdd(link(t, name), a))
	}
	must(t, netlink.LinkSetUp(link(t, name)))
}

func udp(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	// Datagrams larger than the link are to be fragmented.
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT))
	return fd
}

// send sends datagrams and waits until they have gone their way. A hook's
// refusal to send is no failure.
func send(t *testing.T, fd int, to string, n, size int) {
	t.Helper()
	addr := &unix.SockaddrInet4{Port: 9, Addr: [4]byte(net.ParseIP(to).To4())}
	for range n {
		if err := unix.Sendto(fd, make([]byte, size), 0, addr); err != nil && err != unix.EPERM && err != unix.ECONNREFUSED {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
}

// drop makes a rule that drops all UDP at a hook, and returns what takes it away.
func drop(t *testing.T, hook *nftables.ChainHook) (undo func()) {
	t.Helper()
	if hook == nil {
		return func() {}
	}
	c, err := nftables.New()
	must(t, err)
	table := c.AddTable(&nftables.Table{Name: "t", Family: nftables.TableFamilyIPv4})
	chain := c.AddChain(&nftables.Chain{Name: "c", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		t.Skip("no nftables here: ", err)
	}
	return func() {
		c.DelTable(table)
		must(t, c.Flush())
	}
}

// The books against the running kernel: rules that drop are counted to the
// packet, and nothing else is.
func TestVanishedOnThisKernel(t *testing.T) {
	r := newRouter(t)
	src := New()
	vanished := func(t *testing.T, traffic func()) (rx, tx float64, hasTx bool) {
		t.Helper()
		first, err := src.Look(t.Context())
		must(t, err)
		traffic()
		last, err := src.Look(t.Context())
		must(t, err)
		f := factsOf(first.(*Reading), last.(*Reading))
		rx, ok := f.Num("ip.rx_vanished")
		if !ok {
			t.Fatal("no balance")
		}
		tx, hasTx = f.Num("ip.tx_vanished")
		return rx, tx, hasTx
	}
	local := func() { send(t, r.neighbour, "10.1.0.1", 20, 100) }
	forward := func() { send(t, r.neighbour, "10.2.0.9", 20, 100) }
	out := func() { send(t, r.own, "10.2.0.9", 20, 100) }
	for _, c := range []struct {
		what    string
		hook    *nftables.ChainHook
		traffic func()
		rx, tx  float64
		either  bool // older kernels count ForwDatagrams after the hook
	}{
		{what: "UDP in", traffic: local},
		{what: "UDP forwarded", traffic: forward},
		{what: "UDP out", traffic: out},
		{what: "fragments in", traffic: func() { send(t, r.neighbour, "10.1.0.1", 20, 5000) }},
		{what: "fragments forwarded", traffic: func() { send(t, r.neighbour, "10.2.0.9", 20, 5000) }},
		{what: "fragments on loopback", traffic: func() { send(t, r.own, "127.0.0.1", 20, 20000) }},
		{what: "no route", traffic: func() { send(t, r.neighbour, "10.77.0.1", 20, 100) }},
		{what: "TCP bulk on loopback", traffic: func() { bulk(t) }},
		{what: "dropped at PREROUTING", hook: nftables.ChainHookPrerouting, traffic: forward, rx: 20},
		{what: "dropped at INPUT", hook: nftables.ChainHookInput, traffic: local, rx: 20},
		{what: "dropped at FORWARD", hook: nftables.ChainHookForward, traffic: forward, tx: 20, either: true},
		{what: "dropped at OUTPUT", hook: nftables.ChainHookOutput, traffic: out, tx: 20},
		{what: "dropped at POSTROUTING", hook: nftables.ChainHookPostrouting, traffic: out, tx: 20},
	} {
		// No t.Run: a subtest has a thread of its own, outside the namespace.
		undo := drop(t, c.hook)
		rx, tx, hasTx := vanished(t, c.traffic)
		undo()
		if c.either && rx == c.tx && tx == 0 {
			c.rx, c.tx = rx, 0
		}
		if rx != c.rx || hasTx && tx != c.tx {
			t.Errorf("%s: vanished %v received, %v sent (known: %v); want %v and %v", c.what, rx, tx, hasTx, c.rx, c.tx)
		}
	}
}

// bulk moves 64 MB over a TCP connection of the namespace.
func bulk(t *testing.T) {
	t.Helper()
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(l)
	must(t, unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, unix.Listen(l, 1))
	at, err := unix.Getsockname(l)
	must(t, err)
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(c)
	must(t, unix.Connect(c, at))
	s, _, err := unix.Accept(l)
	must(t, err)
	defer unix.Close(s)
	go func() {
		b := make([]byte, 1<<20)
		for range 64 {
			if _, err := unix.Write(c, b); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 1<<20)
	for left := 64 << 20; left > 0; {
		n, err := unix.Read(s, b)
		if err != nil || n == 0 {
			t.Fatal("the connection ended early: ", err)
		}
		left -= n
	}
	time.Sleep(50 * time.Millisecond)
}
