package counters

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"whydrop/probes/fact"
)

// gauges are the numbers among the MIB counters that fall as well as rise.
var gauges = map[string]bool{
	"Tcp.CurrEstab": true, "MPTcpExt.MPCurrEstab": true,
	"Tls.CurrTxSw": true, "Tls.CurrRxSw": true, "Tls.CurrTxDevice": true, "Tls.CurrRxDevice": true,
}

// Facts tells every counter of the files under the name "Group.Counter", the
// gauges, and the packets that vanished inside IP.
func (*Source) Facts(readings []fact.Reading, f *fact.Facts) {
	var rs []*Reading
	for _, r := range readings {
		if d, ok := r.Data.(*Reading); ok && d != nil {
			rs = append(rs, d)
		}
	}
	if len(rs) == 0 {
		return
	}
	last := rs[len(rs)-1]
	grown := growths{}
	for _, part := range []func(*Reading) *MIB{
		func(r *Reading) *MIB { return r.SNMP },
		func(r *Reading) *MIB { return r.SNMP6 },
		func(r *Reading) *MIB { return r.Netstat },
		func(r *Reading) *MIB { return r.Xfrm },
		func(r *Reading) *MIB { return r.TLS },
	} {
		countMIB(rs, part, grown, f)
	}
	if v := f.Values["Ip.ForwDatagrams"]; v.Total != nil {
		f.Flag("host.forwarded", *v.Total > 0)
	}
	countVanished(rs, grown, f)
	tellEndings(readings, f)
	for name, v := range last.Sockets {
		f.Gauge(name, v)
	}
	countCPUs(rs, f)
	countNeighbours(rs, f)
	tellUnread(last, f)
}

// growths holds by how much each counter grew.
type growths map[string]float64

// mibBits is the width of the kernel's MIB counters: unsigned long.
const mibBits = strconv.IntSize

// countMIB records the counters of one file and notes their growth.
func countMIB(rs []*Reading, part func(*Reading) *MIB, grown growths, f *fact.Facts) {
	last := part(rs[len(rs)-1])
	if last == nil {
		return
	}
	for i, name := range last.Names {
		now := last.Values[i]
		if gauges[name] {
			f.Gauge(name, float64(now))
			continue
		}
		if growth, ok := grow(rs, part, i, name); ok {
			f.Count(name, growth, float64(now))
			grown[name] = growth
		}
	}
}

// grow sums up a counter's growth over the looks that show it; it takes two.
func grow(rs []*Reading, part func(*Reading) *MIB, i int, name string) (growth float64, ok bool) {
	var before uint64
	looks := 0
	for _, r := range rs {
		m := part(r)
		v, shown := at(m, i, name)
		if !shown && (m == nil || !onlyIfSeen(name)) {
			continue
		}
		if looks > 0 {
			g, _ := fact.Growth(before, v, mibBits)
			growth += float64(g)
		}
		before = v
		looks++
	}
	return growth, looks > 1
}

// at is Get with a guess of the place: layouts seldom change.
func at(m *MIB, i int, name string) (uint64, bool) {
	if m != nil && i < len(m.Names) && m.Names[i] == name {
		return m.Values[i], true
	}
	return m.Get(name)
}

// onlyIfSeen reports whether the kernel shows a counter only after it has
// counted something: the ICMP messages by type number. Its absence means zero.
func onlyIfSeen(name string) bool {
	return strings.HasPrefix(name, "IcmpMsg.") ||
		strings.HasPrefix(name, "Icmp6.InType") || strings.HasPrefix(name, "Icmp6.OutType")
}

// softnet names the counters of softnet_stat: the fact of their sum over all
// CPUs (host-wide), the field of a CPU's row, and the column that must exist.
var softnet = []struct {
	fact, field string
	get         func(CPU) uint32
	has         func(CPU) bool
}{
	{"softnet.processed", "softnet_processed", func(c CPU) uint32 { return c.Processed }, nil},
	{"softnet.dropped", "softnet_dropped", func(c CPU) uint32 { return c.Dropped }, nil},
	{"softnet.time_squeeze", "softnet_squeezed", func(c CPU) uint32 { return c.Squeezed }, nil},
	{"softnet.received_rps", "softnet_received_rps", func(c CPU) uint32 { return c.RPS }, func(c CPU) bool { return c.HasRPS }},
	{"softnet.flow_limit", "softnet_flow_limit", func(c CPU) uint32 { return c.FlowLimit }, func(c CPU) bool { return c.HasFlowLimit }},
}

// countCPUs records softnet_stat: sums, and a row for each CPU.
func countCPUs(rs []*Reading, f *fact.Facts) {
	last := rs[len(rs)-1].CPUs
	if len(rs) < 2 || len(last) == 0 {
		return
	}
	grown := map[uint32][]float64{}
	for i := 1; i < len(rs); i++ {
		growCPUs(rs[i-1].CPUs, rs[i].CPUs, grown)
	}
	for col, s := range softnet {
		if s.has != nil && !s.has(last[0]) {
			continue
		}
		growth, total := 0.0, 0.0
		for _, g := range grown {
			growth += g[col]
		}
		for _, c := range last {
			total += float64(s.get(c))
		}
		if len(grown) > 0 {
			f.Count(s.fact, growth, total)
		}
	}
	addCPUs(rs, grown, f)
}

// addCPUs adds a row for each CPU.
func addCPUs(rs []*Reading, grown map[uint32][]float64, f *fact.Facts) {
	last := rs[len(rs)-1].CPUs
	waiting, most := backlogs(rs)
	if last[0].HasBacklog {
		f.Gauge("softnet.backlog", most)
	}
	for _, c := range last {
		g := grown[c.ID]
		if g == nil {
			continue
		}
		row := fact.Row{"name": fmt.Sprintf("cpu%d", c.ID)}
		for col, s := range softnet {
			if s.has == nil || s.has(c) {
				row[s.field], row[s.field+"_total"] = g[col], float64(s.get(c))
			}
		}
		if c.HasBacklog {
			row["softnet_backlog"] = waiting[c.ID]
		}
		f.Add("cpu", row)
	}
}

// backlogs returns the longest input queue of each CPU that a look has met, and
// the longest of all.
func backlogs(rs []*Reading) (longest map[uint32]float64, most float64) {
	longest = map[uint32]float64{}
	for _, r := range rs {
		for _, c := range r.CPUs {
			longest[c.ID] = max(longest[c.ID], float64(c.Backlog))
			most = max(most, float64(c.Backlog))
		}
	}
	return longest, most
}

// growCPUs adds the growth between two looks, by CPU. Kernels before 5.14 do
// not number the lines: when a CPU came or went, the lines don't match and the
// pair is left out.
func growCPUs(before, after []CPU, grown map[uint32][]float64) {
	if len(before) != len(after) && len(after) > 0 && after[0].Guessed {
		return
	}
	was := make(map[uint32]CPU, len(before))
	for _, c := range before {
		was[c.ID] = c
	}
	for _, c := range after {
		b, ok := was[c.ID]
		if !ok {
			continue
		}
		g := grown[c.ID]
		if g == nil {
			g = make([]float64, len(softnet))
			grown[c.ID] = g
		}
		for col, s := range softnet {
			d, _ := fact.Growth(uint64(s.get(b)), uint64(s.get(c)), 32)
			g[col] += float64(d)
		}
	}
}

// countNeighbours records the statistics of both neighbour tables.
func countNeighbours(rs []*Reading, f *fact.Facts) {
	last := rs[len(rs)-1]
	if last.ARP != nil {
		f.Gauge("neigh.entries", float64(last.ARP.Entries))
	}
	if last.NDISC != nil {
		f.Gauge("neigh6.entries", float64(last.NDISC.Entries))
	}
	for _, name := range []string{"table_fulls", "unresolved_discards", "res_failed", "forced_gc_runs"} {
		growth, total, known := 0.0, 0.0, false
		for _, table := range []func(*Reading) *Neighbours{
			func(r *Reading) *Neighbours { return r.ARP },
			func(r *Reading) *Neighbours { return r.NDISC },
		} {
			g, t, ok := growNeighbours(rs, table, name)
			growth, total, known = growth+g, total+t, known || ok
		}
		if known {
			f.Count("neigh."+name, growth, total)
		}
	}
}

func growNeighbours(rs []*Reading, table func(*Reading) *Neighbours, name string) (growth, total float64, known bool) {
	for i := 1; i < len(rs); i++ {
		b, a := table(rs[i-1]), table(rs[i])
		if b == nil || a == nil {
			continue
		}
		was, ok1 := b.Counts[name]
		now, ok2 := a.Counts[name]
		if !ok1 || !ok2 {
			continue
		}
		g, _ := fact.Growth(was, now, mibBits)
		growth, total, known = growth+float64(g), float64(now), true
	}
	return growth, total, known
}

// blind says what is not seen without a file. An absent file of a feature that
// the host does not use (IPv6, IPVS) leaves nothing unseen.
var blind = map[string]struct{ what, absent string }{
	"net/netstat":          {"the extended TCP counters (/proc/net/netstat)", ""},
	"net/snmp6":            {"the IPv6 counters (/proc/net/snmp6)", ""},
	"net/sockstat":         {"socket and TCP memory totals (/proc/net/sockstat)", ""},
	"net/softnet_stat":     {"input queues of the CPUs (/proc/net/softnet_stat)", ""},
	"net/stat/arp_cache":   {"the neighbour tables (/proc/net/stat/arp_cache)", "to run in the host's first network namespace"},
	"net/stat/ndisc_cache": {"the IPv6 neighbour table (/proc/net/stat/ndisc_cache)", ""},
}

func tellUnread(r *Reading, f *fact.Facts) {
	for _, file := range slices.Sorted(maps.Keys(r.Unread)) {
		why, b := r.Unread[file], blind[file]
		switch {
		case b.what == "":
		case why != "":
			f.CannotSee(name, b.what+": "+why, "")
		case b.absent != "" && r.ProcessesOnly:
			f.CannotSee(name, b.what, "a /proc mounted without subset=pid")
		case b.absent != "":
			f.CannotSee(name, b.what, b.absent)
		case file == "net/netstat":
			f.CannotSee(name, b.what, "")
		}
	}
}
