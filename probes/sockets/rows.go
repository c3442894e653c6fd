package sockets

import (
	"cmp"
	"slices"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

const (
	shownFlows       = 50
	shownOfEachClass = 8
	shownGroups      = 20 // of a kind
)

// listeners adds the listening sockets of the last look.
func (w *window) listeners(f *fact.Facts) {
	f.Table("listener")
	looks := map[uint64][]Listener{}
	for _, look := range w.looks {
		for _, l := range look.Listeners {
			looks[l.Cookie] = append(looks[l.Cookie], l)
		}
	}
	processes := w.processes()
	most, known := 0.0, false
	standing := 0.0
	for _, l := range w.last().Listeners {
		row := w.listener(looks[l.Cookie])
		if least, ok := row["queue_min"].(float64); ok {
			standing = max(standing, least)
		}
		pids := w.last().Owners[l.Inode]
		w.owner(row, l.Inode)
		describe(row, pids, processes)
		if share, ok := row["fd_share"].(float64); ok {
			most, known = max(most, share), true
		}
		f.Add("listener", row)
	}
	if known {
		f.Gauge("fd.share_max", most)
	}
	if len(w.looks) > 1 {
		f.Gauge("listen.standing_max", standing)
	}
}

// listener describes one listening socket from the looks that showed it.
func (w *window) listener(looks []Listener) fact.Row {
	now := looks[len(looks)-1]
	var peak, synRecv, full uint32
	least := now.Queue
	for _, l := range looks {
		peak, synRecv, least = max(peak, l.Queue), max(synRecv, l.SynRecv), min(least, l.Queue)
		if l.Queue > l.Limit {
			full++
		}
	}
	row := fact.Row{
		"name": now.Local.String(), "port": float64(now.Local.Port()),
		"queue": float64(now.Queue), "queue_peak": float64(peak), "syn_recv": float64(synRecv),
	}
	if len(looks) > 1 {
		row["standing"], row["queue_min"] = least > 0, float64(least)
	}
	if w.last().Proc != "" {
		return row // /proc/net/tcp does not show the limit
	}
	row["limit"] = float64(now.Limit)
	row["full_share"] = float64(full) / float64(len(looks))
	if somaxconn := w.last().Somaxconn; somaxconn > 0 {
		row["at_somaxconn"] = now.Limit == somaxconn
	}
	if w.hasMem && w.grown {
		before := looks[0].DropsBefore
		if len(looks) == len(w.looks) { // the first look lies before the window
			before = looks[0].Drops
		}
		row["drops"] = float64(now.Drops - before)
	}
	return row
}

// owner adds the process that holds a socket: the first one, if several share it.
func (w *window) owner(row fact.Row, inode uint32) {
	pids := w.last().Owners[inode]
	if len(pids) == 0 {
		return
	}
	row["pid"] = float64(pids[0])
	if name := w.last().Names[pids[0]]; name != "" {
		row["process"] = name
	}
}

// flows adds the connections most in trouble.
func (w *window) flows(f *fact.Facts) {
	if w.last().Proc != "" {
		return
	}
	f.Table("flow")
	byCookie := map[uint64][]at{}
	for i, look := range w.looks {
		for j := range look.Flows {
			flow := &look.Flows[j]
			byCookie[flow.Socket.Cookie] = append(byCookie[flow.Socket.Cookie], at{i, flow})
		}
	}
	var worst [][]at
	for _, looks := range byCookie {
		worst = append(worst, looks)
	}
	slices.SortFunc(worst, func(a, b []at) int {
		x, y := highest(a), highest(b)
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.Socket.Cookie, y.Socket.Cookie))
	})
	processes := w.processes()
	var chosen, rest [][]at
	var ofClass [classes]int
	for _, looks := range worst {
		class := min(highest(looks).Class, classes-1)
		if ofClass[class]++; ofClass[class] <= shownOfEachClass {
			chosen = append(chosen, looks)
		} else {
			rest = append(rest, looks)
		}
	}
	chosen = append(chosen, rest...)
	for _, looks := range chosen[:min(len(chosen), shownFlows)] {
		row := w.flow(looks)
		for _, pid := range w.last().Owners[looks[len(looks)-1].Socket.Inode] {
			processes[pid].reader(row)
		}
		f.Add("flow", row)
	}
}

// at is a flow as one look of the window showed it.
type at struct {
	look int
	*Flow
}

func highest(looks []at) *Flow {
	worst := looks[0].Flow
	for _, l := range looks {
		if l.Score > worst.Score {
			worst = l.Flow
		}
	}
	return worst
}

// flow describes one connection. Its growth runs from the first look that
// reported it: before that it was in no trouble.
func (w *window) flow(looks []at) fact.Row {
	first, now := looks[0], looks[len(looks)-1].Flow
	before := first.Before
	if first.look == 0 {
		before = first.Now
	}
	k := &now.Socket
	row := fact.Row{
		"name":  k.Local.String() + " > " + k.Remote.String(),
		"local": k.Local.String(), "remote": k.Remote.String(),
		"local_port": float64(k.Local.Port()), "remote_port": float64(k.Remote.Port()),
		"inbound": now.Inbound, "state": k.State.String(),
		"same_host":  now.Here,
		"age_looks":  float64(min(int(now.Looks), len(w.looks))),
		"send_queue": float64(k.WQueue), "recv_queue": float64(k.RQueue),
		"trouble": highest(looks).Class.String(),
	}
	w.owner(row, k.Inode)
	if now.Congestion != "" {
		row["congestion_control"] = now.Congestion
	}
	w.flowMemory(row, looks)
	infoNow(row, now)
	w.overTime(row, looks)
	if w.grown {
		growth := now.Now.since(&before)
		infoGrowth(row, k, &growth)
		if k.HasMem {
			row["sock_drops"] = float64(growth.Drops)
		}
	}
	if len(w.looks) > 1 {
		row["stalled"] = backsOff(k) && k.Info.Unacked > 0 && w.stalled(now.Idle, k.Info.Backoff)
		row["not_read"] = int(now.Standing) >= min(len(w.looks), 64)
	}
	return row
}

// flowMemory adds the queues and buffers.
func (w *window) flowMemory(row fact.Row, looks []at) {
	least, unread := looks[0].Socket.RQueue, 0
	for i := range looks {
		least = min(least, looks[i].Socket.RQueue)
		if leftUnread(&looks[i].Socket) {
			unread++
		}
	}
	row["recv_queue_min"] = float64(least)
	k := &looks[len(looks)-1].Socket
	if !k.HasMem {
		return
	}
	row["unread_share"] = float64(unread) / float64(len(looks))
	row["rcvbuf"], row["rmem"], row["sndbuf"] = float64(k.Mem.RcvBuf), float64(k.Mem.RMem), float64(k.Mem.SndBuf)
	// inet_diag does not show SO_RCVBUF. Autotuning starts at tcp_rmem[1] and ends
	// at tcp_rmem[2]: a buffer outside of these was set by hand.
	if r := w.last(); r.RmemDefault > 0 && (k.Mem.RcvBuf < r.RmemDefault || k.Mem.RcvBuf > r.RmemMax) {
		row["rcvbuf_locked"] = true
	}
	if k.Has(inetdiag.LenSndWnd) {
		sendMemory(row, looks)
	}
}

// overTime adds for how long the connection was watched, and how its peer's window
// changed meanwhile.
func (w *window) overTime(row fact.Row, looks []at) {
	since := w.readings[max(looks[0].look-1, 0)].At
	row["watched_s"] = w.readings[looks[len(looks)-1].look].At.Sub(since).Seconds()
	least, most := looks[0].Socket.Info.SndWnd, uint32(0)
	for i := range looks {
		if !looks[i].Socket.Has(inetdiag.LenSndWnd) {
			return
		}
		least, most = min(least, looks[i].Socket.Info.SndWnd), max(most, looks[i].Socket.Info.SndWnd)
	}
	row["snd_wnd_min"], row["snd_wnd_max"] = float64(least), float64(most)
}

// steadyLooks is at how many looks at least a send buffer has to be the same to
// count as one that does not grow.
const steadyLooks = 4

// sendMemory adds whether the send buffer holds the connection back, and whether
// it could have grown. Autotuning raises it each time that a writer finds it full
// while the congestion window has room (tcp_should_expand_sndbuf in
// net/ipv4/tcp_input.c).
func sendMemory(row fact.Row, looks []at) {
	holds, full, steady := 0, false, len(looks) >= steadyLooks
	least := looks[0].Socket.WQueue
	for i := range looks {
		k := &looks[i].Socket
		if sendBufferHolds(k) {
			holds++
			full = full || k.Mem.WMem >= k.Mem.SndBuf
		}
		steady = steady && k.Mem.SndBuf == looks[0].Socket.Mem.SndBuf
		least = min(least, k.WQueue)
	}
	row["send_queue_min"] = float64(least)
	row["send_full_share"] = float64(holds) / float64(len(looks))
	k, limited := &looks[len(looks)-1].Socket, looks[len(looks)-1].Now.since(&looks[0].Now)
	counted := limited.SndbufLimited > 0 && uint64(limited.SndbufLimited)*20 >= uint64(limited.Busy)
	row["sndbuf_pinned"] = steady && (counted || full && !asAtFirst(k))
}

// asAtFirst says whether a send buffer may be as large as that of a new connection
// (10 segments and their overhead, two or three times, tcp_sndbuf_expand): one large
// write fills it, without anybody who waits.
func asAtFirst(k *inetdiag.Socket) bool {
	return k.Mem.SndBuf >= 20*k.Info.SndMSS && k.Mem.SndBuf <= 60*k.Info.SndMSS
}

// infoNow adds what tcp_info says of this moment.
func infoNow(row fact.Row, flow *Flow) {
	k, i := &flow.Socket, &flow.Socket.Info
	if !k.Has(inetdiag.LenTotalRetrans) {
		return
	}
	row["peer_window_closed"] = windowClosed(k)
	row["backoff"] = 0.0
	if k.Timer == inetdiag.TimerRetransmit {
		row["backoff"] = float64(i.Backoff)
	}
	row["rto_ms"] = float64(i.RTO) / 1000
	row["mss"], row["pmtu"], row["cwnd"] = float64(i.SndMSS), float64(i.PMTU), float64(i.SndCwnd)
	if k.State == inetdiag.SynSent {
		row["syn_retries"] = float64(k.Retrans)
		return
	}
	row["window_scaling"] = i.Options&inetdiag.OptWindowScale != 0
	row["idle_ms"] = float64(min(i.LastDataSent, i.LastDataRecv))
	row["since_ack_ms"] = float64(i.LastAckRecv)
	if backsOff(k) {
		row["idle_before_ms"] = float64(silentBefore(k))
	}
	if k.Timer == inetdiag.TimerKeepalive {
		row["keepalive_probes"] = float64(i.Probes)
	}
	if rtt, ok := rttOf(k); ok {
		row["rtt_ms"], row["min_rtt_ms"] = float64(rtt.Now)/1000, float64(rtt.Min)/1000
		if i.RcvRTT > 0 {
			row["rcv_rtt_ms"] = float64(i.RcvRTT) / 1000
		}
		if k.Has(inetdiag.LenDeliveryRate) && i.DeliveryRate > 0 {
			row["bdp_bytes"] = float64(i.DeliveryRate) * float64(rtt.Min) / 1e6
		}
	}
	if k.Has(inetdiag.LenSndWnd) {
		row["snd_wnd"] = float64(i.SndWnd)
		row["send_fails"] = sendFails(k)
	}
	if k.Has(inetdiag.LenRcvWnd) {
		row["rcv_wnd"] = float64(i.RcvWnd)
	}
	if k.Has(inetdiag.LenTotalRTO) {
		row["timeouts"] = float64(i.TotalRTO)
	}
}

// infoGrowth adds what the connection did during the window.
func infoGrowth(row fact.Row, k *inetdiag.Socket, growth *Counters) {
	known := func(length int, field string, n float64) {
		if k.Has(length) {
			row[field] = n
		}
	}
	known(inetdiag.LenTotalRetrans, "retrans", float64(growth.Retrans))
	known(inetdiag.LenBytesReceived, "acked", float64(growth.Acked))
	known(inetdiag.LenBytesReceived, "received", float64(growth.Received))
	known(inetdiag.LenDataSegsOut, "segs_out", float64(growth.SegsOut))
	known(inetdiag.LenReordSeen, "reord_seen", float64(growth.ReordSeen))
	known(inetdiag.LenReordSeen, "dsack_dups", float64(growth.DsackDups))
	known(inetdiag.LenRcvOoopack, "ooo", float64(growth.OutOfOrder))
	if growth.SegsOut > 0 {
		known(inetdiag.LenDataSegsOut, "retrans_share", share(float64(growth.Retrans), float64(growth.SegsOut)))
	}
	if growth.Busy > 0 && !backsOff(k) {
		known(inetdiag.LenSndbufLimited, "rwnd_limited_share", share(float64(growth.RwndLimited), float64(growth.Busy)))
		known(inetdiag.LenSndbufLimited, "sndbuf_limited_share", share(float64(growth.SndbufLimited), float64(growth.Busy)))
	}
}
