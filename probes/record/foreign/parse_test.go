package foreign

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whydrop/probes/fact"
	"whydrop/probes/links"
	"whydrop/probes/sockets/inetdiag"
)

// What net-tools of different years print is the same counter.
func TestNetstat(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[string]uint64
	}{
		"2.10": {
			"Ip:\n    Forwarding: 1\n    10 total packets received\n    2 outgoing packets failed fragmentation\n    OutTransmits: 9\nIcmp:\n    5 ICMP messages received\n    ICMP input histogram:\n        destination unreachable: 3\n    ICMP output histogram:\n        destination unreachable: 4\nIcmpMsg:\n        InType3: 3\nTcp:\n    7 segments retransmitted\nUdp:\n    6 packets received\nTcpExt:\n    8 times the listen queue of a socket overflowed\n    Quick ack mode was activated 11 times\n    TCPSynRetrans: 12\nIpExt:\n    InCEPkts: 13\n",
			map[string]uint64{
				"Ip.InReceives": 10, "Ip.FragFails": 2, "Ip.OutTransmits": 9, "Icmp.InMsgs": 5, "Icmp.InDestUnreachs": 3, "Icmp.OutDestUnreachs": 4,
				"IcmpMsg.InType3": 3, "Tcp.RetransSegs": 7, "Udp.InDatagrams": 6, "TcpExt.ListenOverflows": 8, "TcpExt.DelayedACKLost": 11,
				"TcpExt.TCPSynRetrans": 12, "IpExt.InCEPkts": 13,
			},
		},
		"1.60": {
			"Tcp:\n    64 active connections openings\n    5 segments send out\n    4 segments retransmited\n    3 bad segments received.\nTcpExt:\n    54977 SYNs to LISTEN sockets ignored\n    20 times recovered from packet loss due to SACK data\n    345 other TCP timeouts\n    TCPRenoRecovery: 30090\n",
			map[string]uint64{
				"Tcp.ActiveOpens": 64, "Tcp.OutSegs": 5, "Tcp.RetransSegs": 4, "Tcp.InErrs": 3, "TcpExt.ListenDrops": 54977,
				"TcpExt.TCPSackRecovery": 20, "TcpExt.TCPTimeouts": 345, "TcpExt.TCPRenoRecovery": 30090,
			},
		},
		"picked by grep": {
			"    379435 times the listen queue of a socket overflowed\n    TCPBacklogDrop: 7\n    5 packets received\n",
			map[string]uint64{"TcpExt.ListenOverflows": 379435, "TcpExt.TCPBacklogDrop": 7, "Udp.InDatagrams": 5},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseNetstat(test.text)
			if err != nil {
				t.Fatal(err)
			}
			for counter, want := range test.want {
				if got[counter] != want {
					t.Errorf("%s is %d, want %d", counter, got[counter], want)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("counters %v, want %v", got, test.want)
			}
		})
	}
}

// Every line of the table names a counter as the kernel spells it, once for each
// phrase of a section.
func TestNetstatTable(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(netstatTable) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 {
			if !strings.HasPrefix(line, "#") {
				t.Errorf("%q: expected three columns", line)
			}
			continue
		}
		group, name, ok := strings.Cut(f[2], ".")
		if !ok || !isName(group) || !isName(name) || !strings.HasPrefix(f[0], group) || strings.Count(f[1], "#") != 1 {
			t.Errorf("%q: expected section, phrase with a #, and a counter of the section", line)
		}
		if seen[f[0]+f[1]] {
			t.Errorf("%q stands there twice", line)
		}
		seen[f[0]+f[1]] = true
	}
	if len(seen) < 100 {
		t.Errorf("%d phrases", len(seen))
	}
}

const printedSS = `State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process
LISTEN     9      8            0.0.0.0:8443       0.0.0.0:*     users:(("orders api",pid=71,fd=5)) ino:900 sk:a1 cgroup:/ <->
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d216) cubic cwnd:10
ESTAB      4096   2896 [::ffff:192.0.2.7]:8443 [::ffff:198.51.100.9]:40000 users:(("orders api",pid=71,fd=9),("helper",pid=72,fd=9)) timer:(on,1.2sec,3) ino:901 sk:a2 <->
	 skmem:(r8000,rb131072,t0,tb87040,f0,w5000,o0,bl0,d1) ts sack cubic wscale:7,7 rto:1632 backoff:3 rtt:25.5/10 mss:1448 pmtu:1500 cwnd:1 ssthresh:5 bytes_sent:9000 bytes_retrans:2896 bytes_acked:6105 bytes_received:77 segs_out:12 segs_in:9 data_segs_out:10 data_segs_in:1 send 454kbps lastsnd:300 lastrcv:9000 lastack:9000 pacing_rate 1Mbps delivery_rate 2.5Mbps delivered:6 busy:8000ms rwnd_limited:100ms(1.2%) unacked:2 retrans:1/4 lost:2 rcv_space:14600 rcv_ssthresh:64088 notsent:500 minrtt:20.25 snd_wnd:65535
`

func TestSS(t *testing.T) {
	p, err := parseSS(printedSS)
	if err != nil || len(p.all) != 2 || !p.info || !p.timers || !p.listeners {
		t.Fatalf("%+v, %v", p, err)
	}
	l, c := p.all[0], p.all[1]
	if l.State != inetdiag.Listen || l.RQueue != 9 || l.WQueue != 8 || l.Mem.Drops != 216 || l.Cookie != 0xa1 {
		t.Errorf("listener %+v", l)
	}
	if c.Local != netip.MustParseAddrPort("192.0.2.7:8443") || c.Timer != inetdiag.TimerRetransmit || c.Retrans != 3 || c.Inode != 901 {
		t.Errorf("connection %+v", c)
	}
	if len(p.owners[901]) != 2 || p.names[72] != "helper" {
		t.Errorf("owners %v %v", p.owners, p.names)
	}
	want := inetdiag.Info{
		Backoff: 3, Options: inetdiag.OptWindowScale, RTO: 1632000, SndMSS: 1448, PMTU: 1500, SndCwnd: 1, RTT: 25500, MinRTT: 20250,
		Unacked: 2, TotalRetrans: 4, BytesSent: 9000, BytesRetrans: 2896, BytesAcked: 6105, BytesReceived: 77, DataSegsOut: 10, DataSegsIn: 1,
		LastDataSent: 300, LastDataRecv: 9000, LastAckRecv: 9000, DeliveryRate: 312500, Delivered: 6, BusyTime: 8000000, RwndLimited: 100000,
		NotsentBytes: 500, SndWnd: 65535,
	}
	if c.Info != want {
		t.Errorf("tcp_info\n%+v, want\n%+v", c.Info, want)
	}
	if !c.Has(inetdiag.LenSndWnd) || c.Has(inetdiag.LenTotalRTO) {
		t.Errorf("tcp_info of %d bytes", c.InfoLen)
	}
}

// Two outputs of ss are compared connection by connection.
func TestSSGrowth(t *testing.T) {
	later := strings.NewReplacer("retrans:1/4", "retrans:1/9", "data_segs_out:10", "data_segs_out:20", ",d216)", ",d250)").Replace(printedSS)
	_, f := read(t, "$ ss -tinmpeoa\n"+printedSS+"$ sleep 10\n$ ss -tinmpeoa\n"+later)
	if n, _ := f.Num("tcp.segs_retrans"); n != 5 {
		t.Errorf("tcp.segs_retrans is %v, want 5", f.Values["tcp.segs_retrans"])
	}
	flow := row(f, "flow", "192.0.2.7:8443 > 198.51.100.9:40000")
	if flow["retrans"] != 5.0 || flow["process"] != "orders api" {
		t.Errorf("flow %v", f.Tables["flow"])
	}
	listener := row(f, "listener", "0.0.0.0:8443")
	if listener["drops"] != 34.0 || listener["limit"] != 8.0 || listener["process"] != "orders api" {
		t.Errorf("listener %v", f.Tables["listener"])
	}
}

// What ss was not asked for is unknown.
func TestSSViews(t *testing.T) {
	_, f := read(t, "$ ss -lnt\nState  Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 129 128 *:80 *:*\n")
	for name := range f.Values {
		if strings.HasPrefix(name, "tcp.") {
			t.Errorf("%s is known of listeners alone", name)
		}
	}
	if l := row(f, "listener", "[::]:80"); l["queue"] != 129.0 || l["limit"] != 128.0 {
		t.Errorf("listener %v", f.Tables["listener"])
	}
	_, f = read(t, "$ ss -tn\nState  Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB 0 0 192.0.2.7:22 198.51.100.1:5\n")
	if n, _ := f.Num("tcp.established"); n != 1 {
		t.Errorf("tcp.established is %v, want 1", f.Values["tcp.established"])
	}
	for _, name := range []string{"tcp.time_wait", "tcp.flows_backoff", "tcp.syn_recv"} {
		if v, known := f.Values[name]; known {
			t.Errorf("%s is %v; ss -tn does not show it", name, v)
		}
	}
	if _, known := f.Tables["listener"]; known {
		t.Error("ss -tn shows no listeners, and the table of them is empty instead of unknown")
	}
}

func TestLinks(t *testing.T) {
	old := "3: eth1@if5: <BROADCAST,MULTICAST,UP> mtu 9000 qdisc fq_codel master bond0 state DOWN mode DEFAULT qlen 500\n    link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff\n    RX: bytes  packets  errors  dropped overrun mcast   \n    100        10       1       2       3       0       \n    RX errors: length   crc     frame   fifo    missed\n               4        5       6       7       8       \n    TX: bytes  packets  errors  dropped carrier collsns \n    200        20       9       10      11      12      \n    TX errors: aborted  fifo   window heartbeat transns\n               13       14      15      16      17       \n"
	l, err := parseLinks(old, false)
	if err != nil || len(l) != 1 {
		t.Fatal(err, l)
	}
	for field, want := range map[string]uint64{
		"rx_bytes": 100, "rx_packets": 10, "rx_errors": 1, "rx_dropped": 2, "rx_over": 3, "rx_length": 4, "rx_crc": 5, "rx_frame": 6, "rx_fifo": 7,
		"rx_missed": 8, "tx_bytes": 200, "tx_packets": 20, "tx_errors": 9, "tx_dropped": 10, "tx_carrier": 11, "collisions": 12, "tx_aborted": 13, "tx_fifo": 14, "tx_window": 15,
	} {
		if l[0].stats[field] != want {
			t.Errorf("%s is %d, want %d", field, l[0].stats[field], want)
		}
	}
	if k := l[0].link; k.Name != "eth1" || k.MTU != 9000 || k.TxQLen != 500 || !k.Up || k.Carrier || l[0].master != "bond0" || k.Changes == nil || *k.Changes != 17 {
		t.Errorf("link %+v", l[0])
	}
	const doc = `[{},{"ifindex":2,"ifname":"eth0","flags":["UP","LOWER_UP"],"mtu":1500,"promiscuity":0,"linkinfo":{"info_kind":"veth"},"stats64":{"rx":{"bytes":1,"packets":2,"missed_errors":3},"tx":{"packets":4,"carrier_changes":5}}}]`
	if l, err = parseLinksJSON([]byte(doc)); err != nil || len(l) != 1 || l[0].stats["rx_missed"] != 3 || l[0].link.Kind != "veth" || *l[0].link.Changes != 5 {
		t.Errorf("JSON: %+v, %v", l, err)
	}
}

// Errors of links and of drivers that grew are told, those that were not shown
// are not.
func TestLinkGrowth(t *testing.T) {
	const at = "$ ip -s link\n2: eth0: <UP,LOWER_UP> mtu 1500 qdisc mq state UP qlen 1000\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    RX:  bytes packets errors dropped  missed   mcast\n    9000 %p 0 0 %m 0\n$ ethtool -S eth0\nNIC statistics:\n     rx_no_dma_resources: %m\n"
	sample := func(packets, missed string) string {
		return strings.NewReplacer("%p", packets, "%m", missed).Replace(at)
	}
	_, f := read(t, sample("100", "5")+sample("200", "25"))
	link := row(f, "link", "eth0")
	if link["rx_missed"] != 20.0 || link["rx_packets"] != 100.0 || link["rx_missed_total"] != 25.0 || link["overrun"] != 20.0 {
		t.Errorf("link %v", link)
	}
	if _, known := link["rx_crc"]; known {
		t.Error("ip -s link does not show rx_crc")
	}
	if nic := row(f, "nic", "eth0"); nic["ring_overflow"] != 20.0 {
		t.Errorf("nic %v", nic)
	}
}

func TestQueues(t *testing.T) {
	all, err := parseQueues(`qdisc mq 0: dev eth0 root
 Sent 10 bytes 1 pkt (dropped 0, overlimits 0 requeues 0)
 backlog 0b 0p requeues 0
qdisc fq_codel 0: dev eth0 parent :2 limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64
 Sent 9000 bytes 8 pkt (dropped 7, overlimits 6 requeues 5)
 backlog 12Kb 4p requeues 5
qdisc tbf 8001: dev eth1 root refcnt 2 rate 10Mbit burst 32Kb limit 100Kb
 Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0)
qdisc netem 8002: dev eth2 root refcnt 2 limit 1000 delay 10ms loss 1%
qdisc ingress ffff: dev eth2 parent ffff:fff1 ----------------
`, "")
	if err != nil || len(all) != 5 {
		t.Fatal(err, all)
	}
	for i, want := range map[int]printedQueue{
		1: {device: "eth0", queue: links.Queue{
			Kind: "fq_codel", Parent: 2, LimitPackets: 10240, Bytes: 9000, Packets: 8, Drops: 7, Overlimits: 6, Requeues: 5, Qlen: 4,
			Backlog: 12 << 10, Counted: true,
		}},
		2: {device: "eth1", queue: links.Queue{Kind: "tbf", Handle: 0x80010000, Parent: rootHandle, Rate: 1_250_000, LimitBytes: 100 << 10, Counted: true}},
		3: {device: "eth2", queue: links.Queue{Kind: "netem", Handle: 0x80020000, Parent: rootHandle, LimitPackets: 1000, Loss: true}},
		4: {device: "eth2", queue: links.Queue{Kind: "ingress", Handle: 0xffff0000, Parent: 0xfffffff1}},
	} {
		if all[i] != want {
			t.Errorf("queue %d is\n%+v, want\n%+v", i, all[i], want)
		}
	}
}

func TestRoutes(t *testing.T) {
	r := parseRoutes("default via 192.0.2.1 dev eth0\n10.0.0.0/8 dev eth1 proto kernel scope link\nprohibit 198.51.100.0/24 table 100\nlocal 192.0.2.7 dev eth0 table local\ndefault \n\tnexthop via 2001:db8::1 dev eth2 weight 1\nfe80::/64 dev eth3 proto kernel metric 256 pref medium\nunreachable default dev lo metric 4294967295 pref medium\n")
	if !r.default4 || r.default6 || !r.devices["eth1"] || r.devices["eth3"] || !r.devices["eth2"] || len(r.refusals) != 1 || r.refusals[0].Table != 100 {
		t.Errorf("routes %+v", r)
	}
	_, f := read(t, "$ ip -s neigh\n192.0.2.1 dev eth0  used 3/60/2 probes 6 FAILED\n192.0.2.2 dev eth0 lladdr 02:00:00:00:00:01 used 1/1/1 probes 1 REACHABLE\n")
	n := row(f, "neighbour", "192.0.2.1 dev eth0")
	if n["state"] != "FAILED" || n["unused_ms"] != 3000.0 || len(f.Tables["neighbour"]) != 1 {
		t.Errorf("neighbours %v", f.Tables["neighbour"])
	}
	if _, known := n["gateway"]; known {
		t.Error("whether it is a gateway only routes tell")
	}
}

func TestKernelLog(t *testing.T) {
	const first = "[    5.000000] eth0: Link is Up\n"
	_, f := read(t, "$ dmesg\n"+first+"$ dmesg\n"+first+"[   65.500000] nf_conntrack: table full, dropping packet\n")
	fresh := map[any]any{}
	for _, r := range f.Tables["log"] {
		fresh[r["text"]] = r["fresh"]
	}
	if fresh["eth0: Link is Up"] != false || fresh["nf_conntrack: table full, dropping packet"] != true {
		t.Errorf("log %v", f.Tables["log"])
	}
	for _, line := range []string{
		"<4>[   65.5] TCP: too many orphaned sockets", "kern  :warn  : [   65.500000] TCP: too many orphaned sockets",
		"[Sat Nov 21 20:00:00 2026] TCP: too many orphaned sockets", "Nov 21 20:00:00 web1 kernel: TCP: too many orphaned sockets",
		"2026-11-21T20:00:00+0100 web1 kernel: TCP: too many orphaned sockets",
	} {
		if m := parseLog(line); len(m) != 1 || m[0].text != "TCP: too many orphaned sockets" || !m[0].when || m[0].level != 4 {
			t.Errorf("%q: %+v", line, m)
		}
	}
}

// Outputs of commands with and without prompts are told apart.
func TestSplit(t *testing.T) {
	s := split("x", []byte("hello,\n\n[root@web1 ~]# ethtool -S eth0 | head\nNIC statistics:\n rx: 1\n[root@web1 ~]# lsof -i\nCOMMAND PID\n[root@web1 ~]# cat /proc/net/softnet_stat\n00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n==> /proc/net/sockstat <==\nsockets: used 5\n### ss -s\nTotal: 5\nnft list ruleset\ntable inet fw {\n\tchain in {\n\t\tip saddr 10.0.0.1 drop\n\t}\n}\nip -s link\n1: lo: <LOOPBACK,UP> mtu 65536\n+ ip netns exec blue nstat\n#kernel\nTcpInSegs 5 0.0\n"))
	var got []string
	for _, p := range s.pieces {
		got = append(got, strings.TrimSpace(p.kind.name+" "+p.device))
	}
	want := "ethtool -S eth0, /proc/net/softnet_stat, /proc/net/sockstat, ss -s, nft list ruleset, ip link"
	if strings.Join(got, ", ") != want {
		t.Errorf("pieces %s, want %s", strings.Join(got, ", "), want)
	}
	if len(s.unknown) == 0 || !strings.Contains(strings.Join(s.unknown, ","), "lsof") {
		t.Errorf("unknown %q, want lsof", s.unknown)
	}
	if !strings.Contains(string(s.pieces[4].text), "saddr 10.0.0.1 drop") || s.pieces[0].host != "web1" {
		t.Errorf("pieces %+v", s.pieces)
	}
}

func TestCommandKind(t *testing.T) {
	for command, want := range map[string]string{
		"ip -s -d link": "ip link", "ip -s l": "ip link", "ip a": "ip address", "ip -d address show": "ip address", "ip r": "ip route",
		"ip -6 route show table all": "ip route", "ip -4 rule list": "ip rule", "ip -6 rule": "ip -6 rule", "ip -6 r": "ip route", "ip n": "ip neigh", "nstat -zas": "nstat", "nstat --json": "nstat -j",
		"netstat -st": "netstat -s", "netstat -W -neopa": "", "ss -peaonmi": "ss", "ss -s": "ss -s", "ss -ulpn": "", "tc -s -d qdisc show dev eth0": "tc qdisc",
		"iptables -t nat -vnxL": "iptables -L", "iptables-save -c": "iptables-save", "ethtool -P eth0": "", "ethtool eth0": "ethtool", "/usr/sbin/ethtool -i eth0": "ethtool -i",
		"nft -a list ruleset": "nft list ruleset", "cat /proc/self/net/snmp": "/proc/net/snmp", "dmesg -T": "dmesg", "journalctl -k -b": "dmesg",
		"rm -rf /": "", "ip netns exec blue nstat -az": "", "ip -n blue addr": "", "nsenter -t 1 -n ss -tin": "", "cat": "", "ethtool": "ethtool",
	} {
		got := ""
		if k, _ := commandKind(strings.Fields(command)); k != nil {
			got = k.name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

func TestDevicesAndSummary(t *testing.T) {
	const head = "$ cat /proc/net/dev\nInter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	_, f := read(t, head+"  eth0:    1000    10    1    2    3     4          0         0     2000      20    5    6    7     8       9          0\n$ ss -s\nTotal: 36\nTCP:   588 (estab 7, closed 587, orphaned 337, timewait 2)\n"+
		head+"  eth0:    1500    15    1    9    3     4          0         0     2000      20    5   16    7     8       9          0\n")
	holds(t, row(f, "link", "eth0"), fact.Row{"rx_packets": 5.0, "tx_dropped": 10.0, "tx_dropped_total": 16.0, "rx_fifo": 0.0}, "rx_dropped", "tx_carrier", "up", "mtu", "kind")
	if f.Values["sockstat.orphan"].Now != 337.0 || f.Values["sockstat.tw"].Now != 2.0 {
		t.Errorf("orphans %v, in TIME-WAIT %v", f.Values["sockstat.orphan"], f.Values["sockstat.tw"])
	}
}

// Samples that span different times have no common length.
func TestDifferentTimes(t *testing.T) {
	const n, q = "#kernel\nTcpInSegs 5 0.0\n", "qdisc fq 1: dev eth0 root\n Sent 1 bytes 5 pkt (dropped 1, overlimits 0 requeues 0)\n"
	r, f := read(t, "$ nstat -az\n"+n+"$ tc -s qdisc\n"+q+"$ sleep 5\n$ nstat -az\n"+n+"$ sleep 60\n$ tc -s qdisc\n"+q)
	if f.Seconds != 0 || !noted(r, "unknown length") {
		t.Errorf("%v s, notes %q", f.Seconds, r.Notes)
	}
}

// A text that is indented as a whole, as in a ticket, is read all the same.
func TestIndented(t *testing.T) {
	_, f := read(t, "    2: eth0: <UP,LOWER_UP> mtu 1500 qdisc mq state UP qlen 1000\n        link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n        RX: bytes  packets  errors  dropped overrun mcast\n        900 10 0 7 0 0\n")
	holds(t, row(f, "link", "eth0"), fact.Row{"rx_dropped_total": 7.0, "up": true}, "tx_packets_total", "addresses")
}

// Before iproute2 4.0 ss showed processes without "pid=".
func TestOldOwners(t *testing.T) {
	p, err := parseSS("LISTEN 0 128 *:22 *:* users:((\"sshd\",987,3),(\"systemd\",1,40))\n")
	if err != nil || len(p.names) != 2 || p.names[987] != "sshd" {
		t.Errorf("names %v, %v", p.names, err)
	}
}

// FuzzRead: whatever a text holds, it is an error or facts without growth that
// nobody showed, and nothing in it reaches a terminal unescaped.
func FuzzRead(f *testing.F) {
	for _, text := range report {
		f.Add(text)
	}
	f.Add(printedSS + printedSS)
	f.Add("$ nstat; sleep 5; nstat\n#kernel\nTcpInSegs 5 0.0\n#kernel\nTcpInSegs 9 0.0\n")
	f.Add("0:\tfrom all lookup local\n100:\tfrom 10.0.0.0/8 to ::1 not iif blackhole\n")
	f.Add("/sys/class/net/eth0/statistics/rx_dropped:7\n  sl  local_address rem_address   st tx_queue\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 4711 1\n")
	f.Add("TcpInSegs 5 0.0\nTcpInSegs 9 0.0\nweb1:~ # nstat\nTcpInSegs 9 0.0\n   Static hostname: web1\nDistributor ID:\tSome\nDescription:\tX\n")
	f.Add(`[{"kind":"tbf","handle":"1:","dev":"eth0","root":true,"options":{"rate":5},"packets":3}]`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read("fuzz", []byte(text), Knowledge{NICs: nics{}})
		if err != nil {
			return
		}
		for _, n := range append(r.Notes, r.Header.Host, r.Header.Kernel) {
			if strings.ContainsFunc(n, func(c rune) bool { return c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 }) {
				t.Errorf("%q holds a control character", n)
			}
		}
		err = r.Each(func(o *fact.Facts) bool { speaks(t, o); return true })
		if err != nil {
			t.Error(err)
		}
	})
}

// FuzzOpen: whatever a file holds, it is read within bounds.
func FuzzOpen(f *testing.F) {
	f.Add(packed(f))
	f.Add(zipped(f, packed(f)))
	f.Add([]byte("BZh91AY&SY"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Skip(err)
		}
		r, err := Open([]string{path}, Knowledge{})
		if err == nil && r.Len() == 0 {
			t.Error("a recording of nothing")
		}
	})
}

// BenchmarkRead is a paste of two looks at many connections.
func BenchmarkRead(b *testing.B) {
	text := []byte("$ ss -tinmpeoa\n" + printedSS + strings.Repeat(printedSS[strings.Index(printedSS, "ESTAB"):], 10_000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Read("x", text, Knowledge{}); err != nil {
			b.Fatal(err)
		}
	}
}
