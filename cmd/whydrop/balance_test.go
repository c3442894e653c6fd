package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// loss is what one place of the sick host lost.
type loss struct {
	hop, direction string
	packets        float64
}

func (l loss) String() string { return fmt.Sprintf("%s/%s %v", l.hop, l.direction, l.packets) }

// fault is a way to lose packets that is known to the packet.
type fault struct {
	name string
	sick func(p *pair)
	send func(p *pair)
	want []loss
	// blind is what can be known without the kernel's drop reasons; the same if nil.
	blind []loss
}

// nothing is lost, or nothing can be known.
var nothing = []loss{}

// at is a single place.
func at(hop, direction string, packets float64) []loss { return []loss{{hop, direction, packets}} }

const n = 137 // packets that a fault loses

var (
	in    = packet{from: otherAddr, to: sickAddr, port: sickPort}
	out   = packet{from: sickAddr, to: otherAddr, port: sickPort}
	in6   = packet{from: otherAddr6, to: sickAddr6, port: sickPort}
	inUDP = packet{from: otherAddr, to: sickAddr, port: sickPort, udp: true}
	far   = packet{from: otherAddr, to: farAddr, port: sickPort}
	far6  = packet{from: otherAddr6, to: farAddr6, port: sickPort}

	comesIn = func(p *pair) { p.send(p.other, in, n) }
	goesOut = func(p *pair) { p.send(p.sick, out, n) }
	talks   = func(p *pair) { p.talk(n) }
	passes  = func(p *pair) { p.send(p.other, far, n) }
)

// Packets that a rule takes.
var ruleFaults = []fault{
	{name: "a rule with a counter", want: at("netfilter", "rx", n), send: comesIn,
		sick: func(p *pair) { p.chain(nftables.ChainHookInput, tcp(sickPort, &expr.Counter{}, drop)) }},
	{name: "a rule without a counter", want: at("netfilter", "rx", n), send: comesIn,
		sick: func(p *pair) { p.chain(nftables.ChainHookInput, tcp(sickPort, drop)) }},
	{name: "rules with and without a counter", want: at("netfilter", "rx", n+20),
		sick: func(p *pair) {
			p.chain(nftables.ChainHookInput, tcp(sickPort, drop), tcp(9090, &expr.Counter{}, drop))
		},
		send: func(p *pair) {
			comesIn(p)
			p.send(p.other, packet{from: otherAddr, to: sickAddr, port: 9090}, 20)
		}},
	{name: "a rule of both families without a counter", want: at("netfilter", "rx", n+20),
		sick: func(p *pair) { p.ipv6(); p.chain(nftables.ChainHookInput, tcp(sickPort, drop)) },
		send: func(p *pair) { p.frames(in6, n); p.send(p.other, in, 20) }},
	{name: "a rule for UDP", want: at("netfilter", "rx", n),
		sick: func(p *pair) { p.chain(nftables.ChainHookInput, udp(sickPort, &expr.Counter{}, drop)) },
		send: func(p *pair) { p.send(p.other, inUDP, n) }},
	{name: "a rule for UDP without a counter", want: at("netfilter", "rx", n),
		sick: func(p *pair) { p.chain(nftables.ChainHookInput, udp(sickPort, drop)) },
		send: func(p *pair) { p.send(p.other, inUDP, n) }},
	{name: "a default and a rule", want: at("netfilter", "rx", n+20),
		sick: func(p *pair) {
			p.chainOf(nftables.TableFamilyINet, nftables.ChainHookInput, nftables.ChainPolicyDrop, tcp(9090, &expr.Counter{}, drop))
		},
		send: func(p *pair) {
			comesIn(p)
			p.send(p.other, packet{from: otherAddr, to: sickAddr, port: 9090}, 20)
		}},
	{name: "a rule before routing", want: at("netfilter", "rx", n), send: comesIn,
		sick: func(p *pair) { p.chain(nftables.ChainHookPrerouting, tcp(sickPort, &expr.Counter{}, drop)) }},
	{name: "a rule on output", want: at("netfilter", "tx", n), send: goesOut,
		sick: func(p *pair) { p.chain(nftables.ChainHookOutput, tcp(sickPort, &expr.Counter{}, drop)) }},
	{name: "a rule on output without a counter", want: at("netfilter", "tx", n), send: talks,
		sick: func(p *pair) { p.chain(nftables.ChainHookOutput, udp(sickPort, drop)) }},
	{name: "a rule on input with a counter, one on output without", want: []loss{{"netfilter", "rx", 20}, {"netfilter", "tx", n}},
		sick: func(p *pair) {
			p.chain(nftables.ChainHookInput, tcp(sickPort, &expr.Counter{}, drop))
			p.chain(nftables.ChainHookOutput, udp(sickPort, drop))
		},
		send: func(p *pair) { talks(p); p.send(p.other, in, 20) }},
	{name: "a rule on forwarded packets", want: at("netfilter", "rx", n), send: passes,
		sick: func(p *pair) {
			p.route(farAddr, unix.RTN_UNICAST)
			p.chain(nftables.ChainHookForward, tcp(sickPort, &expr.Counter{}, drop))
		}},
	{name: "a rule on forwarded packets without a counter", want: at("netfilter", "rx", n), send: passes,
		sick: func(p *pair) {
			p.route(farAddr, unix.RTN_UNICAST)
			p.chain(nftables.ChainHookForward, tcp(sickPort, drop))
		}},
	{name: "a rule of the device's egress", want: at("netfilter", "tx", n), blind: nothing, send: goesOut,
		sick: func(p *pair) {
			p.chainOf(nftables.TableFamilyNetdev, nftables.ChainHookEgress, 0, tcp(sickPort, drop))
		}},
}

// Packets that find no way.
var wayFaults = []fault{
	{name: "reverse path", want: at("ip", "rx", n),
		sick: func(p *pair) {
			sysctl(p.t, "net/ipv4/conf/all/rp_filter", "1")
			sysctl(p.t, "net/ipv4/conf/eth0/rp_filter", "1")
		},
		send: func(p *pair) {
			p.send(p.other, packet{from: net.IPv4(10, 77, 0, 5), to: sickAddr, port: sickPort}, n)
		}},
	{name: "no route to forward to", want: at("ip", "rx", n), send: passes,
		sick: func(p *pair) { sysctl(p.t, "net/ipv4/ip_forward", "1") }},
	{name: "a blackhole route", want: at("ip", "rx", n), send: passes,
		sick: func(p *pair) { p.route(farAddr, unix.RTN_BLACKHOLE) }},
	{name: "a blackhole route beside a rule without a counter", want: at("ip", "rx", n), blind: at("netfilter", "rx", n), send: passes,
		sick: func(p *pair) {
			p.route(farAddr, unix.RTN_BLACKHOLE)
			p.chain(nftables.ChainHookInput, tcp(9090, drop))
		}},
	{name: "a prohibit route of IPv6", want: at("ip", "rx", n),
		sick: func(p *pair) { p.ipv6(); p.route(farAddr6, unix.RTN_PROHIBIT) },
		send: func(p *pair) { p.frames(far6, n) }},
	{name: "a neighbour that is not there", want: at("neigh", "tx", n), blind: nothing,
		sick: func(p *pair) { p.observe = "5s" }, // it is given up after three seconds
		send: func(p *pair) {
			p.send(p.sick, packet{from: sickAddr, to: net.IPv4(10, 99, 0, 77), port: sickPort}, n)
		}},
	{name: "the other end is down", want: at("link", "tx", n), send: goesOut,
		sick: func(p *pair) {
			p.must(netns.Set(p.otherNS))
			p.must(netlink.LinkSetDown(p.far))
			p.must(netns.Set(p.sickNS))
		}},
	{name: "the other end takes less", want: at("link", "tx", n),
		sick: func(p *pair) {
			p.must(netns.Set(p.otherNS))
			p.must(netlink.LinkSetMTU(p.far, 600))
			p.must(netns.Set(p.sickNS))
		},
		send: func(p *pair) {
			p.send(p.sick, packet{from: sickAddr, to: otherAddr, port: sickPort, udp: true, size: 800}, n)
		}},
}

// Packets that a queue or a BPF program takes, and those that a socket refuses.
var queueFaults = []fault{
	{name: "generic XDP", want: at("bpf", "rx", n), blind: nothing, sick: (*pair).xdp, send: comesIn},
	{name: "tc", want: at("bpf", "rx", n), send: comesIn, sick: func(p *pair) { p.tc(netlink.HANDLE_MIN_INGRESS) }},
	{name: "tc on the way out", want: at("bpf", "tx", n), blind: at("bpf", "rx", n), send: goesOut,
		sick: func(p *pair) { p.tc(netlink.HANDLE_MIN_EGRESS) }},
	{name: "tcx", want: at("bpf", "rx", n), blind: nothing, sick: (*pair).tcx, send: comesIn},
	{name: "a full egress queue", want: at("qdisc", "tx", n-4), sick: (*pair).slowQueue, send: goesOut},
	{name: "a tun device that nobody reads", want: at("nic", "tx", n-10), sick: (*pair).deafTun,
		send: func(p *pair) {
			p.send(p.sick, packet{from: tunAddr, to: net.IPv4(10, 66, 0, 2), port: sickPort}, n)
		}},
	{name: "bad checksums", want: at("tcp", "rx", n),
		send: func(p *pair) {
			p.send(p.other, packet{from: otherAddr, to: sickAddr, port: sickPort, badSum: true}, n)
		}},
	{name: "a full accept queue", want: at("listen", "rx", n), sick: (*pair).fullListener, send: comesIn},
	{name: "a UDP socket that nobody reads", want: at("socket", "rx", n-1), sick: (*pair).slowReader,
		send: func(p *pair) {
			p.send(p.other, packet{from: otherAddr, to: sickAddr, port: sickPort, udp: true, size: 1200}, n)
		}},
	{name: "UDP with bad checksums", want: at("socket", "rx", n), sick: (*pair).slowReader,
		send: func(p *pair) {
			p.send(p.other, packet{from: otherAddr, to: sickAddr, port: sickPort, udp: true, badSum: true}, n)
		}},
	{name: "a closed port is no loss", want: nothing, send: comesIn},
	{name: "what is for others, or for nobody, is no loss", want: nothing,
		send: func(p *pair) {
			lldp := net.HardwareAddr{1, 0x80, 0xc2, 0, 0, 0x0e}
			p.raw(lldp, []byte{0x88, 0xcc}, n, func(int) []byte { return make([]byte, 46) })
			p.raw(net.HardwareAddr{2, 0, 0, 0, 0, 0x99}, []byte{8, 0}, n, in.bytes)
			p.raw(net.HardwareAddr{1, 0, 0x5e, 1, 2, 3}, []byte{8, 0}, n, packet{from: otherAddr, to: net.IPv4(239, 1, 2, 3), port: 5353, udp: true}.bytes)
			p.frames(far, n)
			p.frames(in6, n) // IPv6 is off
		}},
}

// bookkeeping is the part of the JSON diagnosis that the balance compares.
type bookkeeping struct {
	Ledger []struct {
		Hop, Direction, Counter, Cause string
		Drops                          float64
	}
	Probes []struct{ Name, Status, Why string }
}

// diagnosed runs the built program twice in the sick host, with all rights and
// without those for BPF, and sends in the middle of their observation.
func (p *pair) diagnosed(program string, send func()) (sees, blind bookkeeping) {
	p.t.Helper()
	books := []*bookkeeping{&sees, &blind}
	cmds := make([]*exec.Cmd, len(books))
	outs := make([]bytes.Buffer, len(books))
	errs := make([]bytes.Buffer, len(books))
	for i := range books {
		cmds[i] = exec.Command(program, "diagnose", "--json", "--duration", p.observe)
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], &errs[i]
		if i > 0 {
			cmds[i].SysProcAttr = &syscall.SysProcAttr{
				Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
				AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_DAC_READ_SEARCH},
			}
		}
		p.must(cmds[i].Start())
	}
	time.Sleep(1200 * time.Millisecond)
	send()
	for i, b := range books {
		if err := cmds[i].Wait(); err != nil {
			p.t.Fatalf("%v: %s", err, errs[i].String())
		}
		p.must(json.Unmarshal(outs[i].Bytes(), b))
	}
	return sees, blind
}

// Drops known to the packet stand in the ledger, at their place, and once; what
// cannot be known without the kernel's drop reasons, nowhere.
func TestLedgerToThePacket(t *testing.T) {
	program := built(t)
	for _, tt := range slices.Concat(ruleFaults, wayFaults, queueFaults) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.blind == nil {
				tt.blind = tt.want
			}
			for attempt := 1; ; attempt++ {
				p := newPair(t)
				if tt.sick != nil {
					tt.sick(p)
				}
				sees, blind := p.diagnosed(program, func() { tt.send(p) })
				wrong := blind.wrong(tt.blind)
				if sees.without("drops") == "" {
					wrong += sees.wrong(tt.want)
				}
				if wrong == "" {
					return
				}
				// A busy machine can lose packets of its own accord, once.
				if attempt == 2 {
					t.Fatalf("lost were %v (without BPF %v), the ledger has %s", tt.want, tt.blind, wrong)
				}
				t.Log("once more: ", wrong)
			}
		})
	}
}

// wrong returns the ledger if it has anything else than was lost, "" if not.
func (b *bookkeeping) wrong(want []loss) string {
	var have []loss
	var lines []string
	for _, e := range b.Ledger {
		lines = append(lines, fmt.Sprintf("%s/%s %v %s (%s); ", e.Hop, e.Direction, e.Drops, e.Counter, e.Cause))
		i := slices.IndexFunc(have, func(l loss) bool { return l.hop == e.Hop && l.direction == e.Direction })
		if i < 0 {
			have = append(have, loss{e.Hop, e.Direction, 0})
			i = len(have) - 1
		}
		have[i].packets += e.Drops
	}
	same := len(have) == len(want)
	for _, l := range want {
		same = same && slices.Contains(have, l)
	}
	if same {
		return ""
	}
	return "[" + strings.Join(lines, "") + "] "
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
