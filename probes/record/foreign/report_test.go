package foreign

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whydrop/probes/fact"
)

// treeOf writes files as a directory.
func treeOf(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
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

func openTree(t *testing.T, files map[string]string) (*fact.Facts, []string) {
	t.Helper()
	r, err := Open([]string{treeOf(t, files)}, Knowledge{NICs: nics{}})
	if err != nil {
		t.Fatal(err)
	}
	f := last(t, r)
	speaks(t, f)
	return f, r.Notes
}

// What sosreports of several versions and distributions call their files.
func TestReportLayouts(t *testing.T) {
	const link = "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    RX:  bytes packets errors dropped  missed   mcast\n       9000     100      0       3       5       0\n    TX:  bytes packets errors dropped carrier collsns\n       8000      90      0       0       0       0\n"
	for name, file := range map[string]string{
		"sos 4":             "sos_commands/networking/ip_-s_-d_link",
		"sos 3":             "sos_commands/networking/ip_-s_link",
		"below a directory": "sosreport-x-2026/sos_commands/networking/ip_-s_-d_link",
		"twice below":       "tmp/sosreport-x-2026/sos_commands/networking/ip_-d_-s_link",
	} {
		f, notes := openTree(t, map[string]string{file: link})
		if n := row(f, "link", "eth0")["rx_dropped_total"]; n != 3.0 {
			t.Errorf("%s: eth0 dropped %v, want 3; notes %q", name, n, notes)
		}
	}
	f, _ := openTree(t, map[string]string{
		"sos_commands/networking/ethtool_vxlan_sys_4789":    "Settings for vxlan_sys_4789:\n\tLink detected: yes\n",
		"sos_commands/networking/ethtool_-i_vxlan_sys_4789": "driver: vxlan\nversion: 0.1\n",
		"sos_commands/networking/ethtool_-k_eth0":           "Features for eth0:\nrx-checksumming: on\ngeneric-receive-offload: on\n",
	})
	if len(f.Tables["link"]) != 2 || row(f, "link", "vxlan_sys_4789")["driver"] != "vxlan" || row(f, "link", "eth0") == nil {
		t.Errorf("links %v", f.Tables["link"])
	}
	f, _ = openTree(t, map[string]string{
		"sos_commands/networking/ip_-4_rule": "0:\tfrom all lookup local\n100:\tfrom 10.0.0.0/8 blackhole\n101:\tfrom all to 192.0.2.0/24 iif eth1 prohibit proto static\n32766:\tfrom all lookup main\n",
		"sos_commands/networking/ip_-6_rule": "0:\tfrom all lookup local\n50:\tfrom all unreachable\n",
	})
	var got []string
	for _, r := range f.Tables["route"] {
		got = append(got, fmt.Sprintf("%v: %v %v", r["name"], r["default"], r["rule"]))
	}
	want := []string{"rule 100: from 10.0.0.0/8 to 0.0.0.0/0 blackhole: false true", "rule 101: from all to 192.0.2.0/24 prohibit: false true", "rule 50: from all to ::/0 unreachable: true true"}
	if !slices.Equal(got, want) {
		t.Errorf("rules %q, want %q", got, want)
	}
	for _, files := range []map[string]string{
		{"etc/os-release": "PRETTY_NAME=\"Some Linux 9\"\n", "sos_commands/release/lsb_release_-a": "Distributor ID:\tSome\nDescription:\tAnother\n"},
		{"sos_commands/release/lsb_release_-a": "No LSB modules are available.\nDistributor ID:\tSome\nDescription:\tSome Linux 9\n"},
		{"etc/redhat-release": "Some Linux 9\n"},
	} {
		if f, _ := openTree(t, files); f.Values["host.os"].Now != "Some Linux 9" {
			t.Errorf("%v tells of %v", files, f.Values["host.os"].Now)
		}
	}
}

// The counters that sysfs has of interfaces complete those of ip, and stand alone where
// there is no output of ip.
func TestSysfs(t *testing.T) {
	files := map[string]string{
		"sys/devices/pci0000:00/0000:00:03.0/net/eth0/statistics/rx_dropped":         "7\n",
		"sys/devices/pci0000:00/0000:00:03.0/net/eth0/statistics/rx_missed_errors":   "11\n",
		"sys/devices/pci0000:00/0000:00:03.0/net/eth0/statistics/rx_length_errors":   "13\n",
		"sys/devices/pci0000:00/0000:00:03.0/net/eth0/statistics/tx_window_errors":   "broken\n",
		"sys/devices/virtual/net/docker0/statistics/rx_dropped":                      "2\n",
		"sys/devices/virtual/net/docker0/statistics/rx_packets":                      "200\n",
		"sys/class/net/docker0/statistics/rx_dropped":                                "2\n",
		"sys/devices/pci0000:00/0000:00:03.0/net/eth0/queues/tx-0/byte_queue_limits": "1\n",
	}
	f, _ := openTree(t, files)
	holds(t, row(f, "link", "eth0"), fact.Row{"rx_dropped_total": 7.0, "rx_missed_total": 11.0, "rx_length_total": 13.0}, "tx_window_total", "rx_packets_total", "rx_dropped", "up")
	holds(t, row(f, "link", "docker0"), fact.Row{"rx_dropped_total": 2.0})
	files["sos_commands/networking/ip_-s_-d_link"] = report["sos_commands/networking/ip_-s_-d_link"]
	f, _ = openTree(t, files)
	holds(t, row(f, "link", "eth0"), fact.Row{"rx_dropped_total": 3.0, "rx_missed_total": 5.0, "rx_length_total": 13.0, "rx_packets_total": 100.0, "up": true})
	_, f = read(t, "$ grep . /sys/class/net/eth0/statistics/*\n/sys/class/net/eth0/statistics/rx_dropped:5\n/sys/class/net/eth0/statistics/rx_packets:50\n"+
		"$ grep . /sys/class/net/eth0/statistics/*\n/sys/class/net/eth0/statistics/rx_dropped:9\n/sys/class/net/eth0/statistics/rx_packets:70\n")
	holds(t, row(f, "link", "eth0"), fact.Row{"rx_dropped": 4.0, "rx_packets": 20.0, "rx_dropped_total": 9.0})
}

// What only one of two samples shows did not grow from zero.
func TestMoreInTheSecondSample(t *testing.T) {
	const head = "2: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
	const first = "$ ip -s link\n" + head + "    RX: bytes packets errors dropped missed mcast\n    100 10 0 1 0 0\n    TX: bytes packets errors dropped carrier collsns\n    100 10 0 0 0 0\n"
	const second = "$ ip -s -s link\n" + head + "    RX: bytes packets errors dropped missed mcast\n    200 20 0 4 0 0\n    RX errors: length crc frame fifo overrun\n    55 66 0 0 0\n    TX: bytes packets errors dropped carrier collsns\n    200 20 0 0 0 0\n"
	_, f := read(t, first+second)
	r := row(f, "link", "eth0")
	if r["rx_dropped"] != 3.0 {
		t.Errorf("rx_dropped grew by %v, want 3", r["rx_dropped"])
	}
	for _, field := range []string{"rx_crc", "rx_length"} {
		if v, known := r[field]; known {
			t.Errorf("%s grew by %v: nobody knows", field, v)
		}
	}
}

// Packages that were lately installed are told with their times, newest first: of logs in
// the zone of the host.
func TestPackages(t *testing.T) {
	files := map[string]string{
		"sos_commands/date/date":       "Sat Nov 21 21:00:00 CET 2026\n",
		"sos_commands/date/date_--utc": "Sat Nov 21 20:00:00 UTC 2026\n",
		"var/log/dpkg.log":             "2026-11-15 10:00:00 upgrade nginx:amd64 1.22.1-9 1.22.1-9+deb12u3\n2026-11-21 20:30:00 install ethtool:amd64 <none> 6.1\n2026-11-21 20:45:00 upgrade nginx:amd64 1.22.1-9+deb12u3 1.24\n",
	}
	f, _ := openTree(t, files)
	var got []string
	for _, r := range f.Tables["change"] {
		got = append(got, fmt.Sprint(r["name"], " ", r["time"], " ", r["ago"]))
	}
	want := []string{"nginx 2026-11-21 19:45:00 UTC 15 min", "ethtool 2026-11-21 19:30:00 UTC 30 min", "nginx 2026-11-15 09:00:00 UTC 6 days"}
	if !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	if v, known := f.Values["changes.last_day"]; known {
		t.Errorf("changes.last_day is %v: only packages are known", v)
	}
	rpm := "sos_commands/rpm/sh_-c_rpm_--nodigest_-qa_--qf_-59_NVRA_INSTALLTIME_date_sort_-V"
	delete(files, "var/log/dpkg.log")
	files[rpm] = "kernel-5.14.0-503.el9.x86_64    Sat Nov 21 20:59:00 2026\n"
	if f, _ = openTree(t, files); len(f.Tables["change"]) != 1 || f.Tables["change"][0]["time"] != "2026-11-21 19:59:00 UTC" {
		t.Errorf("changes %v", f.Tables["change"])
	}
	delete(files, rpm)
	if f, _ = openTree(t, files); f.Tables["change"] != nil {
		t.Errorf("without a log the changes are %v: they are not known", f.Tables["change"])
	}
}

// Two reports in one archive may be of two hosts, and outputs of other namespaces are not
// this host's.
func TestTwoReportsInOne(t *testing.T) {
	files := maps.Clone(report)
	files["log-bundle/sos_commands/networking/netstat_-s"] = "Ip:\n    1 total packets received\nTcp:\n    99999 segments retransmitted\n"
	files["log-bundle/proc/net/snmp"] = "Tcp: RetransSegs\nTcp: 77777\n"
	f, notes := openTree(t, files)
	if v := f.Values["Tcp.RetransSegs"]; v.Total == nil || *v.Total != 8 {
		t.Errorf("Tcp.RetransSegs is %+v, want a total of 8", v)
	}
	if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "another report") }) ||
		!slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "one output of other network namespaces") }) {
		t.Errorf("notes %q", notes)
	}
}

// What collected the reports of several hosts is told apart from a report.
func TestArchivesInOne(t *testing.T) {
	dir := treeOf(t, map[string]string{"sos-collector-x/sosreport-web1.tar.xz": "\xfd7zXZ\x00", "sos-collector-x/sosreport-web2.tar.xz": "\xfd7zXZ\x00"})
	if _, err := Open([]string{dir}, Knowledge{}); err == nil || !strings.Contains(err.Error(), "holds 2 archives: unpack it") {
		t.Errorf("error %v, want one about archives", err)
	}
}

// Files that are of no use do not take the place of those that are: a report holds
// thousands of /proc/PID.
func TestCrowdedReport(t *testing.T) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(name, text string) {
		if err := w.WriteHeader(&tar.Header{Name: reportName + "/" + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxKept + 10 {
		add(fmt.Sprintf("proc/%d/limits", i), "Limit\n")
	}
	add("sos_commands/networking/netstat_-s", report["sos_commands/networking/netstat_-s"])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Open([]string{save(t, "r.tar", out.Bytes())}, Knowledge{})
	if err != nil {
		t.Fatal(err)
	}
	if v := last(t, r).Values["Tcp.RetransSegs"]; v.Total == nil || *v.Total != 9 {
		t.Errorf("Tcp.RetransSegs is %+v, want a total of 9; notes %q", v, r.Notes)
	}
}

// Where ss was not collected, copies of /proc/net/tcp show states and queues, and no limits.
func TestCopiedSockets(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	files := map[string]string{
		"proc/4711/net/tcp": head +
			"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0\n" +
			"   1: 070002C0:A001 090002C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1\n" +
			"   2: 070002C0:A002 090002C0:01BB 06 00000000:00000000 03:00000100 00000000     0        0 0 3 0000000000000000\n",
		"proc/4711/net/tcp6":           head,
		"sos_commands/kernel/uname_-a": "Linux web1 6.1.0 #1 SMP x86_64 GNU/Linux\n",
	}
	f, notes := openTree(t, files)
	holds(t, row(f, "listener", "127.0.0.1:8080"), fact.Row{"queue": 3.0}, "limit", "full_share", "at_somaxconn", "process")
	for name, want := range map[string]float64{"tcp.established": 1, "tcp.time_wait": 1, "tcp.syn_recv": 0} {
		if n, known := f.Num(name); !known || n != want {
			t.Errorf("%s is %v, want %v; notes %q", name, f.Values[name], want, notes)
		}
	}
	files["sos_commands/networking/ss_-peaonmi"] = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"
	if f, _ = openTree(t, files); len(f.Tables["listener"]) != 1 || row(f, "listener", "0.0.0.0:22")["limit"] != 128.0 {
		t.Errorf("with ss the listeners are %v", f.Tables["listener"])
	}
	delete(files, "sos_commands/networking/ss_-peaonmi")
	files["sos_commands/kernel/uname_-a"] = "Linux web1 6.1.0 #1 SMP s390x GNU/Linux\n"
	if f, _ = openTree(t, files); f.Tables["listener"] != nil {
		t.Errorf("of a host of another byte order the listeners are %v", f.Tables["listener"])
	}
}

// FuzzReport: whatever a file of a report holds, beside another of the same host.
func FuzzReport(f *testing.F) {
	for name, text := range report {
		f.Add(name, text)
	}
	f.Add("sos_commands/rpm/rpm_-qa_--last", "bash-5.1.8-9.el9.x86_64   Fri Sep 27 11:51:33 2024\n")
	f.Add("var/log/dpkg.log", "2026-11-21 20:30:00 install ethtool:amd64 <none> 6.1\n")
	f.Add("sos_commands/date/date_--utc", "Sat Nov 21 20:00:00 UTC 2026\n")
	f.Add("sos_commands/systemd/timedatectl", "  Time zone: Europe/Berlin (CET, +0100)\n")
	f.Add("sys/devices/virtual/net/lo/statistics/rx_bytes", "5\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		e := newEvidence(Knowledge{NICs: nics{}})
		for i, of := range []string{"a", "b"} {
			s := &source{name: of, members: []member{{name: clean(name), text: []byte(text)}}}
			if i == 1 {
				s.members = append(s.members, member{name: "sos_commands/networking/netstat_-s", text: []byte(report["sos_commands/networking/netstat_-s"])})
			}
			if s.arrange() != nil {
				return
			}
			e.add(s)
		}
		e.order()
		r, err := e.recording()
		if err != nil {
			return
		}
		if err = r.Each(func(o *fact.Facts) bool { speaks(t, o); return true }); err != nil {
			t.Error(err)
		}
	})
}

// What the refusing routes and rules are to each other is told only where all of them are
// known, and what else leads somewhere is not.
func TestOnlyRefusal(t *testing.T) {
	const route = "$ ip route\nblackhole 198.51.100.0/24\ndefault via 192.0.2.1 dev eth0\n"
	_, f := read(t, route)
	holds(t, f.Tables["route"][0], fact.Row{"type": "blackhole"}, "only", "wider")
	_, f = read(t, route+"$ ip rule\n0:\tfrom all lookup local\n32766:\tfrom all lookup main\n")
	holds(t, f.Tables["route"][0], fact.Row{"type": "blackhole", "only": true}, "wider")
}
