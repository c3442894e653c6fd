package sockets

import (
	"cmp"
	"slices"
	"strings"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

// merged is a group over all looks of the window.
type merged struct {
	Group
	now, least []uint32 // medians of the round-trip times, one a look
	most       uint32   // connections that sent something again at one look
}

// merge puts together what the looks say of each group of a kind.
func (w *window) merge(kind Kind) []*merged {
	byName := map[string]*merged{}
	for i, look := range w.looks {
		for j := range look.Groups[kind] {
			g := &look.Groups[kind][j]
			m := byName[g.Name]
			if m == nil {
				m = &merged{Group: Group{Name: g.Name, Port: g.Port, Inbound: g.Inbound}}
				byName[g.Name] = m
			}
			m.Peers, m.Here = max(m.Peers, g.Peers), g.Here
			if i == 0 { // its growth lies before the window
				m.Flows, m.SynSent = max(m.Flows, g.Flows), max(m.SynSent, g.SynSent)
				m.SynRetrying = max(m.SynRetrying, g.SynRetrying)
				continue
			}
			m.merge(&g.Sum)
			m.most = max(m.most, g.Retransmitting)
			if g.RTT.Now > 0 {
				m.now, m.least = append(m.now, g.RTT.Now), append(m.least, g.RTT.Min)
			}
		}
	}
	all := make([]*merged, 0, len(byName))
	for _, m := range byName {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *merged) int {
		return cmp.Or(compareGroups(&a.Group, &b.Group), strings.Compare(a.Name, b.Name))
	})
	return all
}

// groups adds the tables of what connections have in common, and what follows
// from them about where the losses are.
func (w *window) groups(f *fact.Facts) {
	if w.last().Proc != "" || !w.grown {
		return
	}
	var all [kinds][]*merged
	for kind := range kinds {
		table := kindTables[kind]
		f.Table(table)
		all[kind] = w.merge(kind)
		for _, m := range all[kind][:min(len(all[kind]), shownGroups)] {
			if m.Flows > 0 {
				f.Add(table, w.groupRow(kind, m))
			}
		}
	}
	if peers := all[ByPeer]; w.total.Retrans > 0 && len(peers) > 0 {
		most := slices.MaxFunc(peers, func(a, b *merged) int { return cmp.Compare(a.Retrans, b.Retrans) })
		f.Gauge("tcp.top_peer_retrans_share", share(float64(most.Retrans), float64(w.total.Retrans)))
	}
	if w.knows(inetdiag.LenDataSegsOut) {
		spreadOf(&all).tell(f)
	}
}

// groupRow describes one group.
func (w *window) groupRow(kind Kind, m *merged) fact.Row {
	row := fact.Row{
		"name": m.Name, "flows": float64(m.Flows),
		"flows_retrans": float64(max(m.FirstTime, m.most)),
	}
	if !m.Here { // an attempt that stays on this host says nothing of the way to a peer
		row["syn_sent"], row["syn_retrying"] = float64(m.SynSent), float64(m.SynRetrying)
	}
	switch kind {
	case ByPrefix:
		row["peers"] = float64(m.Peers)
	case ByService:
		row["port"], row["inbound"] = float64(m.Port), m.Inbound
		if m.Inbound {
			w.serviceOwner(row, m.Port)
		}
	}
	known := func(length int, field string, n float64) {
		if w.knows(length) {
			row[field] = n
		}
	}
	known(inetdiag.LenTotalRetrans, "retrans", float64(m.Retrans))
	known(inetdiag.LenDataSegsOut, "segs_out", float64(m.SegsOut))
	known(inetdiag.LenBytesReceived, "acked", float64(m.Acked))
	known(inetdiag.LenReordSeen, "spurious", float64(min(m.DsackDups, m.Retrans)))
	known(inetdiag.LenTotalRTO, "timeouts", float64(m.Timeouts))
	if m.SegsOut > 0 {
		known(inetdiag.LenDataSegsOut, "retrans_share", share(float64(m.Retrans), float64(m.SegsOut)))
	}
	if m.Busy > 0 {
		busy := float64(m.Busy)
		known(inetdiag.LenSndbufLimited, "rwnd_limited_share", share(float64(m.RwndLimited), busy))
		known(inetdiag.LenSndbufLimited, "sndbuf_limited_share", share(float64(m.SndbufLimited), busy))
		known(inetdiag.LenSndbufLimited, "cwnd_limited_share", share(float64(m.CwndLimited), busy))
	}
	if len(m.now) > 0 {
		millis := func(us uint32) float64 { return float64(us) / 1000 }
		now, least := median(m.now, millis), median(m.least, millis)
		row["rtt_ms"], row["min_rtt_ms"] = now, least
		row["inflation"] = now / max(least, 0.001)
	}
	return row
}

// serviceOwner adds the process that listens on a port.
func (w *window) serviceOwner(row fact.Row, port uint16) {
	for _, l := range w.last().Listeners {
		if l.Local.Port() != port {
			continue
		}
		for _, pid := range w.last().Owners[l.Inode] {
			if name := w.last().Names[pid]; name != "" {
				row["process"] = name
				return
			}
		}
	}
}
