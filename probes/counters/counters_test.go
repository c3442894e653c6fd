package counters

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// look reads the files of one kernel.
func look(t *testing.T, dir string) *Reading {
	t.Helper()
	d, err := (&Source{root: dir, sysfs: "testdata"}).Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Reading)
}

// factsOf derives facts from readings taken half a second apart.
func factsOf(rs ...*Reading) *fact.Facts {
	start := time.Unix(1700000000, 0)
	f := fact.New(start, float64(len(rs)-1)/2)
	var readings []fact.Reading
	for i, r := range rs {
		readings = append(readings, fact.Reading{At: start.Add(time.Duration(i) * time.Second / 2), Data: r})
	}
	New().Facts(readings, f)
	return f
}

func TestKernelsOfSeveralAges(t *testing.T) {
	for _, k := range []struct {
		dir     string
		totals  map[string]float64
		gauges  map[string]float64
		unknown []string
	}{
		{
			dir:     "3.10",
			totals:  map[string]float64{"TcpExt.ListenOverflows": 17, "softnet.processed": 0xa11f2 + 0x9ffff, "softnet.received_rps": 7, "neigh.res_failed": 3, "neigh.unresolved_discards": 3},
			gauges:  map[string]float64{"Tcp.CurrEstab": 42, "sockstat.tcp_inuse": 44, "neigh.entries": 7, "sockstat.tcp_mem_pages": 9, "ip.rx_vanished": 0},
			unknown: []string{"softnet.flow_limit", "neigh.table_fulls", "ip.tx_vanished", "ip6.rx_vanished", "Ip6.InReceives", "neigh6.entries", "Ip.Forwarding", "Tcp.MaxConn", "Tcp.RtoMin"},
		},
		{
			dir:     "4.18",
			totals:  map[string]float64{"softnet.flow_limit": 0, "softnet.dropped": 2, "Icmp6.InType135": 60, "UdpLite6.NoPorts": 0, "TcpExt.TCPOrigDataSent": 600001, "IpExt.InNoECTPkts": 812233},
			gauges:  map[string]float64{"sockstat.tcp_inuse": 49, "sockstat.frag_mem_bytes": 4096, "ip6.rx_vanished": 0},
			unknown: []string{"ip.tx_vanished", "ip6.tx_vanished"},
		},
		{
			dir:     "5.10",
			totals:  map[string]float64{"neigh.table_fulls": 0, "neigh.res_failed": 6, "softnet.time_squeeze": 3},
			unknown: []string{"ip.tx_vanished"},
		},
		{
			dir:    "6.18",
			totals: map[string]float64{"TcpExt.PAWSOldAck": 0, "Ip6.OutTransmits": -1},
			gauges: map[string]float64{"ip.rx_vanished": 0, "ip.tx_vanished": 0, "ip6.tx_vanished": 0},
		},
	} {
		t.Run(k.dir, func(t *testing.T) {
			r := look(t, filepath.Join("testdata", k.dir))
			f := factsOf(r, r)
			for name, want := range k.totals {
				v := f.Values[name]
				if v.Total == nil || want >= 0 && *v.Total != want || v.Now != 0.0 {
					t.Errorf("%s = %v, want no growth and a total of %v", name, v, want)
				}
			}
			for name, want := range k.gauges {
				if got, ok := f.Num(name); !ok || got != want {
					t.Errorf("%s = %v, want %v", name, got, want)
				}
			}
			for _, name := range k.unknown {
				if v, ok := f.Values[name]; ok {
					t.Errorf("%s = %v, want unknown", name, v)
				}
			}
		})
	}
}

func TestOneLookHasNoGrowth(t *testing.T) {
	f := factsOf(look(t, "testdata/6.18"))
	for name, v := range f.Values {
		if v.Total != nil {
			t.Errorf("%s has a growth of %v after a single look", name, v.Now)
		}
	}
	if _, ok := f.Num("ip.rx_vanished"); ok {
		t.Error("a balance after a single look")
	}
	if _, ok := f.Num("sockstat.orphan"); !ok {
		t.Error("gauges need only one look")
	}
}

func mib(kv ...any) *MIB {
	m := &MIB{}
	for i := 0; i < len(kv); i += 2 {
		m.Names = append(m.Names, kv[i].(string))
		m.Values = append(m.Values, uint64(kv[i+1].(int)))
	}
	return m
}

func TestCounters(t *testing.T) {
	for _, c := range []struct {
		what     string
		readings []*Reading
		fact     string
		want     any // nil for unknown
	}{
		{"growth over several looks", []*Reading{{SNMP: mib("Tcp.InSegs", 10)}, {SNMP: mib("Tcp.InSegs", 15)}, {SNMP: mib("Tcp.InSegs", 27)}}, "Tcp.InSegs", 17.0},
		{"a counter that starts again", []*Reading{{SNMP: mib("Tcp.InSegs", 1000)}, {SNMP: mib("Tcp.InSegs", 4)}}, "Tcp.InSegs", 4.0},
		{"a counter in another place", []*Reading{{SNMP: mib("Tcp.InSegs", 10)}, {SNMP: mib("Tcp.Other", 1, "Tcp.InSegs", 12)}}, "Tcp.InSegs", 2.0},
		{"a counter that was not there", []*Reading{{SNMP: mib("Tcp.InSegs", 10)}, {SNMP: mib("Tcp.Other", 1, "Tcp.InSegs", 12)}}, "Tcp.Other", nil},
		{"an ICMP type is shown once it was seen", []*Reading{{SNMP: mib("Tcp.InSegs", 10)}, {SNMP: mib("IcmpMsg.InType3", 3)}}, "IcmpMsg.InType3", 3.0},
		{"a look without the file", []*Reading{{Netstat: mib("TcpExt.ListenDrops", 5)}, {}, {Netstat: mib("TcpExt.ListenDrops", 9)}}, "TcpExt.ListenDrops", 4.0},
		{"only the last look with the file", []*Reading{{}, {Netstat: mib("TcpExt.ListenDrops", 9)}}, "TcpExt.ListenDrops", nil},
		{"a gauge falls", []*Reading{{SNMP: mib("Tcp.CurrEstab", 10)}, {SNMP: mib("Tcp.CurrEstab", 3)}}, "Tcp.CurrEstab", 3.0},
		{"softnet wraps at 32 bits", []*Reading{{CPUs: []CPU{{Processed: 0xfffffff0}}}, {CPUs: []CPU{{Processed: 0x10}}}}, "softnet.processed", 32.0},
		{"a CPU comes", []*Reading{{CPUs: []CPU{{ID: 0, Dropped: 1}}}, {CPUs: []CPU{{ID: 0, Dropped: 2}, {ID: 1, Dropped: 90}}}}, "softnet.dropped", 1.0},
		{"a CPU goes on a kernel that does not number them", []*Reading{{CPUs: []CPU{{Guessed: true, Dropped: 1}, {ID: 1, Guessed: true, Dropped: 9}}}, {CPUs: []CPU{{Guessed: true, Dropped: 9}}}}, "softnet.dropped", nil},
		{"both neighbour tables", []*Reading{
			{ARP: &Neighbours{Counts: map[string]uint64{"table_fulls": 1}}, NDISC: &Neighbours{Counts: map[string]uint64{"table_fulls": 5}}},
			{ARP: &Neighbours{Counts: map[string]uint64{"table_fulls": 3}}, NDISC: &Neighbours{Counts: map[string]uint64{"table_fulls": 6}}},
		}, "neigh.table_fulls", 3.0},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := factsOf(c.readings...)
			if got := f.Values[c.fact].Now; got != c.want {
				t.Errorf("%s = %v, want %v", c.fact, got, c.want)
			}
		})
	}
}

// A CPU's row has what its kernel counts: growth, total, and the longest queue
// that a look met.
func TestCPURows(t *testing.T) {
	parse := func(s string) *Reading {
		cpus, err := parseSoftnet([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return &Reading{CPUs: cpus}
	}
	const zeros = " 00000000 00000000 00000000 00000000 00000000 00000000"
	f := factsOf(
		parse("0000000a 00000001 00000002"+zeros+" 00000007 00000001 00000063 00000003 00000063 00000000\n"),
		parse("0000000f 00000004 00000002"+zeros+" 00000009 00000001 00000000 00000003 00000000 00000000\n"),
	)
	row := f.Tables["cpu"][0]
	for field, want := range map[string]any{
		"name": "cpu3", "softnet_processed": 5.0, "softnet_processed_total": 15.0, "softnet_dropped": 3.0, "softnet_dropped_total": 4.0,
		"softnet_received_rps": 2.0, "softnet_flow_limit": 0.0, "softnet_flow_limit_total": 1.0, "softnet_backlog": 99.0,
	} {
		if row[field] != want {
			t.Errorf("%s = %v, want %v", field, row[field], want)
		}
	}
	if v, ok := f.Num("softnet.backlog"); !ok || v != 99 {
		t.Errorf("softnet.backlog = %v", v)
	}
	old := parse("0000000a 00000001 00000002" + zeros + "\n")
	row = factsOf(old, old).Tables["cpu"][0]
	for _, field := range []string{"softnet_received_rps", "softnet_flow_limit", "softnet_backlog"} {
		if v, ok := row[field]; ok {
			t.Errorf("%s = %v on a kernel without that column", field, v)
		}
	}
	for _, bad := range []string{"1 2\n", "1 2 x\n", "1 2 100000000\n"} {
		if _, err := parseSoftnet([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestNamed(t *testing.T) {
	var l layouts
	m, err := l.parseNamed("Xfrm", []byte("XfrmInError             \t0\nXfrmInNoStates          \t7\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Get("Xfrm.InNoStates"); !ok || v != 7 {
		t.Errorf("Xfrm.InNoStates = %v, %v", v, ok)
	}
	if _, err := l.parseNamed("Tls", []byte("XfrmInError 0\n")); err == nil {
		t.Error("the counters of something else were read")
	}
}

func TestUnreadable(t *testing.T) {
	t.Run("no /proc/net", func(t *testing.T) {
		_, err := (&Source{root: t.TempDir()}).Look(context.Background())
		if !errors.Is(err, fact.ErrUnavailable) {
			t.Errorf("got %v, want an error that says it is unavailable", err)
		}
	})
	t.Run("spoilt netstat", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/5.10")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "net/netstat"), []byte("TcpExt: A B\nTcpExt: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := look(t, dir)
		f := factsOf(r, r)
		if _, ok := f.Values["TcpExt.A"]; ok {
			t.Error("a counter from a line that does not fit its header")
		}
		if _, ok := f.Values["ip.rx_vanished"]; ok {
			t.Error("a balance without the extended counters")
		}
		if len(f.Blind) != 1 || !strings.Contains(f.Blind[0].What, "2 names and 1 values") {
			t.Errorf("blind = %v", f.Blind)
		}
	})
	t.Run("not the first network namespace", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/5.10")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, "net/stat")); err != nil {
			t.Fatal(err)
		}
		r := look(t, dir)
		if f := factsOf(r); len(f.Blind) != 1 || f.Blind[0].Needs != "to run in the host's first network namespace" {
			t.Errorf("blind = %v", f.Blind)
		}
		r.ProcessesOnly = true
		if f := factsOf(r); len(f.Blind) != 1 || f.Blind[0].Needs != "a /proc mounted without subset=pid" {
			t.Errorf("where /proc shows processes only: blind = %v", f.Blind)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"6.18/net/snmp", "6.18/net/snmp6", "3.10/net/netstat", "4.18/net/stat/arp_cache", "6.18/net/dev", "6.18/net/softnet_stat", "3.10/net/softnet_stat", "4.18/net/sockstat", "4.18/net/sockstat6"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("XfrmInError             \t0\nXfrmInNoStates          \t7\n"))
	f.Add([]byte("a: b\na: 1"))
	f.Add([]byte(":\n:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l layouts
		for range 2 { // the second time with a layout remembered
			for _, parse := range []func([]byte) (*MIB, error){l.parsePairs, l.parseSNMP6} {
				m, err := parse(b)
				if err == nil && (len(m.Names) != len(m.Values) || len(m.Names) == 0) {
					t.Errorf("%d names, %d values", len(m.Names), len(m.Values))
				}
			}
		}
		if n, err := parseNeighbours(b); err == nil && n == nil {
			t.Error("neither a table nor an error")
		}
		if m, err := l.parseNamed("Xfrm", b); err == nil && len(m.Names) != len(m.Values) {
			t.Errorf("%d names, %d values", len(m.Names), len(m.Values))
		}
		if cpus, err := parseSoftnet(b); err == nil && len(cpus) > len(b)/5 {
			t.Errorf("%d CPUs in %d bytes", len(cpus), len(b))
		}
		gauges := map[string]float64{}
		_ = parseSockstat(b, gauges)
		for name, v := range gauges {
			if v < 0 {
				t.Errorf("%s = %v", name, v)
			}
		}
		parseDevices(b)
		_, _ = parseVirtualServers(b)
	})
}

func BenchmarkLook(b *testing.B) {
	s := New()
	for b.Loop() {
		if _, err := s.Look(context.Background()); err != nil {
			b.Skip(err)
		}
	}
}
