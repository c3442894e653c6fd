package main

import (
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"strconv"
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
)

// The two hosts of the balance: the sick one, which is diagnosed, and the other
// end of its only link.
var (
	sickAddr                        = net.IPv4(10, 99, 0, 1).To4()
	otherAddr                       = net.IPv4(10, 99, 0, 2).To4()
	sickAddr6, otherAddr6, farAddr6 = net.ParseIP("fd99::1"), net.ParseIP("fd99::2"), net.ParseIP("fd55::7")
	farAddr                         = net.IPv4(10, 55, 0, 0).To4() // a network that lies behind the sick host, as the other believes
)

var tunAddr = net.IPv4(10, 66, 0, 1).To4()

const sickPort = 8080

// pair is two network namespaces joined by a veth link, with a raw socket in
// each. The thread of the test stays in the sick one.
type pair struct {
	t           *testing.T
	sick, other int          // raw sockets
	link        netlink.Link // the sick host's
	far         netlink.Link // the other host's
	otherNS     netns.NsHandle
	sickNS      netns.NsHandle
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
	p := &pair{t: t, other: rawSocket(t), otherNS: other, observe: "2500ms"}
	sick, err := netns.New()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { sick.Close() })
	noIPv6(t)
	p.sickNS = sick
	p.sick = rawSocket(t)
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(other),
	}
	p.must(netlink.LinkAdd(veth))
	p.link = p.address("eth0", sickAddr)
	p.must(netns.Set(other))
	p.far = p.address("eth0", otherAddr)
	p.neighbour(p.far, sickAddr, p.link)
	p.must(netlink.RouteAdd(&netlink.Route{LinkIndex: p.far.Attrs().Index, Gw: sickAddr, Dst: &net.IPNet{IP: farAddr, Mask: net.CIDRMask(24, 32)}}))
	p.must(netns.Set(sick))
	p.neighbour(p.link, otherAddr, p.far)
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

// packet is a SYN, or a small UDP datagram, with its IP header.
type packet struct {
	from, to net.IP
	port     uint16
	udp      bool
	badSum   bool
	size     int // of the payload
}

func (s packet) bytes(n int) []byte {
	l4, protocol, sumAt := 20, byte(unix.IPPROTO_TCP), 16
	if s.udp {
		l4, protocol, sumAt = 8, unix.IPPROTO_UDP, 6
	}
	l4 += s.size
	var b, pseudo []byte
	ip := 20
	if to := s.to.To4(); to != nil {
		b = make([]byte, ip+l4)
		b[0], b[8], b[9] = 0x45, 64, protocol
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		copy(b[12:], s.from.To4())
		copy(b[16:], to)
		binary.BigEndian.PutUint16(b[10:], checksum(b[:20]))
		pseudo = b[12:20]
	} else {
		ip = 40
		b = make([]byte, ip+l4)
		b[0], b[6], b[7] = 0x60, protocol, 64
		binary.BigEndian.PutUint16(b[4:], uint16(l4))
		copy(b[8:], s.from.To16())
		copy(b[24:], s.to.To16())
		pseudo = b[8:40]
	}
	h := b[ip:]
	binary.BigEndian.PutUint16(h, uint16(20000+n%40000))
	binary.BigEndian.PutUint16(h[2:], s.port)
	if s.udp {
		binary.BigEndian.PutUint16(h[4:], uint16(l4))
	} else {
		binary.BigEndian.PutUint32(h[4:], uint32(n)*977)
		h[12], h[13] = 5<<4, 2 // SYN
		binary.BigEndian.PutUint16(h[14:], 1024)
	}
	binary.BigEndian.PutUint16(h[sumAt:], checksum(pseudo, []byte{0, protocol, byte(l4 >> 8), byte(l4)}, h))
	if s.badSum {
		h[sumAt] ^= 0x55
	}
	return b
}

// checksum is the Internet checksum (RFC 1071) of parts of even length.
func checksum(parts ...[]byte) uint16 {
	sum := uint32(0)
	for _, b := range parts {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// send sends n packets through the IP of a host. What the host itself refuses (an
// output rule) is what the test is about.
func (p *pair) send(fd int, s packet, n int) {
	for i := range n {
		to := &unix.SockaddrInet4{}
		copy(to.Addr[:], s.to.To4())
		err := unix.Sendto(fd, s.bytes(i), 0, to)
		if err != nil && err != unix.EPERM && err != unix.ENOBUFS && err != unix.ENETUNREACH {
			p.t.Errorf("sending: %v", err)
			return
		}
		pause(i)
	}
}

// talk sends n datagrams through a socket of the sick host: IP counts those of raw
// sockets only once they have left.
func (p *pair) talk(n int) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	p.must(err)
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Port: sickPort}
	copy(to.Addr[:], otherAddr)
	for i := range n {
		if err := unix.Sendto(fd, make([]byte, 20), 0, to); err != nil && err != unix.EPERM {
			p.t.Errorf("sending: %v", err)
			return
		}
		pause(i)
	}
}

// frames sends n packets of the other host as frames: whatever its IP thinks of
// them.
func (p *pair) frames(s packet, n int) {
	etherType := []byte{0x08, 0}
	if s.to.To4() == nil {
		etherType = []byte{0x86, 0xdd}
	}
	p.raw(p.link.Attrs().HardwareAddr, etherType, n, s.bytes)
}

func (p *pair) raw(to net.HardwareAddr, etherType []byte, n int, payload func(i int) []byte) {
	p.must(netns.Set(p.otherNS))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	p.must(netns.Set(p.sickNS))
	p.must(err)
	defer unix.Close(fd)
	for i := range n {
		frame := append([]byte{}, to...)
		frame = append(frame, p.far.Attrs().HardwareAddr...)
		frame = append(frame, etherType...)
		if err := unix.Sendto(fd, append(frame, payload(i)...), 0, &unix.SockaddrLinklayer{Ifindex: p.far.Attrs().Index}); err != nil {
			p.t.Errorf("sending: %v", err)
			return
		}
		pause(i)
	}
}

// pause lets a CPU that is busy with something else keep up.
func pause(i int) {
	if i%10 == 9 {
		time.Sleep(2 * time.Millisecond)
	}
}

// ipv6 gives both hosts an address of IPv6, and the sick one no reason to send
// anything by itself.
func (p *pair) ipv6() {
	const stableSecret = "1" // no link-local address, so nothing to announce
	for _, host := range []struct {
		ns         netns.NsHandle
		link       netlink.Link
		addr, peer net.IP
		at         netlink.Link
	}{{p.otherNS, p.far, otherAddr6, sickAddr6, p.link}, {p.sickNS, p.link, sickAddr6, otherAddr6, p.far}} {
		p.must(netns.Set(host.ns))
		sysctl(p.t, "net/ipv6/conf/eth0/addr_gen_mode", stableSecret)
		sysctl(p.t, "net/ipv6/conf/eth0/router_solicitations", "0")
		sysctl(p.t, "net/ipv6/conf/all/disable_ipv6", "0")
		sysctl(p.t, "net/ipv6/conf/eth0/disable_ipv6", "0")
		p.must(netlink.AddrAdd(host.link, &netlink.Addr{IPNet: &net.IPNet{IP: host.addr, Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD}))
		p.neighbour(host.link, host.peer, host.at)
	}
}

// route adds a route of the sick host to the network that the other believes
// behind it.
func (p *pair) route(to net.IP, kind int) {
	p.t.Helper()
	sysctl(p.t, "net/ipv4/ip_forward", "1")
	dst, via := &net.IPNet{IP: farAddr, Mask: net.CIDRMask(24, 32)}, otherAddr
	if to.To4() == nil {
		sysctl(p.t, "net/ipv6/conf/all/forwarding", "1")
		dst, via = &net.IPNet{IP: farAddr6.Mask(net.CIDRMask(64, 128)), Mask: net.CIDRMask(64, 128)}, otherAddr6
	}
	r := &netlink.Route{Dst: dst, Type: kind}
	if kind == unix.RTN_UNICAST {
		r.LinkIndex, r.Gw = p.link.Attrs().Index, via
	}
	p.must(netlink.RouteAdd(r))
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

// chain makes a filter chain of a family with rules, and a policy.
func (p *pair) chain(hook *nftables.ChainHook, rules ...[]expr.Any) {
	p.t.Helper()
	p.chainOf(nftables.TableFamilyINet, hook, nftables.ChainPolicyAccept, rules...)
}

func (p *pair) chainOf(family nftables.TableFamily, hook *nftables.ChainHook, policy nftables.ChainPolicy, rules ...[]expr.Any) {
	p.t.Helper()
	conn, err := nftables.New()
	p.must(err)
	table := conn.AddTable(&nftables.Table{Family: family, Name: "balance"})
	chain := &nftables.Chain{
		Name: "c" + strconv.Itoa(int(*hook)), Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter,
	}
	if family == nftables.TableFamilyNetdev {
		chain.Device = "eth0"
	} else {
		chain.Policy = &policy
	}
	c := conn.AddChain(chain)
	for _, exprs := range rules {
		conn.AddRule(&nftables.Rule{Table: table, Chain: c, Exprs: exprs})
	}
	if err := conn.Flush(); err != nil {
		p.t.Skip("nf_tables rules cannot be made here: ", err)
	}
}

// tcp matches TCP to a port, udp UDP.
func tcp(port uint16, then ...expr.Any) []expr.Any { return toPort(unix.IPPROTO_TCP, port, then) }
func udp(port uint16, then ...expr.Any) []expr.Any { return toPort(unix.IPPROTO_UDP, port, then) }

func toPort(protocol byte, port uint16, then []expr.Any) []expr.Any {
	return append([]expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)},
	}, then...)
}

var drop = &expr.Verdict{Kind: expr.VerdictDrop}

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

func (p *pair) tc(parent uint32) {
	const shot = 2 // TC_ACT_SHOT
	attrs := netlink.QdiscAttrs{LinkIndex: p.link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}
	if err := netlink.QdiscAdd(&netlink.GenericQdisc{QdiscAttrs: attrs, QdiscType: "clsact"}); err != nil {
		p.t.Skip(err)
	}
	err := netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: p.link.Attrs().Index, Parent: parent, Handle: 1, Protocol: unix.ETH_P_IP, Priority: 1,
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

// tcx attaches a program that drops without a qdisc.
func (p *pair) tcx() {
	const dropped = 2 // TCX_DROP
	l, err := link.AttachTCX(link.TCXOptions{
		Program: p.program(ebpf.SchedCLS, dropped), Interface: p.link.Attrs().Index, Attach: ebpf.AttachTCXIngress,
	})
	if err != nil {
		p.t.Skip("tcx: ", err)
	}
	p.t.Cleanup(func() { l.Close() })
}

// deafTun makes a tun device whose program never reads, with room for ten packets.
func (p *pair) deafTun() {
	tun := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tun0", TxQLen: 10}, Mode: netlink.TUNTAP_MODE_TUN, Queues: 1, Flags: netlink.TUNTAP_NO_PI}
	if err := netlink.LinkAdd(tun); err != nil {
		p.t.Skip("tun: ", err)
	}
	p.t.Cleanup(func() {
		for _, fd := range tun.Fds {
			fd.Close()
		}
	})
	p.must(netlink.LinkSetTxQLen(tun, tun.TxQLen))
	p.must(netlink.LinkSetUp(tun))
	p.must(netlink.AddrAdd(tun, &netlink.Addr{IPNet: &net.IPNet{IP: tunAddr, Mask: net.CIDRMask(24, 32)}}))
}

// slowReader is a UDP socket with the smallest receive buffer that nobody reads.
func (p *pair) slowReader() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	p.must(err)
	p.t.Cleanup(func() { unix.Close(fd) })
	p.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1))
	addr := &unix.SockaddrInet4{Port: sickPort}
	copy(addr.Addr[:], sickAddr)
	p.must(unix.Bind(fd, addr))
}
