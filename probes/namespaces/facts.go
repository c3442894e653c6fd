package namespaces

import (
	"cmp"
	"slices"

	"github.com/prometheus/procfs"

	"whydrop/probes/fact"
)

// rows bounds how many namespaces become rows: those in which most moved.
const rows = 20

// field is one counter of a namespace and the name of its fact.
type field struct {
	name string
	of   func(*procfs.ProcSnmp, *procfs.ProcNetstat) *float64
}

// fields are the counters that are compared, all of which the kernel keeps per
// namespace. The first counts what is sent; the others mean trouble.
var fields = []field{
	{"out_segs", func(s *procfs.ProcSnmp, _ *procfs.ProcNetstat) *float64 { return s.Tcp.OutSegs }},
	{"retrans", func(s *procfs.ProcSnmp, _ *procfs.ProcNetstat) *float64 { return s.RetransSegs }},
	{"syn_retrans", func(_ *procfs.ProcSnmp, n *procfs.ProcNetstat) *float64 { return n.TCPSynRetrans }},
	{"attempt_fails", func(s *procfs.ProcSnmp, _ *procfs.ProcNetstat) *float64 { return s.AttemptFails }},
	{"resets", func(s *procfs.ProcSnmp, _ *procfs.ProcNetstat) *float64 { return s.EstabResets }},
	{"listen_overflows", func(_ *procfs.ProcSnmp, n *procfs.ProcNetstat) *float64 { return n.ListenOverflows }},
	{"listen_drops", func(_ *procfs.ProcSnmp, n *procfs.ProcNetstat) *float64 { return n.ListenDrops }},
	{"backlog_drops", func(_ *procfs.ProcSnmp, n *procfs.ProcNetstat) *float64 { return n.TCPBacklogDrop }},
	{"receive_drops", func(_ *procfs.ProcSnmp, n *procfs.ProcNetstat) *float64 { return n.TCPRcvQDrop }},
	{"rp_filter", func(_ *procfs.ProcSnmp, n *procfs.ProcNetstat) *float64 { return n.IPReversePathFilter }},
	{"checksum_errors", func(s *procfs.ProcSnmp, _ *procfs.ProcNetstat) *float64 { return s.Tcp.InCsumErrors }},
	{"no_routes", func(s *procfs.ProcSnmp, _ *procfs.ProcNetstat) *float64 { return s.OutNoRoutes }},
}

// Counts are the counters of one namespace by the name of their fact; one that
// this kernel lacks is absent.
type Counts map[string]uint64

func countsOf(s *procfs.ProcSnmp, n *procfs.ProcNetstat) Counts {
	c := Counts{}
	for _, f := range fields {
		if v := f.of(s, n); v != nil && *v >= 0 {
			c[f.name] = uint64(*v)
		}
	}
	return c
}

// Facts adds a row for each namespace in which something went wrong during the
// observation, the worst first.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	first, last := readings[0].Data.(*Reading), readings[len(readings)-1].Data.(*Reading)
	if last.Hidden > 0 {
		f.CannotSee(name, "network namespaces of other users' processes", "CAP_SYS_PTRACE")
	}
	if last.Skipped > 0 {
		f.CannotSee(name, "network namespaces beyond the first 512", "")
	}
	f.Gauge("namespaces.others", float64(len(last.Namespaces)))
	if len(readings) < 2 {
		return
	}
	f.Table("namespace")
	type troubled struct {
		row   fact.Row
		worst float64
	}
	var all []troubled
	for id, now := range last.Namespaces {
		then, ok := first.Namespaces[id]
		if !ok {
			continue // made meanwhile: its counters have no growth yet
		}
		row, worst := growth(id, then, now)
		if worst > 0 {
			all = append(all, troubled{row, worst})
		}
	}
	f.Gauge("namespaces.troubled", float64(len(all)))
	slices.SortFunc(all, func(a, b troubled) int {
		return cmp.Or(cmp.Compare(b.worst, a.worst), cmp.Compare(a.row["name"].(string), b.row["name"].(string)))
	})
	for _, t := range all[:min(rows, len(all))] {
		f.Add("namespace", t.row)
	}
}

// growth makes the row of a namespace; worst is the largest growth of a counter
// that means trouble.
func growth(id string, then, now Namespace) (row fact.Row, worst float64) {
	row = fact.Row{"name": now.Process + " (" + id + ")", "process": now.Process, "pid": float64(now.PID)}
	for i, f := range fields {
		after, ok := now.Counts[f.name]
		before, ok2 := then.Counts[f.name]
		if !ok || !ok2 {
			continue
		}
		g, _ := fact.Growth(before, after, 64)
		row[f.name], row[f.name+"_total"] = float64(g), float64(after)
		if i > 0 {
			worst = max(worst, float64(g))
		}
	}
	return row, worst
}
