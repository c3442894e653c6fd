package links

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// TestLook needs no privilege: lo is there for every user.
func TestLook(t *testing.T) {
	s := New(nil)
	r, err := s.Look(context.Background())
	if err != nil {
		t.Skip("no rtnetlink here: ", err)
	}
	f := fact.New(time.Now(), 0)
	s.Facts([]fact.Reading{{At: time.Now(), Data: r}}, f)
	want(t, row(t, f, "link", "lo"), fact.Row{"kind": "loopback", "hardware": false})
}

func TestLookGivesUp(t *testing.T) {
	s := New(nil)
	s.pending.Store(true)
	if _, err := s.Look(context.Background()); err == nil {
		t.Error("a second look while the first hangs must fail")
	}
}

// inNamespace moves the test into a network namespace of its own.
func inNamespace(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Skip(err)
	}
	ns, err := netns.New()
	if err != nil {
		t.Skip("no network namespace can be made here: ", err)
	}
	t.Cleanup(func() {
		_ = netns.Set(before)
		ns.Close()
		before.Close()
		runtime.UnlockOSThread()
	})
}

// pair makes a veth pair in a network namespace of the test's own.
func pair(t *testing.T) (a, b netlink.Link) {
	t.Helper()
	inNamespace(t)
	var err error
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lab0"}, PeerName: "lab1"}); err != nil {
		t.Skip("no veth pair can be made here: ", err)
	}
	ends := make([]netlink.Link, 2)
	for i, name := range []string{"lab0", "lab1"} {
		if ends[i], err = netlink.LinkByName(name); err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetUp(ends[i]); err != nil {
			t.Fatal(err)
		}
	}
	return ends[0], ends[1]
}

// observe looks, lets do happen, and looks again.
func observe(t *testing.T, do func()) *fact.Facts {
	t.Helper()
	s := New(nil)
	var readings []fact.Reading
	look := func() {
		s.usage.at, s.drivers.next = time.Time{}, time.Time{} // all is due at every look here
		at := time.Now()
		r, err := s.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, fact.Reading{At: at, Data: r})
	}
	look()
	do()
	look()
	f := fact.New(readings[0].At, 1)
	s.Facts(readings, f)
	return f
}

func TestLabShaper(t *testing.T) {
	a, _ := pair(t)
	err := netlink.QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: a.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       12500, Limit: 3000, Buffer: 2_000_000,
	})
	if err != nil {
		t.Skip("no tbf here: ", err)
	}
	f := observe(t, func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		frame := make([]byte, 1000)
		frame[12], frame[13] = 0x88, 0xb5 // local experimental EtherType
		for range 50 {
			// ENOBUFS is the drop that is looked for.
			_ = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: a.Attrs().Index})
		}
	})
	tbf := row(t, f, "qdisc", "lab0 tbf 1:")
	want(t, tbf, fact.Row{"kind": "tbf", "shaper": true, "rate_bps": 100_000.0, "limit_bytes": 3000.0, "frame_bytes": 1514.0, "ingress": false})
	if n, _ := tbf["drops"].(float64); n < 20 {
		t.Errorf("tbf drops %v, want 20 or more of 50", tbf["drops"])
	}
	var own float64
	for _, r := range f.Tables["qdisc"] {
		if r["link"] == "lab0" {
			n, _ := r["own_drops"].(float64)
			own += n
		}
	}
	if own != tbf["drops"] {
		t.Errorf("own_drops add up to %v, drops of the root %v: each must be counted once", own, tbf["drops"])
	}
}

func TestLabLinkDown(t *testing.T) {
	a, b := pair(t)
	address, err := netlink.ParseAddr("192.0.2.1/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(a, address); err != nil {
		t.Fatal(err)
	}
	f := observe(t, func() {
		if err := netlink.LinkSetDown(b); err != nil {
			t.Fatal(err)
		}
	})
	want(t, row(t, f, "link", "lab0"), fact.Row{
		"kind": "veth", "driver": "veth", "hardware": false, "up": true, "carrier": false,
		"addresses": 1.0, "routed": true, "carrier_changes": 1.0, "down_in_use": true, "speed_mbps": nil,
	})
	if n, _ := f.Num("link.down_with_routes"); n != 1 {
		t.Errorf("link.down_with_routes = %v", n)
	}
}

func BenchmarkLook(b *testing.B) {
	s := New(nil)
	for b.Loop() {
		if _, err := s.Look(context.Background()); err != nil {
			b.Skip(err)
		}
	}
}

// TestLabBond: what a bond says about a member that loses its carrier.
func TestLabBond(t *testing.T) {
	a, b := pair(t)
	bond := netlink.NewLinkBond(netlink.LinkAttrs{Name: "bond0"})
	bond.Mode, bond.Miimon = netlink.BOND_MODE_ACTIVE_BACKUP, 10
	if err := netlink.LinkAdd(bond); err != nil {
		t.Skip("no bond can be made here: ", err)
	}
	if err := errors.Join(netlink.LinkSetDown(a), netlink.LinkSetMaster(a, bond), netlink.LinkSetUp(bond), netlink.LinkSetUp(a)); err != nil {
		t.Skip("no veth can be a member of a bond here: ", err)
	}
	time.Sleep(100 * time.Millisecond)
	f := observe(t, func() {
		if err := netlink.LinkSetDown(b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the bond looks every 10 ms
	})
	want(t, row(t, f, "link", "lab0"), fact.Row{"master": "bond0", "mii_up": false, "link_failures": 1.0})
}

// manyLinks makes 500 interfaces in a namespace of the benchmark's own, and a
// function that looks at them.
func manyLinks(b *testing.B) (s *Source, look func() any) {
	b.Helper()
	inNamespace(b)
	for i := range 250 {
		link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprint("v", i)}, PeerName: fmt.Sprint("w", i)}
		if err := netlink.LinkAdd(link); err != nil {
			b.Skip("no veth pair can be made here: ", err)
		}
	}
	s = New(crcOnly)
	return s, func() any {
		r, err := s.Look(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
}

// BenchmarkManyLinksAll is a look at 500 interfaces with everything due that is
// read less often, too.
func BenchmarkManyLinksAll(b *testing.B) {
	s, look := manyLinks(b)
	for b.Loop() {
		s.usage.at, s.drivers.next, s.drivers.known = time.Time{}, time.Time{}, nil
		look()
	}
}

// BenchmarkManyLinks is one of the looks in between.
func BenchmarkManyLinks(b *testing.B) {
	_, look := manyLinks(b)
	for b.Loop() {
		look()
	}
}

// BenchmarkManyLinksFacts derives the facts of two looks.
func BenchmarkManyLinksFacts(b *testing.B) {
	s, look := manyLinks(b)
	first, last := look(), look()
	for b.Loop() {
		f := fact.New(time.Now(), 5)
		s.Facts([]fact.Reading{{At: time.Now(), Data: first}, {At: time.Now(), Data: last}}, f)
	}
}

// TestFifoOfClass follows what stands in a class: the fifo that the kernel made with
// it, a queue of somebody's, and the fifo that came back by itself, which no dump
// shows.
func TestFifoOfClass(t *testing.T) {
	a, _ := pair(t)
	if err := netlink.LinkSetTxQLen(a, 24); err != nil {
		t.Fatal(err)
	}
	index := a.Attrs().Index
	root := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT})
	class := netlink.NewHtbClass(netlink.ClassAttrs{LinkIndex: index, Handle: netlink.MakeHandle(1, 16), Parent: netlink.MakeHandle(1, 0)}, netlink.HtbClassAttrs{Rate: 8e6})
	own := netlink.NewHtbClass(netlink.ClassAttrs{LinkIndex: index, Handle: netlink.MakeHandle(1, 17), Parent: netlink.MakeHandle(1, 0)}, netlink.HtbClassAttrs{Rate: 8e6})
	if err := errors.Join(netlink.QdiscAdd(root), netlink.ClassAdd(class), netlink.ClassAdd(own)); err != nil {
		t.Skip("no htb here: ", err)
	}
	leaf := func(minor uint16) netlink.Qdisc {
		return &netlink.GenericQdisc{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(minor, 0), Parent: netlink.MakeHandle(1, minor)}, QdiscType: "pfifo"}
	}
	if err := netlink.QdiscAdd(leaf(17)); err != nil {
		t.Fatal(err)
	}
	s := New(nil)
	look := func() *fact.Facts {
		t.Helper()
		r, err := s.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		f := fact.New(time.Now(), 0)
		s.Facts([]fact.Reading{{At: time.Now(), Data: r}}, f)
		return f
	}
	f := look()
	want(t, row(t, f, "qdisc", "lab0 htb 1:10"), fact.Row{"default_fifo_packets": 24.0, "parent": nil})
	want(t, row(t, f, "qdisc", "lab0 htb 1:11"), fact.Row{"default_fifo_packets": 0.0})
	want(t, row(t, f, "qdisc", "lab0 pfifo parent 1:10"), fact.Row{"parent": "1:10", "limit_packets": 24.0, "by_default": true, "leaf": true})
	if err := errors.Join(netlink.LinkSetTxQLen(a, 7), netlink.QdiscAdd(leaf(16)), netlink.QdiscDel(leaf(16))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f = look()
		want(t, row(t, f, "qdisc", "lab0 htb 1:10"), fact.Row{"default_fifo_packets": 7.0})
		want(t, row(t, f, "qdisc", "lab0 pfifo parent 1:10"), fact.Row{"limit_packets": 7.0, "by_default": true, "leaf": true, "drops": nil})
	}
	if err := netlink.QdiscAdd(leaf(16)); err != nil {
		t.Fatal(err)
	}
	want(t, row(t, look(), "qdisc", "lab0 htb 1:10"), fact.Row{"default_fifo_packets": 0.0})
}
