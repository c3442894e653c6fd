package foreign

import (
	"fmt"
	"strings"
	"testing"
)

// pasteOf is a paste with a counter that grew by 3.
const pasteOf = `root@web1:~# date
Sat Nov 21 20:00:00 UTC 2026
root@web1:~# cat /proc/net/netstat
TcpExt: SyncookiesSent ListenDrops
TcpExt: 0 7
root@web1:~# nft list ruleset
table inet filter {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 8443 counter packets 100 bytes 60 drop
	}
}
root@web1:~# date
Sat Nov 21 20:00:10 UTC 2026
root@web1:~# nft list ruleset
table inet filter {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 8443 counter packets 105 bytes 60 drop
	}
}
root@web1:~# cat /proc/net/netstat
TcpExt: SyncookiesSent ListenDrops
TcpExt: 0 10
`

func eachLine(prefix string) func(string) string {
	return func(text string) string {
		return prefix + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix) + "\n"
	}
}

// What mail, chat and logs put around a paste costs nothing of it.
func TestPastesInOtherTexts(t *testing.T) {
	ways := map[string]func(string) string{
		"plain":               eachLine(""),
		"quoted":              eachLine("> "),
		"quoted twice":        eachLine(">> "),
		"quoted twice, apart": eachLine("> > "),
		"quoted, no blank":    eachLine(">"),
		"quoted in chat":      eachLine("| "),
		"quoted in part": func(s string) string {
			return "see below, does this help?\n\nBob wrote:\n" + eachLine("> ")(s) + "\nno idea\n"
		},
		"journal":            eachLine("Nov 21 20:00:01 web1 collect.sh[731]: "),
		"syslog, RFC 3339":   eachLine("2026-11-21T20:00:01.123456+01:00 web1 collect: "),
		"stamps and a host":  eachLine("2026-11-21T20:00:01.123Z web1 "),
		"stamps":             eachLine("[2026-11-21 20:00:01] "),
		"host":               eachLine("web1: "),
		"compose":            eachLine("web1 | "),
		"fenced":             func(s string) string { return "Hi\n\n```\n" + s + "```\nthanks\nBob\n" },
		"fenced with tildes": func(s string) string { return "~~~ text\n" + s + "~~~\nthanks\n" },
		"signature":          func(s string) string { return s + "-- \nBob, operations\n" },
		"thanks":             func(s string) string { return s + "thanks\nBob: see above\n" },
		"cut in the end":     func(s string) string { return s + "IpExt: InOctets OutOctets\nIpExt: 5" },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			r, f := read(t, way(pasteOf))
			if v := f.Values["TcpExt.ListenDrops"]; v.Now != 3.0 {
				t.Errorf("ListenDrops is %+v, want a growth of 3; notes %q", v, r.Notes)
			}
			if v := f.Values["filter.drops"]; v.Now != 5.0 || f.Seconds != 10 {
				t.Errorf("the rules dropped %+v in %v s; notes %q", v, f.Seconds, r.Notes)
			}
		})
	}
}

// A prefix that belongs to the output stays.
func TestSharedBeginningsOfOutputs(t *testing.T) {
	_, f := read(t, "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 0 7\nTcpExt: SyncookiesSent ListenDrops\nTcpExt: 0 9\n")
	if v := f.Values["TcpExt.ListenDrops"]; v.Now != 2.0 {
		t.Errorf("ListenDrops is %+v, want a growth of 2", v)
	}
	const line = "Nov 21 20:00:01 web1 kernel: [   12.000000] nf_conntrack: table full, dropping packet\n"
	if _, f := read(t, strings.Repeat(line, 4)); len(f.Tables["log"]) == 0 {
		t.Error("messages of the kernel were lost with their stamps")
	}
}

// A line below a text costs none of it, whatever the text is.
func TestStrayLines(t *testing.T) {
	for name, c := range countedTexts {
		for _, stray := range []string{"thanks", "Bob: 5 of them, I think", "```"} {
			first := strings.NewReplacer("%[1]d", "172", "%08[1]x", "000000ac").Replace(c.text)
			second := strings.NewReplacer("%[1]d", "402", "%08[1]x", "00000192").Replace(c.text)
			text := "# " + name + "\n" + first + "# " + name + "\n" + second + stray + "\n"
			if got := grownBy(t, name, text); got != 230.0 {
				t.Errorf("%s with %q below: it grew by %v, want 230", name, stray, got)
			}
		}
	}
}

// What stands below a fence or above a signature belongs to no output.
func TestFences(t *testing.T) {
	for _, end := range []string{"```", "~~~", "-- "} {
		s := split("x", []byte("$ ip route\ndefault via 10.0.0.1 dev eth0\n"+end+"\nwe moved it to dev eth9 last week\n"))
		if len(s.pieces) != 1 || string(s.pieces[0].text) != "default via 10.0.0.1 dev eth0\n" {
			t.Errorf("%q: %q", end, s.pieces[0].text)
		}
	}
}

// Settings that are printed one by one are one sample.
func TestSettingFiles(t *testing.T) {
	const one = "# cat /proc/sys/net/netfilter/nf_conntrack_count\n1020\n# cat /proc/sys/net/netfilter/nf_conntrack_max\n1024\n"
	for name, text := range map[string]string{
		"two commands": one,
		"two files":    "# cat /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max\n1020\n1024\n",
		"braces":       "# cat /proc/sys/net/netfilter/nf_conntrack_{count,max}\n1020\n1024\n",
		"sysctl":       "# sysctl net.netfilter.nf_conntrack_count\nnet.netfilter.nf_conntrack_count = 1020\n# sysctl net.netfilter.nf_conntrack_max\nnet.netfilter.nf_conntrack_max = 1024\n",
		"twice":        strings.Replace(one, "1020", "900", 1) + one,
	} {
		_, f := read(t, text)
		n, _ := f.Num("conntrack.count")
		if most, _ := f.Num("conntrack.max"); n != 1020 || most != 1024 {
			t.Errorf("%s: %v of %v, want 1020 of 1024", name, n, most)
		}
	}
}

// netstat -i shows what interfaces count, as far as it is no sum.
func TestInterfaceTable(t *testing.T) {
	const head = "# netstat -i\nKernel Interface table\nIface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n"
	_, f := read(t, head+"eth0      1500     1234      0      0 0          1200      0      0      0 BMRU\n"+head+"eth0      1500     2234      90      5 70          1300      0      10      0 BMRU\n")
	eth0 := row(f, "link", "eth0")
	if eth0["rx_errors"] != 90.0 || eth0["rx_fifo"] != 70.0 || eth0["tx_dropped"] != 10.0 {
		t.Errorf("eth0 is %v", eth0)
	}
	if _, known := eth0["rx_dropped"]; known {
		t.Error("RX-DRP is a sum and was taken for rx_dropped")
	}
}

// Lines about a socket are known without their indent.
func TestSocketsWithoutIndent(t *testing.T) {
	const text = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB 0 0 10.0.0.1:443 10.0.0.2:5000\n\t cubic rto:204 rtt:0.1/0.1 mss:1448 cwnd:10 bytes_acked:900 retrans:0/4\nESTAB 0 0 10.0.0.1:443 10.0.0.2:5001\n\t cubic rto:204 rtt:0.1/0.1 mss:1448 cwnd:10 bytes_acked:901 retrans:0/5\n"
	p, err := parseSS(strings.ReplaceAll(text, "\t ", ""))
	if err != nil || len(p.all) != 2 || !p.info || p.all[0].Info.TotalRetrans != 4 || p.all[1].Info.TotalRetrans != 5 {
		t.Errorf("%+v (%v), want two sockets that sent 4 and 5 segments again", p, err)
	}
}

// What is left open names the output that would tell it, and only then.
func TestMissingOutputsAreNamed(t *testing.T) {
	const statistics = "# conntrack -S\ncpu=0 found=0 invalid=5 insert=0 insert_failed=0 drop=%[1]d early_drop=0 error=0 search_restart=0\n"
	const sockets = "$ ss -tin\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB %[1]d 0 10.0.0.1:443 10.0.0.2:5000\n\t cubic rto:204 rtt:0.1/0.1 mss:1448 cwnd:10 bytes_received:%[1]d\n"
	drops := fmt.Sprintf(statistics, 5) + fmt.Sprintf(statistics, 9)
	for name, test := range map[string]struct {
		text, needs string
		wanted      bool
	}{
		"drops alone":          {drops, "nf_conntrack_max", true},
		"drops and the table":  {drops + "# cat /proc/sys/net/netfilter/nf_conntrack_{count,max}\n5\n9\n", "nf_conntrack_max", false},
		"no drops":             {fmt.Sprintf(statistics, 5) + fmt.Sprintf(statistics, 5) + "$ date\n", "nf_conntrack_max", false},
		"standing bytes":       {fmt.Sprintf(sockets, 90_000) + fmt.Sprintf(sockets, 95_000), "ss -tinm", true},
		"standing bytes, full": {strings.ReplaceAll(fmt.Sprintf(sockets, 90_000)+fmt.Sprintf(sockets, 95_000), "\t cubic", "\t skmem:(r90000,rb131072,t0,tb87040,f0,w0,o0,bl0,d0) cubic"), "ss -tinm", false},
	} {
		_, f := read(t, test.text)
		found := false
		for _, b := range f.Blind {
			found = found || strings.Contains(b.Needs, test.needs)
		}
		if found != test.wanted {
			t.Errorf("%s: blind %+v", name, f.Blind)
		}
	}
}
