package drops

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// sent is how many packets each test loses on purpose.
const sent = 700

// datagrams sends UDP from this namespace; an error tells of a drop, or of a
// rejection of the one before, which then has to be sent again.
func datagrams(t testing.TB, from, to string, n, size int) {
	t.Helper()
	d := net.Dialer{}
	if from != "" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from))
	}
	conn, err := d.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	payload := make([]byte, size)
	for range n {
		if _, err := conn.Write(payload); err != nil && strings.Contains(err.Error(), "refused") {
			_, _ = conn.Write(payload)
		}
	}
}

// syns opens and gives up n connections: one SYN each.
func syns(t testing.TB, to string, n int) {
	t.Helper()
	at := netip.MustParseAddrPort(to)
	family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().Unmap().As4()})
	for range n {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Connect(fd, sa) // EINPROGRESS
		unix.Close(fd)
	}
}

// loss is a way to lose packets in one place.
type loss struct {
	name              string
	reason, direction string
	location          string // if the reason alone says too little
	tcp               bool
	prepare           func(t *testing.T, l *lab)
	lose              func(t *testing.T, l *lab)
}

var losses = []loss{
	{
		name: "filter, input", reason: "NETFILTER_DROP", direction: "rx",
		prepare: func(t *testing.T, l *lab) { l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP) },
		lose:    fromThere(func(t *testing.T) { datagrams(t, "", hereIP+":9", sent, 100) }),
	},
	{
		name: "filter, input, SYN", reason: "NETFILTER_DROP", direction: "rx", tcp: true,
		prepare: func(t *testing.T, l *lab) { l.drop(t, nftables.ChainHookInput, unix.IPPROTO_TCP) },
		lose:    fromThere(func(t *testing.T) { syns(t, hereIP+":80", sent) }),
	},
	{
		name: "filter, input, IPv6", reason: "NETFILTER_DROP", direction: "rx",
		prepare: func(t *testing.T, l *lab) { l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP) },
		lose:    fromThere(func(t *testing.T) { datagrams(t, "", "["+hereV6+"]:9", sent, 100) }),
	},
	{
		name: "filter, output", reason: "NETFILTER_DROP", direction: "tx",
		prepare: func(t *testing.T, l *lab) { l.drop(t, nftables.ChainHookOutput, unix.IPPROTO_UDP) },
		lose:    func(t *testing.T, _ *lab) { datagrams(t, "", thereIP+":9", sent, 100) },
	},
	{
		name: "filter, output, SYN", reason: "NETFILTER_DROP", direction: "tx", tcp: true,
		prepare: func(t *testing.T, l *lab) { l.drop(t, nftables.ChainHookOutput, unix.IPPROTO_TCP) },
		lose:    func(t *testing.T, _ *lab) { syns(t, thereIP+":80", sent) },
	},
	{
		name: "filter, loopback", reason: "NETFILTER_DROP", direction: "rx",
		prepare: func(t *testing.T, l *lab) { l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP) },
		lose:    func(t *testing.T, _ *lab) { datagrams(t, "", "127.0.0.1:9", sent, 100) },
	},
	{
		name: "filter, forwarded", reason: "NETFILTER_DROP", direction: "rx",
		prepare: func(t *testing.T, l *lab) {
			l.drop(t, nftables.ChainHookForward, unix.IPPROTO_UDP)
			l.forward(t)
		},
		lose: fromThere(func(t *testing.T) { datagrams(t, "", "198.51.100.9:9", sent, 100) }),
	},
	{
		name: "no socket", reason: "NO_SOCKET", direction: "rx",
		prepare: func(*testing.T, *lab) {},
		lose:    fromThere(func(t *testing.T) { datagrams(t, "", hereIP+":9", sent, 100) }),
	},
	{
		name: "no socket, SYN", reason: "NO_SOCKET", direction: "rx", tcp: true,
		prepare: func(*testing.T, *lab) {},
		lose:    fromThere(func(t *testing.T) { syns(t, hereIP+":80", sent) }),
	},
	{
		name: "reverse path filter", reason: "IP_RPFILTER", direction: "rx",
		prepare: func(t *testing.T, l *lab) {
			sysctl(t, "net/ipv4/conf/lab0/rp_filter", "1")
			l.in(t, l.there, func() {
				setUp(t, "lab1", "203.0.113.7/32")
				// An ARP request from that address would not be answered.
				datagrams(t, thereIP+":0", hereIP+":9", 1, 1)
			})
			time.Sleep(50 * time.Millisecond)
		},
		lose: fromThere(func(t *testing.T) { datagrams(t, "203.0.113.7:0", hereIP+":9", sent, 100) }),
	},
	{
		// Generic XDP has no reason of its own for a program's XDP_DROP.
		name: "XDP", reason: "NOT_SPECIFIED", direction: "rx", location: "do_xdp_generic",
		prepare: func(t *testing.T, l *lab) { l.xdpDrop(t) },
		lose:    fromThere(func(t *testing.T) { datagrams(t, "", hereIP+":9", sent, 100) }),
	},
	{
		name: "tc ingress", reason: "TC_INGRESS", direction: "rx",
		prepare: func(t *testing.T, l *lab) { l.tcDrop(t, ebpf.AttachTCXIngress) },
		lose:    fromThere(func(t *testing.T) { datagrams(t, "", hereIP+":9", sent, 100) }),
	},
	{
		name: "tc egress", reason: "TC_EGRESS", direction: "tx",
		prepare: func(t *testing.T, l *lab) { l.tcDrop(t, ebpf.AttachTCXEgress) },
		lose:    func(t *testing.T, _ *lab) { datagrams(t, "", thereIP+":9", sent, 100) },
	},
}

// TestLabBalance loses a known number of packets in one place and expects to
// find that number, not one more or less, under that place's reason.
func TestLabBalance(t *testing.T) {
	for _, tt := range losses {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			tt.prepare(t, l)
			f := observe(t, func() { tt.lose(t, l) })
			want := map[string]float64{"packets": sent, "skbs": sent, "tcp_packets": 0}
			if tt.tcp {
				want["tcp_packets"] = sent
			}
			for field, n := range want {
				if got := dropped(f, tt.reason, tt.location, tt.direction, field); got != n {
					t.Errorf("%s %s: %v %s, want %v; table %v", tt.reason, tt.direction, got, field, n, f.Tables["drop"])
				}
			}
			if flows := f.Tables["drop_flow"]; len(flows) == 0 || flows[0]["packets"].(float64) < 1 {
				t.Errorf("no flow was sampled: %v", flows)
			}
		})
	}
}

// fromThere does something in the other namespace.
func fromThere(do func(t *testing.T)) func(t *testing.T, l *lab) {
	return func(t *testing.T, l *lab) { l.in(t, l.there, func() { do(t) }) }
}

func sysctl(t testing.TB, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
		t.Skip(err)
	}
}

// forward makes this namespace the router to 198.51.100.0/24.
func (l *lab) forward(t *testing.T) {
	sysctl(t, "net/ipv4/ip_forward", "1")
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "far0"}, PeerName: "far1"}); err != nil {
		t.Fatal(err)
	}
	setUp(t, "far0", "198.51.100.1/24")
	setUp(t, "far1")
	l.in(t, l.there, func() {
		_, dst, _ := net.ParseCIDR("198.51.100.0/24")
		if err := netlink.RouteAdd(&netlink.Route{Dst: dst, Gw: net.ParseIP(hereIP)}); err != nil {
			t.Fatal(err)
		}
	})
}

// verdict is a program that drops all UDP over IPv4 with a return value, and
// passes the rest with another.
func verdict(t *testing.T, kind ebpf.ProgramType, drop, pass int32) *ebpf.Program {
	t.Helper()
	end, data, protocol := int16(4), int16(0), int16(23) // struct xdp_md; Ethernet and IPv4 headers
	if kind == ebpf.SchedCLS {
		end, data = 80, 76 // struct __sk_buff
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: kind, License: "MIT", Instructions: asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, data, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, end, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, 34),
		asm.Mov.Imm(asm.R0, pass),
		asm.JGT.Reg(asm.R4, asm.R3, "out"),
		asm.LoadMem(asm.R5, asm.R2, protocol, asm.Byte),
		asm.JNE.Imm(asm.R5, unix.IPPROTO_UDP, "out"),
		asm.Mov.Imm(asm.R0, drop),
		asm.Return().WithSymbol("out"),
	}})
	if err != nil {
		t.Skip("no BPF here: ", err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func (l *lab) xdpDrop(t *testing.T) {
	const xdpDrop, xdpPass = 1, 2
	p := verdict(t, ebpf.XDP, xdpDrop, xdpPass)
	x, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: l.lab0.Attrs().Index, Flags: link.XDPGenericMode})
	if err != nil {
		t.Skip("no generic XDP here: ", err)
	}
	t.Cleanup(func() { x.Close() })
}

func (l *lab) tcDrop(t *testing.T, hook ebpf.AttachType) {
	const shot, ok = 2, 0
	p := verdict(t, ebpf.SchedCLS, shot, ok)
	x, err := link.AttachTCX(link.TCXOptions{Program: p, Interface: l.lab0.Attrs().Index, Attach: hook})
	if err != nil {
		t.Skip("no tcx here: ", err)
	}
	t.Cleanup(func() { x.Close() })
}

func TestLabSocketFull(t *testing.T) {
	l := newLab(t)
	conn, err := net.ListenPacket("udp", hereIP+":9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.UDPConn).SetReadBuffer(8192); err != nil {
		t.Fatal(err)
	}
	f := observe(t, func() {
		l.in(t, l.there, func() { datagrams(t, "", hereIP+":9", sent, 1000) })
	})
	fits := 0.0
	b := make([]byte, 2000)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, _, err := conn.ReadFrom(b); err != nil {
			break
		}
		fits++
	}
	if got := dropped(f, "SOCKET_RCVBUFF", "", "rx", "packets"); fits == 0 || got != sent-fits {
		t.Errorf("%v packets counted, %d sent of which the socket held %v: %v", got, sent, fits, f.Tables["drop"])
	}
}

func TestLabQdisc(t *testing.T) {
	l := newLab(t)
	err := netlink.QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.lab0.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       12500, Limit: 3000, Buffer: 2_000_000,
	})
	if err != nil {
		t.Skip("no tbf here: ", err)
	}
	f := observe(t, func() { datagrams(t, "", thereIP+":9", sent, 1000) })
	qdiscs, err := netlink.QdiscList(l.lab0)
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for _, q := range qdiscs {
		if q.Type() == "tbf" && q.Attrs().Statistics != nil {
			want = float64(q.Attrs().Statistics.Queue.Drops)
		}
	}
	got := 0.0
	for _, r := range f.Tables["drop"] {
		if reason, _ := r["reason"].(string); strings.HasPrefix(reason, "QDISC") && r["direction"] == "tx" {
			got += r["packets"].(float64)
		}
	}
	if want < sent/2 || got != want {
		t.Errorf("%v packets counted, the qdisc dropped %v: %v", got, want, f.Tables["drop"])
	}
}

// TestLabSegments: a buffer of ten segments is ten packets.
func TestLabSegments(t *testing.T) {
	const segments, size = 10, 500
	l := newLab(t)
	l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP)
	f := observe(t, func() {
		l.in(t, l.there, func() {
			conn, err := net.Dial("udp", hereIP+":9")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			raw, _ := conn.(*net.UDPConn).SyscallConn()
			_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, size) })
			if err != nil {
				t.Skip("no UDP segmentation here: ", err)
			}
			for range 20 {
				if _, err := conn.Write(make([]byte, segments*size)); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
	skbs, packets := dropped(f, "NETFILTER_DROP", "", "rx", "skbs"), dropped(f, "NETFILTER_DROP", "", "rx", "packets")
	if packets != 20*segments || skbs > packets {
		t.Errorf("%v buffers, %v packets; sent 20 of %d segments", skbs, packets, segments)
	}
	if skbs != 20 {
		t.Logf("the link took the segments apart: %v buffers", skbs)
	}
}

// TestLabOtherNamespace: what others drop is not this host's.
func TestLabOtherNamespace(t *testing.T) {
	l := newLab(t)
	l.in(t, l.there, func() { l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP) })
	f := observe(t, func() { datagrams(t, "", thereIP+":9", sent, 100) })
	// IPv6 says something of its own now and then; that is this host's.
	if n := dropped(f, "NETFILTER_DROP", "", "rx", "packets"); n != 0 {
		t.Errorf("%v drops of another namespace: %v", n, f.Tables["drop"])
	}
	if _, ok := f.Tables["drop"]; !ok {
		t.Error("no table of drops, though it could be looked")
	}
	if _, ok := f.Tables["drop_flow"]; !ok {
		t.Error("no table of flows, though it could be looked")
	}
}

func TestLabFlow(t *testing.T) {
	l := newLab(t)
	l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP)
	lose := func() {
		l.in(t, l.there, func() {
			datagrams(t, thereIP+":5000", hereIP+":9", 300, 100)
			datagrams(t, thereIP+":5000", hereIP+":10", 200, 100)
			datagrams(t, "["+thereV6+"]:5001", "["+hereV6+"]:9", 50, 100)
		})
	}
	tests := []struct {
		flow []string
		want float64
	}{
		{nil, 550},
		{[]string{":9"}, 350},
		{[]string{":5000"}, 500},
		{[]string{thereIP}, 500},
		{[]string{hereIP + ":10"}, 200},
		{[]string{thereIP + ":10"}, 0},
		{[]string{"[" + hereV6 + "]:9"}, 50},
		{[]string{thereV6}, 50},
		{[]string{thereIP + ":5000", ":9"}, 300},
		{[]string{hereIP, thereIP}, 500},
		{[]string{hereIP, thereV6}, 0},
	}
	for _, tt := range tests {
		var flow []Flow
		for _, s := range tt.flow {
			f, err := ParseFlow(s)
			if err != nil {
				t.Fatal(err)
			}
			flow = append(flow, f)
		}
		f := observe(t, lose, flow...)
		if got := dropped(f, "NETFILTER_DROP", "", "rx", "packets"); got != tt.want {
			t.Errorf("flow %v: %v packets, want %v", tt.flow, got, tt.want)
		}
	}
}

// TestLabVariants: the programs for older kernels run on newer ones too, and
// count the same.
func TestLabVariants(t *testing.T) {
	l := newLab(t)
	l.drop(t, nftables.ChainHookInput, unix.IPPROTO_TCP)
	for _, program := range []string{kernelProgDropWithSocket, kernelProgDropWithReason, kernelProgDropWithLocation} {
		ns, err := ownNetns()
		if err != nil {
			t.Fatal(err)
		}
		k, err := start(program, ns, nil, btf.NewCache())
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		l.in(t, l.there, func() { syns(t, hereIP+":80", sent) })
		time.Sleep(20 * time.Millisecond)
		r, err := k.read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		var got Tally
		for _, c := range r.Counts {
			// Without reasons, IPv6's own chatter looks the same but for the protocol.
			if (c.Reason == "NETFILTER_DROP") == r.Reasoned && c.Location != "" && c.Direction == Received && c.TCPPackets > 0 {
				got.add(c.Tally)
			}
		}
		if want := (Tally{sent, sent, sent}); got != want {
			t.Errorf("%s: %+v, want %+v; %+v", program, got, want, r.Counts)
		}
		k.Close()
	}
}

// TestLabClose: nothing is left behind.
func TestLabClose(t *testing.T) {
	newLab(t)
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	observe(t, func() {}) // what the runtime and the library open once
	before := descriptors()
	s := New()
	if _, err := s.Look(context.Background()); err != nil {
		t.Fatal(err)
	}
	open := descriptors()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after := descriptors(); after != before || open <= before {
		t.Errorf("%d descriptors before, %d open, %d after", before, open, after)
	}
	if _, err := s.Look(context.Background()); err == nil {
		t.Error("a look at a closed source must fail")
	}
	if err := s.Close(); err != nil {
		t.Error("second close: ", err)
	}
}
