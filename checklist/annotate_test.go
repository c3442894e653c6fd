package checklist

import (
	"fmt"
	"testing"

	"whydrop/content"
	"whydrop/probes/fact"
)

// kfree is a row of the kernel's drops.
func kfree(reason, location, direction string, packets, tcp float64) fact.Row {
	r := fact.Row{"name": reason + " in " + location, "direction": direction, "packets": packets, "skbs": packets, "tcp_packets": tcp}
	if reason != "" {
		r["reason"] = reason
	}
	if location != "" {
		r["location"] = location
	}
	return r
}

// dropping makes an observation in which the kernel dropped what the rows say.
func dropping(kernel string, growth map[string]float64, rows ...fact.Row) *fact.Facts {
	f := facts(growth)
	f.Kernel = kernel
	f.Table("drop")
	for _, r := range rows {
		f.Add("drop", r)
	}
	return f
}

func TestDropsAreAnnotated(t *testing.T) {
	book := newCase(t, "").Book
	f := dropping("6.18.44", nil,
		kfree("NOT_SPECIFIED", "do_xdp_generic", "rx", 25, 25),
		kfree("XDP", "do_xdp_generic", "rx", 5, 0),
		kfree("TCP_OLD_ACK", "tcp_ack", "rx", 3, 3),
		kfree("NEVER_HEARD_OF", "somewhere", "tx", 1, 0),
	)
	got := annotated(book, f)
	want := []fact.Row{
		{"why": "XDP", "hop": "bpf", "loss": "yes", "guess": false},
		{"why": "XDP", "hop": "bpf", "loss": "yes", "guess": false},
		{"why": "TCP_OLD_ACK", "hop": "tcp", "loss": "no", "guess": false},
		{"why": "NEVER_HEARD_OF", "hop": "ip", "loss": "depends", "guess": true},
	}
	for i, row := range want {
		for field, v := range row {
			if got.Tables["drop"][i][field] != v {
				t.Errorf("row %d: %s is %v, want %v", i, field, got.Tables["drop"][i][field], v)
			}
			if _, touched := f.Tables["drop"][i][field]; touched {
				t.Errorf("row %d: %s was written into the facts themselves", i, field)
			}
		}
	}
	speaks(t, book.Facts, got)
}

// A reason that did not occur is zero only where the kernel has it and every
// drop told its reason.
func TestReasonsThatDidNotOccur(t *testing.T) {
	book := newCase(t, "").Book
	const unknown = -1
	seen := kfree("NETFILTER_DROP", "nft_do_chain", "rx", 7, 7)
	tests := []struct {
		name   string
		facts  *fact.Facts
		reason string
		want   float64
	}{
		{"it occurred", dropping("6.1.0", nil, seen), "NETFILTER_DROP", 7},
		{"it occurred on a kernel that should not have it", dropping("5.14.0-el9", nil, seen), "NETFILTER_DROP", 7},
		{"it did not occur", dropping("6.1.0", nil, seen), "TC_INGRESS", 0},
		{"nothing was dropped", dropping("6.1.0", nil), "TC_INGRESS", 0},
		{"the kernel is older than the reason", dropping("6.1.0", nil, seen), "TCP_LISTEN_OVERFLOW", unknown},
		{"the kernel is newer than the reason's end", dropping("7.1.0", nil, seen), "QDISC_OVERLIMIT", unknown},
		{"the kernel says nothing of itself", dropping("", nil, seen), "TC_INGRESS", unknown},
		{"a drop did not tell its reason", dropping("6.1.0", nil, kfree("", "nf_hook_slow", "rx", 1, 1)), "TC_INGRESS", unknown},
		{"a place tells the reason", dropping("5.10.0", nil, kfree("", "nf_hook_slow", "rx", 4, 4)), "NETFILTER_DROP", 4},
		{"nobody looked", facts(nil), "NETFILTER_DROP", unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, known := annotated(book, tt.facts).Num(content.ReasonFact(tt.reason))
			if !known {
				got = unknown
			}
			if got != tt.want {
				t.Errorf("%s is %v, want %v (%v: unknown)", tt.reason, got, tt.want, unknown)
			}
		})
	}
	if annotated(book, nil) != nil {
		t.Error("no facts became some")
	}
}

// Rows that no probe of ours made do no harm.
func TestStrangeDrops(t *testing.T) {
	c := newCase(t, "")
	f := dropping("6.18", nil, nil, fact.Row{}, fact.Row{"reason": 5.0, "packets": "many", "location": true},
		kfree("\x1b[31m", "\x1b[2J*[", "sideways", -4, -4), kfree("*", "*", "", 1, 1))
	c.Facts = f
	c.Diagnose()
}

// quiet is a host on which everything works: the counters that rules about
// drops look at, and none of them moved.
func quiet(more map[string]float64) map[string]float64 {
	m := map[string]float64{
		"Ip.InReceives": 20000, "Ip.InDelivers": 20000, "Ip.OutRequests": 20000, "Ip.OutTransmits": 20000, "Ip6.InReceives": 0,
		"Ip.OutNoRoutes": 0, "IpExt.InNoRoutes": 0, "Ip.InHdrErrors": 0, "Ip.FragFails": 0, "TcpExt.IPReversePathFilter": 0,
		"ip.rx_vanished": 0, "ip.tx_vanished": 0, "ip6.rx_vanished": 0, "ip6.tx_vanished": 0,
		"Tcp.InSegs": 20000, "Tcp.OutSegs": 20000, "Tcp.RetransSegs": 0, "TcpExt.TCPSynRetrans": 0, "TcpExt.TCPDSACKRecv": 0,
		"TcpExt.TCPOrigDataSent": 10000, "Tcp.AttemptFails": 0, "Tcp.ActiveOpens": 50, "Tcp.PassiveOpens": 500, "Tcp.EstabResets": 0, "Tcp.OutRsts": 0,
		"Tcp.InErrs": 0, "Tcp.InCsumErrors": 0, "TcpExt.ListenDrops": 0, "TcpExt.ListenOverflows": 0, "TcpExt.TCPOFOQueue": 0,
		"TcpExt.TCPBacklogDrop": 0, "TcpExt.DelayedACKLost": 0, "TcpExt.TCPACKSkippedPAWS": 0, "TcpExt.TCPSACKReorder": 0, "TcpExt.TCPTSReorder": 0, "TcpExt.TCPRenoReorder": 0,
		"TcpExt.PAWSActive": 0, "TcpExt.PAWSEstab": 0, "TcpExt.PAWSOldAck": 0, "TcpExt.PAWSTimewait": 0, "TcpExt.TSEcrRejected": 0,
		"TcpExt.RcvPruned": 0, "TcpExt.OfoPruned": 0, "TcpExt.TCPRcvQDrop": 0, "TcpExt.TCPOFODrop": 0, "TcpExt.PFMemallocDrop": 0,
		"Icmp.OutDestUnreachs": 0, "Icmp.OutTimeExcds": 0, "softnet.dropped": 0, "neigh.res_failed": 0, "neigh.unresolved_discards": 0, "neigh.table_fulls": 0,
	}
	for name, v := range more {
		m[name] = v
	}
	return m
}

// What the kernel says about its drops names the cause where counters could only
// hint at it, or say nothing.
func TestDropReasonsNameCauses(t *testing.T) {
	blackhole := fact.Row{"name": "blackhole 10.9.0.0/16", "type": "blackhole", "sockets": 0.0, "peers_seen": 0.0, "default": false}
	tests := []struct {
		name  string
		facts *fact.Facts
		table string // of another row that the facts have, "" for none
		row   fact.Row
		want  string // "" for none
	}{
		{"generic XDP", dropping("6.18", quiet(nil), kfree("NOT_SPECIFIED", "do_xdp_generic", "rx", 25, 25)), "", nil, "bpf.xdp-drop"},
		{"generic XDP, an older kernel", dropping("6.1", quiet(nil), kfree("XDP", "do_xdp_generic", "rx", 25, 25)), "", nil, "bpf.xdp-drop"},
		{"tcx on the way in", dropping("6.18", quiet(nil), kfree("TC_INGRESS", "__netif_receive_skb_core", "rx", 24, 24)), "", nil, "bpf.tc-drop"},
		{"tcx on the way out", dropping("6.18", quiet(nil), kfree("TC_EGRESS", "__dev_queue_xmit", "tx", 24, 24)), "", nil, "bpf.tc-drop"},
		{"a cgroup's program on the way out", dropping("6.18", quiet(map[string]float64{"ip.tx_vanished": 9}), kfree("BPF_CGROUP_EGRESS", "ip_finish_output", "tx", 9, 9)), "", nil, "bpf.cgroup-drop"},
		{"a cgroup's program on the way in", dropping("6.18", quiet(nil), kfree("SOCKET_FILTER", "tcp_v4_rcv", "rx", 9, 9)), "", nil, "bpf.cgroup-drop"},
		{"a router with a blackhole route", dropping("6.18", quiet(map[string]float64{"ip.rx_vanished": 33}), kfree("NOT_SPECIFIED", "ip_error", "rx", 33, 33)), "route", blackhole, "ip.blackhole-route"},
		{"no route back", dropping("6.18", quiet(map[string]float64{"Ip.OutNoRoutes": 9}), kfree("IP_OUTNOROUTES", "__ip_queue_xmit", "tx", 9, 0)), "", nil, "ip.no-route"},
		{"a dead next hop", dropping("6.18", quiet(map[string]float64{"neigh.res_failed": 4, "TcpExt.TCPSynRetrans": 4}), kfree("NEIGH_FAILED", "neigh_invalidate", "tx", 8, 8)), "", nil, "neigh.unresolved"},
		{"a full neighbour table", dropping("6.18", quiet(map[string]float64{"neigh.table_fulls": 8}), kfree("NEIGH_CREATEFAIL", "ip_finish_output2", "tx", 8, 8)), "", nil, "neigh.table-full"},
		{"a full backlog, of a container", dropping("6.18", quiet(map[string]float64{"softnet.dropped": 40}), kfree("CPU_BACKLOG", "enqueue_to_backlog", "rx", 40, 40)), "", nil, "softnet.backlog-full"},
		{"a full socket backlog", dropping("6.18", quiet(map[string]float64{"TcpExt.TCPBacklogDrop": 40}), kfree("SOCKET_BACKLOG", "tcp_add_backlog", "rx", 40, 40)), "", nil, "socket.backlog-full"},
		{"a full receive buffer", dropping("6.18", quiet(map[string]float64{"TcpExt.TCPRcvQDrop": 47, "TcpExt.RcvPruned": 47}), kfree("PROTO_MEM", "tcp_rcv_established", "rx", 47, 47)), "", nil, "socket.rcvbuf-full"},
		{"a full accept queue", dropping("6.18", quiet(map[string]float64{"TcpExt.ListenOverflows": 4, "TcpExt.ListenDrops": 4}), kfree("TCP_LISTEN_OVERFLOW", "tcp_v4_rcv", "rx", 4, 4)), "", nil, "listen.accept-queue-full"},
		{"damaged segments", dropping("6.18", quiet(map[string]float64{"Tcp.InCsumErrors": 40, "Tcp.InErrs": 40, "TcpExt.TCPOFOQueue": 90}), kfree("TCP_CSUM", "tcp_v4_rcv", "rx", 40, 40)), "", nil, "path.corruption"},
		{"PAWS", dropping("6.18", quiet(map[string]float64{"TcpExt.PAWSEstab": 9}), kfree("TCP_RFC7323_PAWS", "tcp_validate_incoming", "rx", 9, 9)), "", nil, "tcp.paws-reject"},
		{"no memory", dropping("6.18", quiet(nil), kfree("NOMEM", "ip_rcv_core", "rx", 9, 9)), "", nil, "host.memory-pressure"},

		// What healthy hosts drop all day.
		{"background", dropping("6.18", quiet(map[string]float64{"Tcp.OutRsts": 3}),
			kfree("QUEUE_PURGE", "sk_stream_kill_queues", "rx", 700, 700), kfree("TCP_OLD_ACK", "tcp_ack", "rx", 90, 90),
			kfree("TCP_OLD_DATA", "tcp_rcv_established", "rx", 45, 45), kfree("TCP_OLD_SEQUENCE", "tcp_validate_incoming", "rx", 54, 54),
			kfree("TCP_OFOMERGE", "tcp_data_queue", "rx", 3, 3), kfree("TCP_RFC7323_PAWS_ACK", "tcp_validate_incoming", "rx", 9, 9),
			kfree("TCP_RFC7323_PAWS", "tcp_validate_incoming", "rx", 1, 1), kfree("TCP_FLAGS", "tcp_v4_do_rcv", "rx", 12, 12),
			kfree("TCP_RESET", "tcp_rcv_state_process", "rx", 4, 4), kfree("TCP_INVALID_SYN", "tcp_validate_incoming", "rx", 3, 3),
			kfree("NO_SOCKET", "tcp_v4_rcv", "rx", 3, 3), kfree("NO_SOCKET", "__udp4_lib_rcv", "rx", 60, 0),
			kfree("NOT_SPECIFIED", "ip6_mc_input", "rx", 80, 0), kfree("IP_INNOROUTES", "ip6_pkt_discard", "rx", 6, 0),
			kfree("NOT_SPECIFIED", "tcp_v4_rcv", "rx", 30, 30), kfree("NOT_SPECIFIED", "netlink_attachskb", "tx", 523, 0),
			kfree("SOCKET_FILTER", "netlink_broadcast_filtered", "tx", 20, 0), kfree("SOCKET_RCVBUFF", "unix_dgram_sendmsg", "tx", 5, 0),
			kfree("UNHANDLED_PROTO", "__netif_receive_skb_core", "rx", 10, 0), kfree("OTHERHOST", "ip_rcv_core", "rx", 40, 30),
			kfree("IP_OUTNOROUTES", "__ip_queue_xmit", "tx", 1, 0), kfree("NETFILTER_DROP", "nft_do_chain", "rx", 12, 8)), "", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCase(t, "")
			c.Facts = tt.facts
			if tt.table != "" {
				c.Facts.Add(tt.table, tt.row)
			}
			d := c.Diagnose()
			first := ""
			if named := d.Named(); len(named) > 0 {
				first = named[0].Cause.ID
			}
			if first != tt.want {
				t.Errorf("named first: %q, want %q%s", first, tt.want, leading(d))
			}
			if tt.want == "" {
				return
			}
			if f := d.Finding(tt.want); !speaksOfKernel(f) {
				t.Errorf("the kernel's reason is not among the evidence for %s:%s", tt.want, reasonsOf(f))
			}
		})
	}
}

// speaksOfKernel says whether a rule over the kernel's drops counted, or one of
// its group that weighs the same.
func speaksOfKernel(f *Finding) bool {
	kernel := map[string]bool{}
	for _, r := range f.Cause.For {
		if r.Each == content.DropTable {
			kernel[r.Group] = true
		}
	}
	for _, reason := range f.For {
		for _, r := range f.Cause.For {
			if r.ID == reason.Rule && (r.Each == content.DropTable || kernel[r.Group] || usesReason(r)) {
				return true
			}
		}
	}
	return false
}

func usesReason(r *content.Rule) bool {
	for _, name := range r.When.Uses() {
		if len(name) > 7 && name[:7] == "reason." {
			return true
		}
	}
	return false
}

// A counter and the kernel's reason that see the same packets are one piece of
// evidence, not two.
func TestDropReasonsAreNotCountedTwice(t *testing.T) {
	c := newCase(t, "")
	for _, tt := range []struct {
		cause  string
		growth map[string]float64
		row    fact.Row
	}{
		{"socket.backlog-full", map[string]float64{"TcpExt.TCPBacklogDrop": 4}, kfree("SOCKET_BACKLOG", "tcp_add_backlog", "rx", 4, 4)},
		{"socket.rcvbuf-full", map[string]float64{"TcpExt.TCPRcvQDrop": 4}, kfree("PROTO_MEM", "tcp_data_queue", "rx", 4, 4)},
		{"listen.accept-queue-full", map[string]float64{"TcpExt.ListenOverflows": 4}, kfree("TCP_LISTEN_OVERFLOW", "tcp_v4_rcv", "rx", 4, 4)},
		{"path.corruption", map[string]float64{"Tcp.InCsumErrors": 4}, kfree("TCP_CSUM", "tcp_v4_rcv", "rx", 4, 4)},
		{"tcp.paws-reject", map[string]float64{"TcpExt.PAWSEstab": 4}, kfree("TCP_RFC7323_PAWS", "tcp_validate_incoming", "rx", 4, 4)},
		{"ip.rp-filter", map[string]float64{"TcpExt.IPReversePathFilter": 4}, kfree("IP_RPFILTER", "ip_rcv_finish_core", "rx", 4, 4)},
		{"ip.no-route", map[string]float64{"Ip.OutNoRoutes": 4}, kfree("IP_OUTNOROUTES", "__ip_queue_xmit", "tx", 4, 4)},
		{"neigh.table-full", map[string]float64{"neigh.table_fulls": 4}, kfree("NEIGH_CREATEFAIL", "ip_finish_output2", "tx", 4, 4)},
		{"host.memory-pressure", map[string]float64{"TcpExt.PFMemallocDrop": 4}, kfree("PFMEMALLOC", "tcp_v4_rcv", "rx", 4, 4)},
	} {
		c.Facts = facts(quiet(tt.growth))
		alone := c.Diagnose().Finding(tt.cause).Evidence
		c.Facts = dropping("6.18", quiet(tt.growth), tt.row)
		if both := c.Diagnose().Finding(tt.cause).Evidence; both != alone {
			t.Errorf("%s: %v dB with the counter alone, %v dB with the reason too", tt.cause, alone, both)
		}
	}
}

// Where the kernel tells its reasons and the one did not occur, what was only
// inferred is not named.
func TestAbsentReasonsAcquit(t *testing.T) {
	vanished := map[string]float64{"ip.tx_vanished": 6, "TcpExt.TCPSynRetrans": 6}
	c := newCase(t, "")
	c.Facts = facts(quiet(vanished))
	c.Facts.Flag("filter.readable", true)
	for _, name := range []string{"filter.drops", "filter.rejects"} {
		c.Facts.Count(name, 0, 0)
	}
	c.Facts.Gauge("filter.silent_drops", 0)
	if !c.Diagnose().Finding("bpf.cgroup-drop").Named() {
		t.Fatal("packets that vanished without a firewall rule are not put down to a cgroup program")
	}
	c.Facts.Kernel = "6.18"
	c.Facts.Table("drop")
	if f := c.Diagnose().Finding("bpf.cgroup-drop"); f.Named() {
		t.Errorf("it is named although the kernel dropped nothing for a cgroup program:%s", reasonsOf(f))
	}
}

// BenchmarkAnnotate annotates as many rows as one CPU's ledger of drops has.
func BenchmarkAnnotate(b *testing.B) {
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	f := dropping("6.18", nil)
	for i := range 128 {
		f.Add("drop", kfree("NOT_SPECIFIED", fmt.Sprintf("function_%d", i), "rx", 1, 1))
	}
	for b.Loop() {
		annotated(book, f)
	}
}
