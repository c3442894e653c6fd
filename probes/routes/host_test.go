package routes

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

// hosts are two hosts on one cable: the test's thread is on the first, which has
// 10.9.0.1/24 on va; the other has 10.9.0.2/24.
type hosts struct{ here, there netns.NsHandle }

func twoHosts(t *testing.T) *hosts {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	there, err := netns.New()
	if err != nil {
		runtime.UnlockOSThread()
		t.Skipf("cannot make a network namespace: %v", err)
	}
	here, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: "va"})
	veth.PeerName, veth.PeerNamespace = "vb", netlink.NsFd(there)
	if err := netlink.LinkAdd(veth); err != nil {
		t.Skipf("cannot make a veth pair: %v", err)
	}
	h := &hosts{here, there}
	address(t, "va", "10.9.0.1/24")
	h.on(t, there, func() { address(t, "vb", "10.9.0.2/24") })
	return h
}

func (h *hosts) on(t *testing.T, host netns.NsHandle, do func()) {
	t.Helper()
	if err := netns.Set(host); err != nil {
		t.Fatal(err)
	}
	do()
	if err := netns.Set(h.here); err != nil {
		t.Fatal(err)
	}
}

func address(t *testing.T, name, prefix string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := netlink.ParseAddr(prefix)
	if err != nil {
		t.Fatal(err)
	}
	addr.Flags = unix.IFA_F_NODAD
	if err := netlink.AddrAdd(link, addr); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
}

func addRoute(t *testing.T, kind int, prefix string) {
	t.Helper()
	_, destination, err := net.ParseCIDR(prefix)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.RouteAdd(&netlink.Route{Type: kind, Dst: destination}); err != nil {
		t.Fatal(err)
	}
}

func socket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// connected opens a connection to the other host.
func (h *hosts) connected(t *testing.T) int {
	t.Helper()
	there := &unix.SockaddrInet4{Port: 8080, Addr: [4]byte{10, 9, 0, 2}}
	h.on(t, h.there, func() {
		listener := socket(t)
		if err := unix.Bind(listener, there); err != nil {
			t.Fatal(err)
		}
		if err := unix.Listen(listener, 8); err != nil {
			t.Fatal(err)
		}
	})
	fd := socket(t)
	if err := unix.Connect(fd, there); err != nil {
		t.Fatal(err)
	}
	return fd
}

func observe(t *testing.T, looks int, pause time.Duration) *fact.Facts {
	t.Helper()
	s := New(nil, false)
	t.Cleanup(s.hangUp)
	var readings []fact.Reading
	for i := range looks {
		if i > 0 {
			time.Sleep(pause)
		}
		data, err := s.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, fact.Reading{At: time.Now(), Data: data})
	}
	f := fact.New(readings[0].At, pause.Seconds()*float64(looks-1))
	s.Facts(readings, f)
	facttest.InVocabulary(t, "../../content/facts/routes.yaml", f)
	t.Log(f.Values, f.Tables, f.Blind)
	return f
}

func expect(t *testing.T, what string, got any, ok bool) {
	t.Helper()
	if !ok {
		t.Errorf("%s: got %v", what, got)
	}
}

func TestRefusedConnection(t *testing.T) {
	for name, kind := range map[string]int{
		"blackhole": unix.RTN_BLACKHOLE, "unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT,
	} {
		t.Run(name, func(t *testing.T) {
			h := twoHosts(t)
			fd := h.connected(t)
			addRoute(t, kind, "10.9.0.2/32")
			addRoute(t, unix.RTN_BLACKHOLE, "10.200.0.0/16") // nobody goes there
			unix.Write(fd, []byte("hello"))
			f := observe(t, 2, 20*time.Millisecond)
			n, _ := f.Num("route.unroutable_flows")
			expect(t, "route.unroutable_flows", n, n == 1)
			for _, row := range f.Tables["route"] {
				caught := 0.0
				if row["destination"] == "10.9.0.2/32" {
					caught = 1
					expect(t, "type", row, row["type"] == name)
				}
				expect(t, "sockets", row, row["sockets"] == caught && row["peers_seen"] == caught)
				expect(t, "default", row, row["default"] == false)
			}
			expect(t, "routes", f.Tables["route"], len(f.Tables["route"]) == 2)
		})
	}
}

// TestRefusedIPv6 sends the kernel's answers for IPv6, which are not quite those of IPv4.
func TestRefusedIPv6(t *testing.T) {
	for name, kind := range map[string]int{
		"blackhole": unix.RTN_BLACKHOLE, "unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT,
	} {
		t.Run(name, func(t *testing.T) {
			h := twoHosts(t)
			address(t, "va", "fd09::1/64")
			there := &unix.SockaddrInet6{Port: 8080, Addr: [16]byte{0: 0xfd, 1: 9, 15: 2}}
			h.on(t, h.there, func() {
				address(t, "vb", "fd09::2/64")
				listener, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Skip(err)
				}
				t.Cleanup(func() { unix.Close(listener) })
				if err := unix.Bind(listener, there); err != nil {
					t.Skip(err)
				}
				if err := unix.Listen(listener, 8); err != nil {
					t.Fatal(err)
				}
			})
			fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { unix.Close(fd) })
			if err := unix.Connect(fd, there); err != nil {
				t.Skipf("no IPv6 here: %v", err)
			}
			addRoute(t, kind, "fd09::2/128")
			unix.Write(fd, []byte("hello"))
			f := observe(t, 2, 20*time.Millisecond)
			if rows := f.Tables["route"]; len(rows) != 1 {
				t.Fatalf("routes: %v", rows)
			}
			row := f.Tables["route"][0]
			expect(t, "route", row, row["type"] == name && row["sockets"] == 1.0 && row["destination"] == "fd09::2/128")
		})
	}
}

func TestNeighbourThatDoesNotAnswer(t *testing.T) {
	twoHosts(t)
	fd := socket(t)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	unix.Connect(fd, &unix.SockaddrInet4{Port: 8080, Addr: [4]byte{10, 9, 0, 77}})
	f := observe(t, 3, 100*time.Millisecond)
	n, _ := f.Num("neigh.failed")
	expect(t, "neigh.failed", n, n == 1)
	if rows := f.Tables["neighbour"]; len(rows) != 1 {
		t.Fatalf("neighbours: %v", rows)
	}
	row := f.Tables["neighbour"][0]
	expect(t, "neighbour", row, row["address"] == "10.9.0.77" && row["link"] == "va" && row["wanted"] == true &&
		row["sockets"] == 1.0 && row["bad_share"] == 1.0 && row["gateway"] == false)
}

func TestGatewayThatDoesNotAnswer(t *testing.T) {
	twoHosts(t)
	if err := netlink.RouteAdd(&netlink.Route{Gw: net.IPv4(10, 9, 0, 254)}); err != nil {
		t.Fatal(err)
	}
	fd := socket(t)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	unix.Connect(fd, &unix.SockaddrInet4{Port: 443, Addr: [4]byte{198, 51, 100, 7}})
	f := observe(t, 2, 50*time.Millisecond)
	expect(t, "route.default", f.Values["route.default"], f.Values["route.default"].Now == true)
	expect(t, "route.default_ipv6", f.Values["route.default_ipv6"], f.Values["route.default_ipv6"].Now == false)
	row := f.Tables["neighbour"][0]
	expect(t, "neighbour", row, row["address"] == "10.9.0.254" && row["gateway"] == true && row["sockets"] == 1.0)
}

func TestPolicyRule(t *testing.T) {
	h := twoHosts(t)
	fd := h.connected(t)
	rule := netlink.NewRule()
	rule.Priority, rule.Type, rule.Family = 100, unix.RTN_PROHIBIT, netlink.FAMILY_V4
	rule.Dst = &net.IPNet{IP: net.IPv4(10, 9, 0, 0), Mask: net.CIDRMask(24, 32)}
	if err := netlink.RuleAdd(rule); err != nil {
		t.Fatal(err)
	}
	unix.Write(fd, []byte("hello"))
	f := observe(t, 1, 0)
	if rows := f.Tables["route"]; len(rows) != 1 {
		t.Fatalf("routes: %v", rows)
	}
	row := f.Tables["route"][0]
	expect(t, "rule", row, row["rule"] == true && row["type"] == "prohibit" && row["sockets"] == 1.0 && row["destination"] == "10.9.0.0/24")
}

func TestHealthyHost(t *testing.T) {
	h := twoHosts(t)
	unix.Write(h.connected(t), []byte("hello"))
	f := observe(t, 2, 20*time.Millisecond)
	for _, table := range []string{"neighbour", "route"} {
		rows, looked := f.Tables[table]
		expect(t, table, rows, looked && len(rows) == 0)
	}
	for _, name := range []string{"neigh.failed", "route.unroutable_flows"} {
		n, known := f.Num(name)
		expect(t, name, n, known && n == 0)
	}
	expect(t, "route.default", f.Values["route.default"], f.Values["route.default"].Now == false)
}

// TestConnectRefusedAtOnce: a connect() that a route refuses leaves nothing but what
// BPF counts.
func TestConnectRefusedAtOnce(t *testing.T) {
	for name, kind := range map[string]int{
		"blackhole": unix.RTN_BLACKHOLE, "unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT,
	} {
		t.Run(name, func(t *testing.T) {
			twoHosts(t)
			address(t, "va", "fd09::1/64")
			addRoute(t, kind, "10.200.0.0/16")
			addRoute(t, unix.RTN_BLACKHOLE, "10.201.0.0/16") // nobody goes there
			addRoute(t, kind, "fd0a::/64")
			s := New(nil, false)
			t.Cleanup(func() { s.Close() })
			var readings []fact.Reading
			for range 2 {
				data, err := s.Look(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if look := data.(*Reading); !look.Watched {
					t.Skip(look.NoWatch)
				}
				readings = append(readings, fact.Reading{At: time.Now(), Data: data})
				refusedConnect(t, unix.AF_INET, &unix.SockaddrInet4{Port: 443, Addr: [4]byte{10, 200, 0, 7}})
				refusedConnect(t, unix.AF_INET6, &unix.SockaddrInet6{Port: 443, Addr: [16]byte{0: 0xfd, 1: 0x0a, 15: 7}})
			}
			f := fact.New(readings[0].At, 1)
			s.Facts(readings, f)
			facttest.InVocabulary(t, "../../content/facts/routes.yaml", f)
			for _, row := range f.Tables["route"] {
				switch row["destination"] {
				case "10.201.0.0/16":
					expect(t, "the other route", row, row["refused"] == 0.0)
				case "10.200.0.0/16":
					expect(t, "IPv4", row, row["refused"] == 1.0 && row["refused_to"] == "10.200.0.7:443")
				case "fd0a::/64":
					expect(t, "IPv6", row, row["refused"].(float64) >= 1 && row["refused_to"] == "[fd0a::7]:443")
				}
			}
			expect(t, "routes", f.Tables["route"], len(f.Tables["route"]) == 3)
		})
	}
}

func refusedConnect(t *testing.T, family int, to unix.Sockaddr) {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, to); err == nil {
		t.Error("the route does not refuse")
	}
}

// TestWithoutBPF: nothing is attached, and nothing is said of it.
func TestWithoutBPF(t *testing.T) {
	twoHosts(t)
	addRoute(t, unix.RTN_BLACKHOLE, "10.200.0.0/16")
	s := New(nil, true)
	t.Cleanup(func() { s.Close() })
	data, err := s.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := fact.New(time.Now(), 0)
	s.Facts([]fact.Reading{{At: time.Now(), Data: data}}, f)
	_, told := f.Tables["route"][0]["refused_total"]
	expect(t, "refused", f.Tables["route"], !told && s.watch == nil && len(f.Blind) == 0)
}

// TestStalledConnectionsRoute: the entry that a stuck connection uses is told, of several
// metrics and of another table, as ip route has it.
func TestStalledConnectionsRoute(t *testing.T) {
	for _, c := range []struct {
		name, want string
		route      *netlink.Route
	}{
		{"on the link", "10.9.0.0/24", nil},
		{"with a metric and an MTU", "10.9.0.2 metric 77", &netlink.Route{Priority: 77, MTU: 1400}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := twoHosts(t)
			fd := h.connected(t)
			link, err := netlink.LinkByName("va")
			if err != nil {
				t.Fatal(err)
			}
			if c.route != nil {
				c.route.LinkIndex, c.route.Scope = link.Attrs().Index, netlink.SCOPE_LINK
				_, c.route.Dst, _ = net.ParseCIDR("10.9.0.2/32")
				if err := netlink.RouteAdd(c.route); err != nil {
					t.Fatal(err)
				}
			}
			h.on(t, h.there, func() {
				there, err := netlink.LinkByName("vb")
				if err != nil {
					t.Fatal(err)
				}
				if err := netlink.LinkSetARPOff(there); err != nil {
					t.Fatal(err)
				}
				if err := netlink.AddrDel(there, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 0, 2), Mask: net.CIDRMask(24, 32)}}); err != nil {
					t.Fatal(err)
				}
			})
			unix.Write(fd, []byte("hello"))
			var rows []fact.Row
			for range 20 { // it takes two timeouts, each twice as long as the one before
				time.Sleep(300 * time.Millisecond)
				if rows = observe(t, 2, 20*time.Millisecond).Tables["flow_route"]; len(rows) > 0 {
					break
				}
			}
			expect(t, "flow_route", rows, len(rows) == 1 && rows[0]["name"] == c.want && rows[0]["stalled"] == 1.0 && rows[0]["link"] == "va")
			if len(rows) == 1 && c.route != nil {
				expect(t, "its MTU", rows[0], rows[0]["mtu"] == 1400.0 && rows[0]["table"] == 254.0)
			}
		})
	}
}
