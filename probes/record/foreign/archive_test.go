package foreign

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// report are the files of a small sosreport. Its layout is that of sos 4.
var report = map[string]string{
	"sos_commands/date/date":                                                "Sat Nov 21 20:00:00 UTC 2026\n",
	"sos_commands/host/hostname":                                            "web1.example.com\n",
	"sos_commands/host/uptime":                                              " 20:00:00 up 3 days,  4:05,  1 user,  load average: 0.10, 0.10, 0.10\n",
	"sos_commands/kernel/uname_-a":                                          "Linux web1.example.com 5.14.0-427.el9.x86_64 #1 SMP x86_64 GNU/Linux\n",
	"sos_commands/kernel/sysctl_-a":                                         "kernel.hostname = web1.example.com\nnet.core.somaxconn = 4096\nnet.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.eth0.rp_filter = 1\nnet.netfilter.nf_conntrack_count = 90\nnet.netfilter.nf_conntrack_max = 100\n",
	"sos_commands/kernel/dmesg":                                             "[    1.000000] eth0: link becomes ready\n[  100.000000] TCP: out of memory -- consider tuning tcp_mem\n",
	"sos_commands/kernel/dmesg_-T":                                          "[Sat Nov 21 19:00:00 2026] TCP: out of memory -- consider tuning tcp_mem\n",
	"sos_commands/networking/netstat_-s":                                    "Ip:\n    1100 total packets received\nTcp:\n    9 segments retransmitted\nTcpExt:\n    40 SYNs to LISTEN sockets dropped\n",
	"sos_commands/networking/ip_-s_-d_link":                                 "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 9216\n    RX:  bytes packets errors dropped  missed   mcast\n       9000     100      0       3       5       0\n    TX:  bytes packets errors dropped carrier collsns\n       8000      90      0       0       0       0\n",
	"sos_commands/networking/ip_-o_addr":                                    "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0\n2: eth0    inet6 fe80::1/64 scope link\n",
	"sos_commands/networking/ip_route_show_table_all":                       "default via 192.0.2.1 dev eth0 proto static\n192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.7\nblackhole 198.51.100.0/24\n",
	"sos_commands/networking/ethtool_-S_eth0":                               "NIC statistics:\n     rx_packets: 100\n     rx_no_dma_resources: 5\n     rx_crc_errors: 0\n",
	"sos_commands/networking/ethtool_-i_eth0":                               "driver: ixgbe\nversion: 5.14.0\nbus-info: 0000:01:00.0\n",
	"sos_commands/networking/ethtool_-g_eth0":                               "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\t512\nTX:\t\t512\n",
	"sos_commands/networking/namespaces/blue/ip_netns_exec_blue_netstat_-s": "Tcp:\n    999 segments retransmitted\n",
	"sos_commands/firewall_tables/iptables_-vnxL":                           "Chain INPUT (policy ACCEPT 5 packets, 300 bytes)\n    pkts      bytes target     prot opt in     out     source               destination\n       7      420 DROP       tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            tcp dpt:23\n",
	"proc/net/snmp":                                                         "Ip: Forwarding DefaultTTL InReceives InDelivers\nIp: 2 64 1000 990\nTcp: ActiveOpens RetransSegs CurrEstab\nTcp: 5 8 2\n",
	"proc/net/netstat":                                                      "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 30 39\n",
	"proc/net/softnet_stat":                                                 "00000064 00000002 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n",
	"proc/meminfo":                                                          "MemTotal:        1000 kB\nMemAvailable:     250 kB\n",
	"etc/os-release":                                                        "NAME=\"Some Linux\"\nPRETTY_NAME=\"Some Linux 9.4\"\n",
	"sos_reports/sos.txt":                                                   "a summary\n",
	"sos_commands/cups/lpstat":                                              "no printers\n",
}

const reportName = "sosreport-web1-2026-11-21-abcdefg"

// tree writes the report as a directory.
func tree(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), reportName)
	for name, text := range report {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packed is the report as a tar, with more members in front.
func packed(t testing.TB, more ...*tar.Header) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h *tar.Header, text string) {
		h.Size = int64(len(text))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range more {
		add(h, "")
	}
	for _, name := range slices.Sorted(maps.Keys(report)) {
		add(&tar.Header{Name: reportName + "/" + name, Mode: 0o644, Typeflag: tar.TypeReg}, report[name])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func save(t testing.TB, name string, b []byte) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A sosreport tells the same as a directory, as a tar, and packed.
func TestReport(t *testing.T) {
	know := Knowledge{NICs: nics{}}
	fromTree, err := Open([]string{tree(t)}, know)
	if err != nil {
		t.Fatal(err)
	}
	f := last(t, fromTree)
	for name, want := range map[string]float64{
		"TcpExt.ListenDrops": 39, // of /proc/net/netstat: netstat -s was counted at another moment
		"Tcp.RetransSegs":    8, "softnet.dropped": 2,
	} {
		if v := f.Values[name]; v.Now != nil || v.Total == nil || *v.Total != want {
			t.Errorf("%s is %+v, want a total of %v and no growth", name, v, want)
		}
	}
	for name, want := range map[string]any{
		"host.kernel": "5.14.0-427.el9.x86_64", "host.os": "Some Linux 9.4", "host.uptime_s": 3*86400 + 4*3600 + 5*60.0,
		"conntrack.share": 0.9, "memory.available_share": 0.25, "sysctl.net.core.somaxconn": 4096.0, "route.default_ipv4": true,
		"link.usable": 1.0, "Tcp.CurrEstab": 2.0,
	} {
		if got := f.Values[name].Now; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	holds(t, row(f, "link", "eth0"), fact.Row{
		"rx_missed_total": 5.0, "driver": "ixgbe", "ring_rx": 512.0, "ring_rx_max": 4096.0, "up": true, "routed": true, "addresses": 1.0,
		"hardware": true,
	}, "rx_missed", "rx_crc", "rx_crc_total", "speed_mbps")
	holds(t, row(f, "nic", "eth0"), fact.Row{"ring_overflow_total": 5.0}, "ring_overflow")
	if len(f.Tables["log"]) == 0 || len(f.Tables["rule"]) != 1 || len(f.Tables["route"]) != 1 {
		t.Errorf("log %v, rule %v, route %v", f.Tables["log"], f.Tables["rule"], f.Tables["route"])
	}
	if h := fromTree.Header; h.Host != "web1.example.com" || h.From != "a sosreport" || h.Start.Format("15:04:05") != "20:00:00" {
		t.Errorf("header %+v", h)
	}
	if !noted(fromTree, "one output of other network namespaces") || !noted(fromTree, "history only") {
		t.Errorf("notes %q", fromTree.Notes)
	}
	for name, b := range map[string][]byte{"r.tar": packed(t), "r.tar.gz": zipped(t, packed(t))} {
		r, err := Open([]string{save(t, name, b)}, know)
		if err != nil {
			t.Fatal(err)
		}
		if got := last(t, r); !reflect.DeepEqual(got.Values, f.Values) || !reflect.DeepEqual(got.Tables, f.Tables) {
			t.Errorf("%s tells something else than the directory", name)
		}
	}
}

// holds checks what a row holds, and which fields it does not.
func holds(t *testing.T, row, want fact.Row, unknown ...string) {
	t.Helper()
	for field, v := range want {
		if row[field] != v {
			t.Errorf("%v: %s is %v, want %v", row["name"], field, row[field], v)
		}
	}
	for _, field := range unknown {
		if v, known := row[field]; known {
			t.Errorf("%v: %s is %v, and nothing showed it", row["name"], field, v)
		}
	}
}

// Two reports of one host are an observation, put in the order of their times.
func TestTwoReports(t *testing.T) {
	first := tree(t)
	second := tree(t)
	change := func(dir, name, old, is string) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Replace(report[name], old, is, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change(second, "sos_commands/date/date", "20:00:00", "20:10:00")
	change(second, "proc/net/netstat", "0 30 39", "0 45 54")
	for name, paths := range map[string][]string{"in order": {first, second}, "not in order": {second, first}} {
		r, err := Open(paths, Knowledge{})
		if err != nil {
			t.Fatal(err)
		}
		f := last(t, r)
		if n, known := f.Num("TcpExt.ListenDrops"); !known || n != 15 || f.Seconds != 600 {
			t.Errorf("%s: ListenDrops grew by %v in %v s, want 15 in 600; notes %q", name, n, f.Seconds, r.Notes)
		}
	}
	change(second, "sos_commands/host/uptime", "3 days,  4:05", "5 min")
	r, err := Open([]string{first, second}, Knowledge{})
	if err != nil {
		t.Fatal(err)
	}
	if v := last(t, r).Values["TcpExt.ListenDrops"]; v.Now != nil || !noted(r, "restarted") {
		t.Errorf("after a restart ListenDrops is %+v; notes %q", v, r.Notes)
	}
}

// Nothing in an archive or a directory leads out of it or holds the reader up.
func TestHostileSources(t *testing.T) {
	t.Run("links and pipes in a directory", func(t *testing.T) {
		dir := tree(t)
		secret := save(t, "secret", []byte("net.core.somaxconn = 666\n"))
		name := filepath.Join(dir, "sos_commands/kernel/sysctl_-a")
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, name); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mkfifo(filepath.Join(dir, "proc/net/sockstat"), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open([]string{dir}, Knowledge{})
		if err != nil {
			t.Fatal(err)
		}
		if v, known := last(t, r).Values["sysctl.net.core.somaxconn"]; known {
			t.Errorf("a link out of the report was followed: %v", v)
		}
	})
	t.Run("links and strange names in an archive", func(t *testing.T) {
		b := packed(t,
			&tar.Header{Name: "../../../../etc/cron.d/x", Typeflag: tar.TypeReg, Mode: 0o644},
			&tar.Header{Name: reportName + "/proc/net/sockstat", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
			&tar.Header{Name: reportName + "/proc/net/dev", Typeflag: tar.TypeFifo},
			&tar.Header{Name: "\x1b[2J/proc/net/snmp6", Typeflag: tar.TypeReg, Mode: 0o644})
		r, err := Open([]string{save(t, "r.tar", b)}, Knowledge{})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range r.Notes {
			if strings.ContainsRune(n, '\x1b') {
				t.Errorf("note %q holds an escape", n)
			}
		}
	})
	t.Run("cut off", func(t *testing.T) {
		whole := zipped(t, packed(t))
		r, err := Open([]string{save(t, "r.tar.gz", whole[:len(whole)*3/4])}, Knowledge{})
		if err != nil {
			t.Fatal(err)
		}
		if !noted(r, "damaged") {
			t.Errorf("notes %q, want one about the damage", r.Notes)
		}
	})
	t.Run("a bomb", func(t *testing.T) {
		r, err := Open([]string{save(t, "bomb.gz", zipped(t, append([]byte("TcpExtListenDrops 5 0.0\n"), bytes.Repeat([]byte(strings.Repeat("a", 1000)+"\n"), maxMember/1000)...)))}, Knowledge{})
		if err != nil {
			t.Fatal(err)
		}
		if !noted(r, "only the first") {
			t.Errorf("notes %q, want one about the size", r.Notes)
		}
	})
	for name, test := range map[string]struct {
		text string
		says string
	}{
		"xz":      {"\xfd7zXZ\x00abc", "unpacked"},
		"zstd":    {"\x28\xb5\x2f\xfdabc", "zstd"},
		"zip":     {"PK\x03\x04abc", "unpack it first"},
		"binary":  {"\x7fELF\x00\x00\x00", "no text"},
		"gzip":    {"\x1f\x8b\x08broken", "unpacked"},
		"bzip2":   {"BZhbroken", "unpacked"},
		"nothing": {"", "understood"},
		"prose":   {"It was slow since noon.\n", "understood"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open([]string{save(t, "file", []byte(test.text))}, Knowledge{})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one with %q", err, test.says)
			}
			if packed := name == "zstd" || name == "zip"; packed != errors.Is(err, ErrPacked) {
				t.Errorf("error %v wraps ErrPacked: %v", err, !packed)
			}
		})
	}
	if _, err := Open(nil, Knowledge{}); err == nil {
		t.Error("no files: no error")
	}
}
