package drops

import (
	"context"
	"errors"
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

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

const (
	hereIP, thereIP = "192.0.2.1", "192.0.2.2"
	hereV6, thereV6 = "2001:db8::1", "2001:db8::2"
)

// lab is two network namespaces of the test's own, joined by a veth pair: lab0
// here, lab1 there. The test's goroutine stays in the first.
type lab struct {
	here, there netns.NsHandle
	lab0, lab1  netlink.Link
}

func newLab(t testing.TB) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Skip(err)
	}
	l := &lab{}
	if l.there, err = netns.New(); err != nil {
		t.Skip("no network namespace can be made here: ", err)
	}
	if l.here, err = netns.New(); err != nil {
		t.Skip("no network namespace can be made here: ", err)
	}
	t.Cleanup(func() {
		_ = netns.Set(before)
		l.here.Close()
		l.there.Close()
		before.Close()
		runtime.UnlockOSThread()
	})
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lab0"}, PeerName: "lab1", PeerNamespace: netlink.NsFd(l.there)}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Skip("no veth pair can be made here: ", err)
	}
	l.lab0 = setUp(t, "lab0", hereIP+"/24", hereV6+"/64")
	setUp(t, "lo")
	l.in(t, l.there, func() {
		l.lab1 = setUp(t, "lab1", thereIP+"/24", thereV6+"/64")
		setUp(t, "lo")
		know(t, l.lab1, l.lab0, hereIP, hereV6)
	})
	know(t, l.lab0, l.lab1, thereIP, thereV6)
	return l
}

// know makes addresses known to be at the other end: packets that wait for an
// answer of ARP may be lost before they are on the way.
func know(t testing.TB, link, other netlink.Link, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		err := netlink.NeighSet(&netlink.Neigh{
			LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(a), HardwareAddr: other.Attrs().HardwareAddr,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func setUp(t testing.TB, name string, addrs ...string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range addrs {
		addr, err := netlink.ParseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		addr.Flags = 0x02 // IFA_F_NODAD
		if err := netlink.AddrAdd(link, addr); err != nil {
			t.Fatal(err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	return link
}

// in does something in another namespace.
func (l *lab) in(t testing.TB, ns netns.NsHandle, do func()) {
	t.Helper()
	was, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer was.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	do()
	if err := netns.Set(was); err != nil {
		t.Fatal(err)
	}
}

// drop makes a base chain in this namespace that drops a protocol.
func (l *lab) drop(t testing.TB, hook *nftables.ChainHook, protocol byte) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Skip("no nftables here: ", err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "lab"})
	chain := c.AddChain(&nftables.Chain{Name: "drop", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		t.Skip("no nftables here: ", err)
	}
}

// slowInput makes the input path of this namespace slow: rules that match nothing.
func slowInput(t testing.TB, rules int) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Skip("no nftables here: ", err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "slow"})
	chain := c.AddChain(&nftables.Chain{Name: "slow", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityFilter})
	for i := range rules {
		if i%100 == 0 { // the answers to more do not fit into the socket
			if err := c.Flush(); err != nil {
				t.Skip("no nftables here: ", err)
			}
		}
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 8, Len: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0}},
		}})
	}
	if err := c.Flush(); err != nil {
		t.Skip("no nftables here: ", err)
	}
}

// spread lets another CPU take the packets of an interface (RPS). The files are
// those of the thread's network namespace.
func spread(t testing.TB, link string) {
	t.Helper()
	sys := t.TempDir()
	if err := unix.Mount("sysfs", sys, "sysfs", 0, ""); err != nil {
		t.Skip("no sysfs can be mounted here: ", err)
	}
	defer func() { _ = unix.Unmount(sys, unix.MNT_DETACH) }()
	if err := os.WriteFile(sys+"/class/net/"+link+"/queues/rx-0/rps_cpus", []byte("2"), 0o644); err != nil {
		t.Skip("no receive packet steering here: ", err)
	}
}

// observe looks, lets do happen, and looks again.
func observe(t testing.TB, do func(), flow ...Flow) *fact.Facts {
	t.Helper()
	s := New(flow...)
	defer s.Close()
	var readings []fact.Reading
	look := func() {
		r, err := s.Look(context.Background())
		if errors.Is(err, fact.ErrUnavailable) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, fact.Reading{At: time.Now(), Data: r})
	}
	look()
	do()
	time.Sleep(50 * time.Millisecond) // what is still in a backlog of a CPU
	look()
	f := fact.New(readings[0].At, 1)
	s.Facts(readings, f)
	facttest.InVocabulary(t, "../../content/facts/drops.yaml", f)
	return f
}

// dropped adds up a field of the rows with a reason, a direction, and a location
// unless that is empty.
func dropped(f *fact.Facts, reason, location, direction, field string) float64 {
	sum := 0.0
	for _, r := range f.Tables["drop"] {
		if r["reason"] == reason && r["direction"] == direction && (location == "" || r["location"] == location) {
			n, _ := r[field].(float64)
			sum += n
		}
	}
	return sum
}
