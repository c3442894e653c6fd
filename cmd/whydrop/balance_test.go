package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The two hosts of the balance: the sick one, which is diagnosed, and the other
// end of its only link.
var (
	sickAddr  = net.IPv4(10, 99, 0, 1).To4()
	otherAddr = net.IPv4(10, 99, 0, 2).To4()
	farAddr   = net.IPv4(10, 55, 0, 0).To4() // a network that lies behind the sick host, as the other believes
)

const sickPort = 8080

// pair is two network namespaces joined by a veth link, with a raw socket in
// each. The thread of the test stays in the sick one.
type pair struct {
	t           *testing.T
	sick, other int // raw sockets
	link        netlink.Link
	observe     string // how long whydrop looks
}

// newPair makes the two hosts and moves the test's thread into the sick one.
func newPair(t *testing.T) *pair {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		_ = netns.Set(before)
		before.Close()
		runtime.UnlockOSThread()
	})
	other, err := netns.New()
	if err != nil {
		t.Skip("no network namespace can be made here: ", err)
	}
	t.Cleanup(func() { other.Close() })
	noIPv6(t)
	p := &pair{t: t, other: rawSocket(t), observe: "2s"}
	sick, err := netns.New()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { sick.Close() })
	noIPv6(t)
	p.sick = rawSocket(t)
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(other),
	}
	p.must(netlink.LinkAdd(veth))
	p.link = p.address("eth0", sickAddr)
	p.must(netns.Set(other))
	far := p.address("eth0", otherAddr)
	p.neighbour(far, sickAddr, p.link)
	p.must(netlink.RouteAdd(&netlink.Route{LinkIndex: far.Attrs().Index, Gw: sickAddr, Dst: &net.IPNet{IP: farAddr, Mask: net.CIDRMask(24, 32)}}))
	p.must(netns.Set(sick))
	p.neighbour(p.link, otherAddr, far)
	return p
}

// neighbour says for good who has an address: no other packet than the test's
// passes.
func (p *pair) neighbour(l netlink.Link, ip net.IP, at netlink.Link) {
	p.t.Helper()
	p.must(netlink.NeighSet(&netlink.Neigh{
		LinkIndex: l.Attrs().Index, IP: ip, HardwareAddr: at.Attrs().HardwareAddr, State: netlink.NUD_PERMANENT,
	}))
}

func (p *pair) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pair) address(name string, ip net.IP) netlink.Link {
	p.t.Helper()
	for _, up := range []string{"lo", name} {
		l, err := netlink.LinkByName(up)
		p.must(err)
		p.must(netlink.LinkSetUp(l))
	}
	l, err := netlink.LinkByName(name)
	p.must(err)
	p.must(netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(24, 32)}}))
	return l
}

func rawSocket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		t.Skip("raw sockets: ", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// packet is a SYN with its IPv4 header.
type packet struct {
	from, to net.IP
	port     uint16
	badSum   bool
}

func (s packet) bytes(n int) []byte {
	b := make([]byte, 40)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(b[2:], 40)
	copy(b[12:], s.from.To4())
	copy(b[16:], s.to.To4())
	tcp := b[20:]
	binary.BigEndian.PutUint16(tcp, uint16(20000+n%40000))
	binary.BigEndian.PutUint16(tcp[2:], s.port)
	binary.BigEndian.PutUint32(tcp[4:], uint32(n)*977)
	tcp[12], tcp[13] = 5<<4, 2 // SYN
	binary.BigEndian.PutUint16(tcp[14:], 1024)
	binary.BigEndian.PutUint16(tcp[16:], tcpSum(b))
	if s.badSum {
		tcp[16] ^= 0x55
	}
	return b
}

// tcpSum is the checksum of the TCP header with its pseudo header.
func tcpSum(b []byte) uint16 {
	sum := uint32(unix.IPPROTO_TCP) + uint32(len(b)-20)
	for i := 12; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// send sends n packets. What the host itself refuses (an output rule) is what
// the test is about.
func (p *pair) send(fd int, s packet, n int) {
	for i := range n {
		to := &unix.SockaddrInet4{}
		copy(to.Addr[:], s.to.To4())
		err := unix.Sendto(fd, s.bytes(i), 0, to)
		if err != nil && err != unix.EPERM && err != unix.ENOBUFS && err != unix.ENETUNREACH {
			p.t.Errorf("sending: %v", err)
			return
		}
		if i%10 == 9 { // a CPU that is busy with something else must not lose any
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// noIPv6 keeps a host from sending anything by itself.
func noIPv6(t *testing.T) {
	if _, err := os.Stat("/proc/sys/net/ipv6"); err == nil {
		sysctl(t, "net/ipv6/conf/all/disable_ipv6", "1")
		sysctl(t, "net/ipv6/conf/default/disable_ipv6", "1")
	}
}

func sysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
		t.Skip(err)
	}
}

// chain makes a filter chain with rules; each rule matches TCP to a port.
func (p *pair) chain(hook *nftables.ChainHook, rules ...[]expr.Any) {
	p.t.Helper()
	conn, err := nftables.New()
	p.must(err)
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "balance"})
	c := conn.AddChain(&nftables.Chain{
		Name: "c", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter,
	})
	for _, exprs := range rules {
		conn.AddRule(&nftables.Rule{Table: table, Chain: c, Exprs: exprs})
	}
	if err := conn.Flush(); err != nil {
		p.t.Skip("nf_tables rules cannot be made here: ", err)
	}
}

func toPort(port uint16, then ...expr.Any) []expr.Any {
	return append([]expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)},
	}, then...)
}

var drop = &expr.Verdict{Kind: expr.VerdictDrop}

// bookkeeping is the part of the JSON diagnosis that the balance compares.
type bookkeeping struct {
	Ledger []struct {
		Hop, Direction, Counter string
		Drops                   float64
	}
	Probes []struct{ Name, Status, Why string }
}

// diagnosed runs the built program in the sick host and sends in the middle of
// its observation.
func (p *pair) diagnosed(program string, send func()) bookkeeping {
	p.t.Helper()
	cmd := exec.Command(program, "diagnose", "--json", "--duration", p.observe)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	p.must(cmd.Start())
	time.Sleep(900 * time.Millisecond)
	send()
	if err := cmd.Wait(); err != nil {
		p.t.Fatalf("%v: %s", err, errOut.String())
	}
	var b bookkeeping
	p.must(json.Unmarshal(out.Bytes(), &b))
	return b
}

// Drops known to the packet stand in the ledger, at their place, and once.
func TestLedgerToThePacket(t *testing.T) {
	const n = 137
	in := packet{from: otherAddr, to: sickAddr, port: sickPort}
	out := packet{from: sickAddr, to: otherAddr, port: sickPort}
	tests := []struct {
		name    string
		sick    func(p *pair)
		send    func(p *pair)
		hop     string
		dir     string
		want    float64 // in all
		reasons bool    // needs the kernel's drop reasons
	}{
		{name: "a rule with a counter", hop: "netfilter", dir: "rx", want: n,
			sick: func(p *pair) { p.chain(nftables.ChainHookInput, toPort(sickPort, &expr.Counter{}, drop)) },
			send: func(p *pair) { p.send(p.other, in, n) }},
		{name: "a rule without a counter", hop: "netfilter", dir: "rx", want: n,
			sick: func(p *pair) { p.chain(nftables.ChainHookInput, toPort(sickPort, drop)) },
			send: func(p *pair) { p.send(p.other, in, n) }},
		{name: "rules with and without a counter", hop: "netfilter", dir: "rx", want: n + 20, reasons: true,
			sick: func(p *pair) {
				p.chain(nftables.ChainHookInput, toPort(sickPort, drop), toPort(9090, &expr.Counter{}, drop))
			},
			send: func(p *pair) {
				p.send(p.other, in, n)
				p.send(p.other, packet{from: otherAddr, to: sickAddr, port: 9090}, 20)
			}},
		{name: "a rule before routing", hop: "netfilter", dir: "rx", want: n,
			sick: func(p *pair) { p.chain(nftables.ChainHookPrerouting, toPort(sickPort, &expr.Counter{}, drop)) },
			send: func(p *pair) { p.send(p.other, in, n) }},
		{name: "a rule on output", hop: "netfilter", dir: "tx", want: n,
			sick: func(p *pair) { p.chain(nftables.ChainHookOutput, toPort(sickPort, &expr.Counter{}, drop)) },
			send: func(p *pair) { p.send(p.sick, out, n) }},
		{name: "a rule on output without a counter", hop: "netfilter", dir: "tx", want: n, reasons: true,
			sick: func(p *pair) { p.chain(nftables.ChainHookOutput, toPort(sickPort, drop)) },
			send: func(p *pair) { p.send(p.sick, out, n) }},
		{name: "reverse path", hop: "ip", dir: "rx", want: n,
			sick: func(p *pair) {
				sysctl(p.t, "net/ipv4/conf/all/rp_filter", "1")
				sysctl(p.t, "net/ipv4/conf/eth0/rp_filter", "1")
			},
			send: func(p *pair) {
				p.send(p.other, packet{from: net.IPv4(10, 77, 0, 5), to: sickAddr, port: sickPort}, n)
			}},
		{name: "no route to forward to", hop: "ip", dir: "rx", want: n,
			sick: func(p *pair) { sysctl(p.t, "net/ipv4/ip_forward", "1") },
			send: func(p *pair) { p.send(p.other, packet{from: otherAddr, to: farAddr, port: sickPort}, n) }},
		{name: "bad checksums", hop: "tcp", dir: "rx", want: n,
			send: func(p *pair) {
				p.send(p.other, packet{from: otherAddr, to: sickAddr, port: sickPort, badSum: true}, n)
			}},
		{name: "generic XDP", hop: "bpf", dir: "rx", want: n, reasons: true,
			sick: func(p *pair) { p.xdp() },
			send: func(p *pair) { p.send(p.other, in, n) }},
		{name: "tc", hop: "bpf", dir: "rx", want: n,
			sick: func(p *pair) { p.tc() },
			send: func(p *pair) { p.send(p.other, in, n) }},
		{name: "a full accept queue", hop: "listen", dir: "rx", want: n,
			sick: func(p *pair) { p.fullListener() },
			send: func(p *pair) { p.send(p.other, in, n) }},
		{name: "a rule on forwarded packets", hop: "netfilter", dir: "rx", want: n,
			sick: func(p *pair) {
				sysctl(p.t, "net/ipv4/ip_forward", "1")
				p.must(netlink.RouteAdd(&netlink.Route{
					LinkIndex: p.link.Attrs().Index, Gw: otherAddr, Dst: &net.IPNet{IP: farAddr, Mask: net.CIDRMask(24, 32)},
				}))
				p.chain(nftables.ChainHookForward, toPort(sickPort, &expr.Counter{}, drop))
			},
			send: func(p *pair) { p.send(p.other, packet{from: otherAddr, to: farAddr, port: sickPort}, n) }},
		{name: "a neighbour that is not there", hop: "neigh", dir: "tx", want: n, reasons: true,
			sick: func(p *pair) { p.observe = "5s" }, // it is given up after three seconds
			send: func(p *pair) {
				p.send(p.sick, packet{from: sickAddr, to: net.IPv4(10, 99, 0, 77), port: sickPort}, n)
			}},
		{name: "a full egress queue", hop: "qdisc", dir: "tx", want: n - 4,
			sick: func(p *pair) { p.slowQueue() },
			send: func(p *pair) { p.send(p.sick, out, n) }},
		{name: "a closed port is no loss", want: 0,
			send: func(p *pair) { p.send(p.other, in, n) }},
	}
	program := built(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for attempt := 1; ; attempt++ {
				p := newPair(t)
				if tt.sick != nil {
					tt.sick(p)
				}
				b := p.diagnosed(program, func() { tt.send(p) })
				if why := b.without("drops"); tt.reasons && why != "" {
					t.Skip("drop reasons: ", why)
				}
				there, all := b.lost(tt.hop, tt.dir)
				if there == tt.want && all == tt.want {
					return
				}
				// A busy machine can lose packets of its own accord, once.
				if attempt == 2 {
					t.Fatalf("%v packets were lost at %s %s; the ledger has %v there and %v in all: %v", tt.want, tt.hop, tt.dir, there, all, b.Ledger)
				}
				t.Logf("%v there, %v in all, once more: %v", there, all, b.Ledger)
			}
		})
	}
}

// without says why a probe saw nothing, "" if it did.
func (b *bookkeeping) without(probe string) string {
	for _, p := range b.Probes {
		if p.Name == probe && p.Status != "ok" {
			return p.Why
		}
	}
	return ""
}

// lost adds up the ledger: one place, and all.
func (b *bookkeeping) lost(hop, direction string) (there, all float64) {
	for _, e := range b.Ledger {
		all += e.Drops
		if e.Hop == hop && e.Direction == direction {
			there += e.Drops
		}
	}
	return there, all
}

func (p *pair) program(kind ebpf.ProgramType, returns int32) *ebpf.Program {
	p.t.Helper()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: kind, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, returns), asm.Return()},
	})
	if err != nil {
		p.t.Skip("BPF programs cannot be loaded here: ", err)
	}
	p.t.Cleanup(func() { prog.Close() })
	return prog
}

func (p *pair) xdp() {
	const xdpDrop, genericMode = 1, 1 << 1
	if err := netlink.LinkSetXdpFdWithFlags(p.link, p.program(ebpf.XDP, xdpDrop).FD(), genericMode); err != nil {
		p.t.Skip(err)
	}
}

func (p *pair) tc() {
	const shot = 2 // TC_ACT_SHOT
	attrs := netlink.QdiscAttrs{LinkIndex: p.link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}
	if err := netlink.QdiscAdd(&netlink.GenericQdisc{QdiscAttrs: attrs, QdiscType: "clsact"}); err != nil {
		p.t.Skip(err)
	}
	err := netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: p.link.Attrs().Index, Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1, Protocol: unix.ETH_P_IP, Priority: 1,
		},
		Fd: p.program(ebpf.SchedCLS, shot).FD(), Name: "drop", DirectAction: true,
	})
	if err != nil {
		p.t.Skip(err)
	}
}

// slowQueue lets four packets into the queue and none out: of 40 bytes each with
// the link's header.
func (p *pair) slowQueue() {
	const frame = 54
	err := netlink.QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: p.link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       1, Buffer: 1, Limit: 4 * frame,
	})
	if err != nil {
		p.t.Skip("tbf: ", err)
	}
}

// fullListener listens with the smallest backlog and fills it.
func (p *pair) fullListener() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	p.must(err)
	p.t.Cleanup(func() { unix.Close(fd) })
	addr := &unix.SockaddrInet4{Port: sickPort}
	copy(addr.Addr[:], sickAddr)
	p.must(unix.Bind(fd, addr))
	p.must(unix.Listen(fd, 0))
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	p.must(err)
	p.t.Cleanup(func() { unix.Close(c) })
	p.must(unix.Connect(c, addr))
}
