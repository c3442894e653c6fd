package foreign

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// countedTexts are texts with one counter in each, and where its growth is told.
var countedTexts = map[string]struct {
	text              string // %[1]d is the counter, %[1]x and %[1]08x in hexadecimal
	table, row, field string // or a fact alone in field
}{
	"nft list ruleset":             {"table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\ttcp dport 8443 counter packets %[1]d bytes 60 drop\n\t}\n}\n", "", "", "filter.drops"},
	"iptables-save -c":             {"*filter\n:INPUT ACCEPT [10:600]\n[%[1]d:60] -A INPUT -p tcp --dport 8443 -j DROP\nCOMMIT\n", "", "", "filter.drops"},
	"iptables -L -v -n -x":         {"Chain INPUT (policy ACCEPT 10 packets, 600 bytes)\n    pkts      bytes target     prot opt in     out     source               destination\n   %[1]d  60 DROP  tcp  --  *  *  0.0.0.0/0  0.0.0.0/0  tcp dpt:8443\n", "", "", "filter.drops"},
	"tc -s qdisc":                  {"qdisc fq 1: dev eth0 root\n Sent 900 bytes 5 pkt (dropped %[1]d, overlimits 0 requeues 0)\n backlog 0b 0p requeues 0\n", "qdisc", "eth0 fq 1:", "drops"},
	"ethtool -S eth0":              {"NIC statistics:\n     rx_packets: 9000\n     rx_no_dma_resources: %[1]d\n", "nic", "eth0", "ring_overflow"},
	"ip -s link":                   {"2: eth0: <UP,LOWER_UP> mtu 1500\n    RX:  bytes packets errors dropped  missed   mcast\n     900 90 0 %[1]d 0 0\n    TX:  bytes packets errors dropped carrier collsns\n     900 90 0 0 0 0\n", "link", "eth0", "rx_dropped"},
	"cat /proc/net/softnet_stat":   {"00009000 %08[1]x 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n", "", "", "softnet.dropped"},
	"conntrack -S":                 {"cpu=0 found=0 invalid=5 insert=0 insert_failed=0 drop=%[1]d early_drop=0 error=0 search_restart=0\n", "", "", "conntrack.drop"},
	"cat /proc/net/stat/arp_cache": {"entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n00000005  00000009 00000009 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 %08[1]x 00000000\n", "", "", "neigh.unresolved_discards"},
	"cat /proc/net/dev":            {"Inter-|   Receive |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n  eth0: 900 9 0 0 0 0 0 0 900 9 0 %[1]d 0 0 0 0\n", "link", "eth0", "tx_dropped"},
	"netstat -i":                   {"Kernel Interface table\nIface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\neth0      1500     1234      0      0 0          1200      0      %[1]d      0 BMRU\n", "link", "eth0", "tx_dropped"},
	"cat /proc/net/xfrm_stat":      {"XfrmInError \t0\nXfrmInNoStates \t%[1]d\n", "", "", "Xfrm.InNoStates"},
	"cat /proc/net/snmp6":          {"Ip6InReceives \t900\nIp6InDiscards \t%[1]d\n", "", "", "Ip6.InDiscards"},
	"netstat -s":                   {"Ip:\n    90000 total packets received\nTcp:\n    80000 segments received\n    %[1]d segments retransmitted\n", "", "", "Tcp.RetransSegs"},
	"cat /proc/net/netstat":        {"TcpExt: SyncookiesSent ListenDrops\nTcpExt: 0 %[1]d\n", "", "", "TcpExt.ListenDrops"},
}

// grownBy is how much the counter of a text grew, nil if that is not known.
func grownBy(t *testing.T, name, text string) any {
	t.Helper()
	_, f := read(t, text)
	c := countedTexts[name]
	if c.table == "" {
		return f.Values[c.field].Now
	}
	return row(f, c.table, c.row)[c.field]
}

// A counter that is lower in the second sample tells of another order, host or beginning,
// and of no growth, whatever shows it.
func TestFallenCountersDoNotGrow(t *testing.T) {
	for name, c := range countedTexts {
		t.Run(name, func(t *testing.T) {
			sample := func(n int) string { return "# " + name + "\n" + fmt.Sprintf(c.text, n) }
			if got := grownBy(t, name, sample(172)+sample(402)); got != 230.0 {
				t.Errorf("from 172 to 402 it grew by %v, want 230", got)
			}
			if got := grownBy(t, name, sample(402)+sample(172)); got != nil && got != 0.0 {
				t.Errorf("from 402 to 172 it grew by %v", got)
			}
			if r, _ := read(t, sample(402)+sample(172)); !noted(r, "not compared") {
				t.Errorf("notes %q do not say that the samples are not compared", r.Notes)
			}
		})
	}
}

// One counter that fell among many that rose is enough.
func TestOneFallenAmongMany(t *testing.T) {
	const text = "$ netstat -s\nIp:\n    %d total packets received\n    %[1]d incoming packets delivered\n    %[1]d requests sent out\nTcp:\n    %[1]d segments received\n    %[1]d segments sent out\nTcpExt:\n    %[2]d SYNs to LISTEN sockets dropped\n"
	_, f := read(t, fmt.Sprintf(text, 1000, 400)+fmt.Sprintf(text, 5000, 390))
	if v := f.Values["TcpExt.ListenDrops"]; v.Now != nil {
		t.Errorf("ListenDrops is %+v", v)
	}
}

// Of connections whose counters fell nothing is told; one that was made anew between the
// same ends does not keep the others from being compared.
func TestFallenConnections(t *testing.T) {
	ss := func(retrans ...int) string {
		text := "$ ss -tin\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
		for i, n := range retrans {
			text += fmt.Sprintf("ESTAB 0 0 10.0.0.1:443 10.0.0.2:%d\n\t cubic rto:204 rtt:0.1/0.1 mss:1448 cwnd:10 bytes_sent:%d bytes_acked:%d retrans:0/%d data_segs_out:%d\n", 5000+i, 10_000*n, 10_000*n, n, 10*n)
		}
		return text
	}
	if r, _ := read(t, ss(40, 50, 60)+ss(4, 5, 6)); !noted(r, "not compared") {
		t.Errorf("all fell: notes %q", r.Notes)
	}
	if r, _ := read(t, ss(40, 50, 60)+ss(45, 55, 6)); noted(r, "not compared") {
		t.Errorf("one fell: notes %q", r.Notes)
	}
}

// Rules that were loaded anew do not cost the samples of the host's counters, if these show
// that order and host are right.
func TestRulesLoadedAnew(t *testing.T) {
	sample := func(rule, retrans int) string {
		return "# nft list ruleset\n" + fmt.Sprintf(countedTexts["nft list ruleset"].text, rule) +
			fmt.Sprintf("# nstat -az\nIpInReceives %d 0.0\nTcpInSegs %[1]d 0.0\nTcpRetransSegs %[1]d 0.0\nTcpActiveOpens 31 0.0\nTcpPassiveOpens 450 0.0\nTcpEstabResets 22 0.0\n", retrans)
	}
	_, f := read(t, sample(402, 100)+sample(172, 107))
	if v := f.Values["filter.drops"]; v.Now != nil {
		t.Errorf("the rules dropped %+v", v)
	}
	if v := f.Values["Tcp.RetransSegs"]; v.Now != 7.0 {
		t.Errorf("Tcp.RetransSegs is %+v, want a growth of 7", v)
	}
	alone := func(rule, retrans int) string { // nothing stands still
		all, _, _ := strings.Cut(sample(rule, retrans), "TcpActiveOpens")
		return all
	}
	_, f = read(t, alone(402, 100)+alone(172, 107))
	if v := f.Values["Tcp.RetransSegs"]; v.Now != nil {
		t.Errorf("nothing shows that the host is the same, and Tcp.RetransSegs is %+v", v)
	}
	_, f = read(t, sample(402, 107)+sample(172, 100))
	if v := f.Values["Tcp.RetransSegs"]; v.Now != nil {
		t.Errorf("in the wrong order Tcp.RetransSegs is %+v", v)
	}
}

// Dates put samples in order, in one text and across files.
func TestOrderOfDates(t *testing.T) {
	sample := func(at string, n int) string {
		return "Sat Nov 21 " + at + " UTC 2026\n" + fmt.Sprintf(countedTexts["nft list ruleset"].text, n)
	}
	r, f := read(t, sample("20:00:10", 402)+sample("20:00:00", 172))
	if v := f.Values["filter.drops"]; v.Now != 230.0 || f.Seconds != 10 || !noted(r, "order of the times") {
		t.Errorf("the rules dropped %+v in %v s; notes %q", v, f.Seconds, r.Notes)
	}
	dir := t.TempDir()
	var paths []string
	for name, text := range map[string]string{"a": sample("20:00:10", 402), "b": sample("20:00:00", 172)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	r, err := Open(paths, Knowledge{})
	if err != nil {
		t.Fatal(err)
	}
	if v := last(t, r).Values["filter.drops"]; v.Now != 230.0 {
		t.Errorf("two files: the rules dropped %+v", v)
	}
}

// The notes on a sample that was given twice tell one truth.
func TestOneTruthOfTheSameSample(t *testing.T) {
	const ss = "$ ss -tn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB 900 0 10.0.0.1:443 10.0.0.2:5000\n"
	r, _ := read(t, ss+ss)
	if !noted(r, "given twice") || !noted(r, "history only: ss") || noted(r, "2 samples") {
		t.Errorf("notes %q", strings.Join(r.Notes, "; "))
	}
}
