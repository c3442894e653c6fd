package filters

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// inNamespace binds the test to a network namespace of its own.
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
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
}

// observe looks, lets do happen, and looks again until enough has been seen, or
// two seconds have gone by: packets are received when the kernel finds the time.
func observe(t *testing.T, do func(), enough func(*fact.Facts) bool) *fact.Facts {
	t.Helper()
	s := New()
	var readings []fact.Reading
	look := func() *fact.Facts {
		// Programs are due at every look here.
		s.programsNext = time.Time{}
		r, err := s.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, fact.Reading{At: time.Now(), Data: r})
		f := fact.New(readings[0].At, 1)
		s.Facts(readings, f)
		return f
	}
	look()
	do()
	f := look()
	for range 40 {
		if enough(f) {
			break
		}
		time.Sleep(50 * time.Millisecond)
		f = look()
	}
	return f
}

func atOnce(*fact.Facts) bool { return true }

// dropped tells whether the hook has dropped at least five packets.
func dropped(attach string) func(*fact.Facts) bool {
	return func(f *fact.Facts) bool {
		n, _ := bpfRow(f, attach)["drops"].(float64)
		return n >= 5
	}
}

// knockHere sends a SYN in the namespace of this thread: the dialer of package net
// makes its socket on another.
func knockHere(t *testing.T, port int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatal(err)
	}
}

func portRule(port uint16, more ...expr.Any) []expr.Any {
	return append([]expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)},
	}, more...)
}

func TestLabNftables(t *testing.T) {
	inNamespace(t)
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	drop := nftables.ChainPolicyDrop
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "lab"})
	chain := conn.AddChain(&nftables.Chain{
		Name: "in", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
	rule := func(exprs []expr.Any) { conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs}) }
	rule(portRule(8080, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}))
	rule(portRule(8081, &expr.Limit{Type: expr.LimitTypePkts, Rate: 1, Unit: expr.LimitTimeMinute, Over: true},
		&expr.Counter{}, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}))
	if err := conn.Flush(); err != nil {
		t.Skip("nf_tables rules cannot be made here: ", err)
	}
	f := observe(t, func() {
		for range 3 {
			knockHere(t, 8080)
		}
	}, func(f *fact.Facts) bool { n, _ := f.Num("filter.drops"); return n >= 3 })
	rows := f.Tables["rule"]
	if len(rows) != 2 { // the one that moved, and the policy that nothing counts
		t.Fatalf("rows %v", rows)
	}
	for i, want := range []fact.Row{
		{"packets": 3.0, "text": "tcp dport 8080 counter drop", "hook": "input", "port": 8080.0, "tcp": true, "established": true, "backend": "nftables"},
		{"packets": nil, "verdict": policyDrop, "catch_all": true, "counted": false},
	} {
		for field, v := range want {
			if rows[i][field] != v {
				t.Errorf("row %d: %s = %v, want %v", i, field, rows[i][field], v)
			}
		}
	}
	known(t, f, map[string]float64{"filter.drops": 3, "filter.rules": 2, "filter.silent_drops": 1})
}

// program loads a BPF program that returns one verdict for every packet.
func program(t *testing.T, kind ebpf.ProgramType, attach ebpf.AttachType, verdict int32) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "verdict", Type: kind, AttachType: attach, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, verdict), asm.Return()},
	})
	if err != nil {
		t.Skip("BPF programs cannot be loaded here: ", err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func veth(t *testing.T) (a, b netlink.Link) {
	t.Helper()
	err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lab0"}, PeerName: "lab1"})
	if err != nil {
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

// send puts frames on a link.
func send(t *testing.T, l netlink.Link, frames int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	frame := make([]byte, 64)
	frame[12], frame[13] = 0x88, 0xb5 // local experimental EtherType
	for range frames {
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index}); err != nil {
			t.Fatal(err)
		}
	}
}

func bpfRow(f *fact.Facts, attach string) fact.Row {
	for _, r := range f.Tables["bpf"] {
		if r["attach"] == attach && strings.HasPrefix(r["name"].(string), "verdict id ") {
			return r
		}
	}
	return nil
}

func TestLabXDP(t *testing.T) {
	inNamespace(t)
	a, b := veth(t)
	p := program(t, ebpf.XDP, ebpf.AttachNone, 1) // XDP_DROP
	l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: b.Attrs().Index, Flags: link.XDPDriverMode})
	if err != nil {
		t.Skip("no native XDP here: ", err)
	}
	defer l.Close()
	f := observe(t, func() { send(t, a, 5) }, dropped("xdp"))
	r := bpfRow(f, "xdp")
	if r == nil || r["link"] != "lab1" || r["tag"] == nil {
		t.Fatalf("table bpf: %v", f.Tables["bpf"])
	}
	if n, _ := r["drops"].(float64); n < 5 {
		t.Errorf("drops %v, want 5 or more", r["drops"])
	}
}

func TestLabTC(t *testing.T) {
	inNamespace(t)
	a, b := veth(t)
	index := b.Attrs().Index
	clsact := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT},
		QdiscType:  "clsact",
	}
	if err := netlink.QdiscAdd(clsact); err != nil {
		t.Skip("no clsact here: ", err)
	}
	p := program(t, ebpf.SchedCLS, ebpf.AttachNone, 2) // TC_ACT_SHOT
	err := netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1},
		Fd:          p.FD(), Name: "verdict", DirectAction: true,
	})
	if err != nil {
		t.Skip("no BPF filter here: ", err)
	}
	f := observe(t, func() { send(t, a, 5) }, dropped("tc-ingress"))
	r := bpfRow(f, "tc-ingress")
	if r == nil || r["link"] != "lab1" {
		t.Fatalf("table bpf: %v", f.Tables["bpf"])
	}
	if n, _ := r["drops"].(float64); n < 5 {
		t.Errorf("drops %v, want 5 or more", r["drops"])
	}
}

func TestLabTCX(t *testing.T) {
	inNamespace(t)
	_, b := veth(t)
	p := program(t, ebpf.SchedCLS, ebpf.AttachTCXEgress, 2)
	l, err := link.AttachTCX(link.TCXOptions{Program: p, Interface: b.Attrs().Index, Attach: ebpf.AttachTCXEgress})
	if err != nil {
		t.Skip("no tcx here: ", err)
	}
	defer l.Close()
	r := bpfRow(observe(t, func() {}, atOnce), "tc-egress")
	if r == nil || r["link"] != "lab1" || r["drops"] != nil {
		t.Errorf("row %v", r)
	}
}

func TestLabCgroup(t *testing.T) {
	inNamespace(t)
	root, _ := findCgroups("/proc")
	if root == "" {
		t.Skip("no cgroup2 hierarchy here")
	}
	group := root + "/whydrop-lab"
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip(err)
	}
	defer os.Remove(group)
	p := program(t, ebpf.CGroupSKB, ebpf.AttachCGroupInetEgress, 1) // lets everything pass
	l, err := link.AttachCgroup(link.CgroupOptions{Path: group, Attach: ebpf.AttachCGroupInetEgress, Program: p})
	if err != nil {
		t.Skip("no cgroup programs here: ", err)
	}
	defer l.Close()
	r := bpfRow(observe(t, func() {}, atOnce), "cgroup-egress")
	if r == nil || r["link"] != "/whydrop-lab" || r["drops"] != nil {
		t.Errorf("row %v", r)
	}
}
