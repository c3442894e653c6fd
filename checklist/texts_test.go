package checklist

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"whydrop/probes/fact"
)

// bySightOnly are facts of sockets that two looks of ss -tin do not tell: they
// need to be watched from look to look (holes, dispersion), SK_MEMINFO (ss -m), the
// timers (ss -o), the processes (ss -p), all states (ss -a), or netlink.
var bySightOnly = []string{
	"tcp.attempt_fails_ended", "tcp.ended_unused", "tcp.estab_resets_ended", "tcp.rsts_ended", "tcp.peer_resets",
	"tcp.flows_not_read", "tcp.sock_drops", "tcp.port_use_max", "tcp.quiet_vanished",
	"tcp.syn_recv", "tcp.syn_recv_retrying", "tcp.syn_sent_retrying", "tcp.time_wait",
}

// flowBySightOnly are such fields of the table flow.
var flowBySightOnly = []string{
	"congestion_control", "cpu_share", "cpu_wait_share", "keepalive_probes", "pid", "process", "rcv_wnd", "rcvbuf", "rmem",
	"send_full_share", "send_queue_min", "sndbuf", "sndbuf_pinned", "sock_drops", "stopped", "throttled_share", "timeouts", "unread_share",
	"rcvbuf_locked",
}

// asTexts is what is left of an observation where somebody pasted ss -tin and
// nstat -a, twice.
func asTexts(f *fact.Facts) *fact.Facts {
	less := &fact.Facts{Start: f.Start, Seconds: f.Seconds, Values: map[string]fact.Value{}, Tables: map[string][]fact.Row{}}
	for name, v := range f.Values {
		kind, _, _ := strings.Cut(name, ".")
		switch kind {
		case "Tcp", "TcpExt", "Ip", "IpExt", "Ip6", "Icmp", "Icmp6", "Udp", "Udp6", "window", "MPTcpExt":
			less.Values[name] = v
		case "tcp":
			if !slices.Contains(bySightOnly, name) {
				less.Values[name] = v
			}
		}
	}
	for _, table := range []string{"flow", "peer", "prefix", "service", "size", "segment", "direction"} {
		for _, row := range f.Tables[table] {
			row = maps.Clone(row)
			delete(row, "timeouts")
			delete(row, "process")
			if table == "flow" {
				for _, field := range flowBySightOnly {
					delete(row, field)
				}
			}
			less.Tables[table] = append(less.Tables[table], row)
		}
	}
	less.Blind = []fact.Blind{{Probe: fact.Texts, What: "what else is to be seen", Needs: "whydrop"}}
	return less
}

// doubtful is how sure a wrong cause may be where most of the host was not seen: what
// remains may look the same.
const doubtful = 0.85

// TestJudgedByTexts judges the recorded faults by what two pasted looks show of
// them. Less can be told; what was not looked at is not taken for nothing.
func TestJudgedByTexts(t *testing.T) {
	c := newCase(t, "")
	named, faults := 0, 0
	for name, r := range recordings(t) {
		c.Facts = asTexts(r.Facts)
		d := c.Diagnose()
		right := slices.Concat([]string{r.Cause, r.And}, r.Also)
		if r.Cause != "" {
			faults++
		}
		found := false
		for _, f := range d.Named() {
			switch {
			case slices.Contains(right, f.Cause.ID):
				found = true
			case f.Probability > doubtful:
				t.Errorf("%s is taken for %s (%s)%s", name, f.Cause.ID, Percent(f.Probability), reasonsOf(f))
			}
		}
		if found {
			named++
		}
	}
	if named < faults*2/5 {
		t.Errorf("only %d of %d faults are named", named, faults)
	}
}

// TestUnreadIsNotNothing holds the balance to what was looked at: where nobody saw the
// queues and devices, no zero is told of them, and that the network lost the segments
// is less certain.
func TestUnreadIsNotNothing(t *testing.T) {
	c := newCase(t, "")
	r := recordings(t)["path-loss-sender"]
	c.Facts = r.Facts
	seen := c.Diagnose()
	c.Facts = asTexts(r.Facts)
	less := c.Diagnose()
	for _, name := range []string{"ledger.located_tx", "ledger.located_rx"} {
		if v, known := seen.Value(name); !known || v.Now != 0.0 {
			t.Errorf("seen: %s is %v, known %v; expected 0", name, v.Now, known)
		}
		if v, known := less.Value(name); known {
			t.Errorf("not looked at: %s is %v; expected unknown", name, v.Now)
		}
	}
	if f := less.Finding("qdisc.overflow"); len(f.Against) > 0 {
		t.Errorf("nobody looked at the queues, and yet:%s", reasonsOf(f))
	}
	before, after := seen.Finding("path.loss"), less.Finding("path.loss")
	if !after.Named() || after.Probability >= before.Probability {
		t.Errorf("path.loss is %s, and %s with the queues unread:%s", Percent(before.Probability), Percent(after.Probability), reasonsOf(after))
	}
	// The kernel says so itself where a queue of this host refuses segments.
	c.Facts = asTexts(recordings(t)["queue-overflow"].Facts)
	if f := c.Diagnose().Finding("path.loss"); f.Named() {
		t.Errorf("retransmissions failed here, and path.loss is named:%s", reasonsOf(f))
	}
}

// TestProbesInVain is a lossy path whose senders end every answer with a tail loss
// probe: the reports that these were not needed are no sign of reordering.
func TestProbesInVain(t *testing.T) {
	c := newCase(t, "")
	c.Facts = asTexts(recordings(t)["two-path-loss-sender+slow-reader"].Facts)
	for name, n := range map[string]float64{
		"Tcp.RetransSegs": 281, "TcpExt.TCPSynRetrans": 4, "TcpExt.TCPOrigDataSent": 5540, "TcpExt.TCPFastRetrans": 147,
		"TcpExt.TCPLossProbes": 127, "TcpExt.TCPDSACKRecv": 119, "TcpExt.TCPDSACKRecvSegs": 119, "TcpExt.TCPDSACKUndo": 47,
		"TcpExt.TCPSackRecovery": 132, "TcpExt.TCPTimeouts": 4, "TcpExt.TCPLostRetransmit": 6,
	} {
		c.Facts.Values[name] = fact.Value{Now: n}
	}
	d := c.Diagnose()
	if f := d.Finding("path.reordering"); f.Named() {
		t.Errorf("path.reordering is named:%s", reasonsOf(f))
	}
	if f := d.Finding("path.loss"); !f.Named() {
		t.Errorf("path.loss is not named:%s", reasonsOf(f))
	}
	// With as many reports and hardly a probe, the fast ones were in vain.
	c.Facts.Values["TcpExt.TCPLossProbes"] = fact.Value{Now: 5.0}
	if f := c.Diagnose().Finding("path.reordering"); !f.Named() {
		t.Errorf("path.reordering is not named:%s", reasonsOf(f))
	}
}

// TestNamedByTexts names what two pasted looks show well enough, without what only
// watching tells: how full the receive buffers are (ss -m), whether a queue dropped all
// the time.
func TestNamedByTexts(t *testing.T) {
	c := newCase(t, "")
	for name, cause := range map[string]string{"slow-reader": "app.slow-reader", "slow-reader-stops": "app.slow-reader", "shaper": "qdisc.shaper", "peer-slow-download": "peer.slow-reader"} {
		seen := recordings(t)[name].Facts
		c.Facts = asTexts(seen)
		for _, row := range seen.Tables["qdisc"] {
			row = maps.Clone(row)
			delete(row, "drops_lasting")
			c.Facts.Add("qdisc", row)
		}
		if f := c.Diagnose().Finding(cause); !f.Named() {
			t.Errorf("%s: %s is not named:%s", name, cause, reasonsOf(f))
		}
	}
}

// TestSentAgainOf asks of the questions' evidence that a part is not told of a whole that
// is smaller: SYNs that are sent again are of no data segments.
func TestSentAgainOf(t *testing.T) {
	c := newCase(t, "")
	for _, name := range []string{"path-filtered", "path-loss-sender"} {
		c.Facts = recordings(t)[name].Facts
		d := c.Diagnose()
		said := ""
		for _, q := range c.Book.Questions() {
			for _, line := range d.Evidence(q) {
				said += line.Says + "\n"
			}
		}
		if strings.Contains(said, " of 0 ") {
			t.Errorf("%s: something of nothing:\n%s", name, said)
		}
		if whole := strings.Contains(said, "segments sent again"); !whole {
			t.Errorf("%s: nothing of what was sent again:\n%s", name, said)
		}
	}
}
