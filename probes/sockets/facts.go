package sockets

import (
	"fmt"
	"math"
	"slices"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

// window is a run of readings without a gap, oldest first. Growth is taken from
// all but the first, whose growth lies before the window.
type window struct {
	readings []fact.Reading
	looks    []*Reading
	total    Totals
	grown    bool // growths are known
	infoLen  int
	hasMem   bool
}

// Facts implements fact.Source.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	w := windowOf(readings)
	if len(w.looks) == 0 {
		return
	}
	w.states(f)
	w.activity(f)
	w.trouble(f)
	w.delays(f)
	w.holes(f)
	w.ports(f)
	w.listeners(f)
	w.flows(f)
	w.groups(f)
	w.classes(f)
	w.pace(f)
	w.blind(f)
}

// windowOf takes the last run of readings that follow on each other: after a look
// that failed, sockets are remembered anew.
func windowOf(readings []fact.Reading) *window {
	w := &window{}
	for _, reading := range readings {
		look, ok := reading.Data.(*Reading)
		if !ok || look == nil {
			continue
		}
		if n := len(w.looks); n > 0 && !look.follows(w.looks[n-1]) {
			*w = window{}
		}
		if len(w.looks) > 0 && look.Grown {
			w.total.addTotals(&look.Growth)
			w.grown = true
		}
		w.readings, w.looks = append(w.readings, reading), append(w.looks, look)
		w.infoLen, w.hasMem = max(w.infoLen, int(look.InfoLen)), w.hasMem || look.HasMem
	}
	return w
}

// follows says whether no look was lost between before and r. Looks at /proc are
// not numbered: nothing is remembered from one to the next.
func (r *Reading) follows(before *Reading) bool {
	if r.Proc != "" || before.Proc != "" {
		return r.Proc != "" && before.Proc != ""
	}
	return r.Look == before.Look+1
}

func (w *window) last() *Reading { return w.looks[len(w.looks)-1] }

// knows says whether the kernel's tcp_info reaches to length, or there was no
// connection at all, so that nothing is missing.
func (w *window) knows(length int) bool {
	return w.last().Proc == "" && (w.infoLen == 0 || w.infoLen >= length)
}

// most returns the largest value at one look.
func (w *window) most(value func(*Reading) uint32) float64 {
	var most uint32
	for _, look := range w.looks {
		most = max(most, value(look))
	}
	return float64(most)
}

func (w *window) states(f *fact.Facts) {
	now := w.last().States
	of := func(states ...inetdiag.State) float64 {
		var n float64
		for _, state := range states {
			n += float64(now[state])
		}
		return n
	}
	f.Gauge("tcp.established", of(inetdiag.Established))
	f.Gauge("tcp.keepalive_armed", w.most(func(r *Reading) uint32 { return r.KeepaliveArmed }))
	f.Gauge("tcp.time_wait", of(inetdiag.TimeWait))
	f.Gauge("tcp.close_wait", of(inetdiag.CloseWait))
	f.Gauge("tcp.fin_wait", of(inetdiag.FinWait1, inetdiag.FinWait2, inetdiag.LastAck, inetdiag.Closing))
	f.Gauge("tcp.syn_sent", w.most(func(r *Reading) uint32 { return r.States[inetdiag.SynSent] }))
	f.Gauge("tcp.syn_recv", w.most(func(r *Reading) uint32 {
		return r.States[inetdiag.SynRecv] + r.States[inetdiag.NewSynRecv]
	}))
	f.Gauge("tcp.syn_sent_retrying", w.most(func(r *Reading) uint32 { return r.SynRetrying }))
	f.Gauge("tcp.syn_sent_retrying_here", w.most(func(r *Reading) uint32 { return r.SynRetryingHere }))
	f.Gauge("tcp.syn_recv_retrying", w.most(func(r *Reading) uint32 { return r.SynRecvRetrying }))
}

// activity adds what the connections did, all together.
func (w *window) activity(f *fact.Facts) {
	if !w.grown {
		return
	}
	t := &w.total
	growth := func(name string, n uint64, length int) {
		if w.knows(length) {
			f.Gauge(name, float64(n))
		}
	}
	growth("tcp.bytes_acked", t.Acked, inetdiag.LenBytesReceived)
	growth("tcp.bytes_received", t.Received, inetdiag.LenBytesReceived)
	growth("tcp.segs_retrans", t.Retrans, inetdiag.LenTotalRetrans)
	growth("tcp.segs_out_data", t.SegsOut, inetdiag.LenDataSegsOut)
	growth("tcp.segs_in_data", t.SegsIn, inetdiag.LenDataSegsOut)
	growth("tcp.ooo_segments", t.OutOfOrder, inetdiag.LenRcvOoopack)
	growth("tcp.ooo_events", t.Disturbed, inetdiag.LenRcvOoopack)
	growth("tcp.dsack_dups", t.DsackDups, inetdiag.LenReordSeen)
	growth("tcp.reord_seen", t.ReordSeen, inetdiag.LenReordSeen)
	growth("tcp.delivered_ce", t.DeliveredCE, inetdiag.LenDeliveredCE)
	growth("tcp.busy_ms", t.Busy/1000, inetdiag.LenSndbufLimited)
	growth("tcp.flows_sending", w.distinct(func(r *Reading) []uint32 { return r.Sending }), inetdiag.LenDataSegsOut)
	growth("tcp.flows_receiving", w.distinct(func(r *Reading) []uint32 { return r.Receiving }), inetdiag.LenDataSegsOut)
	growth("tcp.flows_retrans", w.distinct(func(r *Reading) []uint32 { return r.Retransmitting }), inetdiag.LenTotalRetrans)
	if w.hasMem {
		f.Gauge("tcp.sock_drops", float64(t.Drops))
	}
	if w.knows(inetdiag.LenSndbufLimited) && t.Busy > 0 {
		f.Gauge("tcp.rwnd_limited_share", share(float64(t.RwndLimited), float64(t.Busy)))
		f.Gauge("tcp.sndbuf_limited_share", share(float64(t.SndbufLimited), float64(t.Busy)))
	}
	if d, known := t.Losses.dispersion(); known && w.knows(inetdiag.LenDataSegsOut) {
		f.Gauge("retrans.dispersion", d)
	}
	f.Gauge("tcp.peer_resets", w.sum(func(r *Reading) uint32 { return r.Vanished }))
	if !w.endsUnseen() {
		f.Gauge("tcp.ended_unused", w.sum(func(r *Reading) uint32 { return r.EndedUnused }))
	}
	f.Gauge("tcp.quiet_vanished", w.sum(func(r *Reading) uint32 { return r.VanishedQuiet }))
}

func share(part, whole float64) float64 { return min(part/whole, 1) }

// endsUnseen says whether some of the connections that ended were not told.
func (w *window) endsUnseen() bool {
	return slices.ContainsFunc(w.looks[1:], func(r *Reading) bool { return r.EndsUnseen })
}

// sum adds up what happened between the looks of the window.
func (w *window) sum(value func(*Reading) uint32) float64 {
	var n float64
	for _, look := range w.looks[1:] {
		n += float64(value(look))
	}
	return n
}

// distinct returns how many different sockets did something in the window: each
// is counted at the look before which it had not done so within the window.
func (w *window) distinct(counts func(*Reading) []uint32) uint64 {
	var n uint64
	for i, look := range w.looks[1:] {
		for ago, sockets := range counts(look) {
			if ago == 0 || ago > i {
				n += uint64(sockets)
			}
		}
	}
	return n
}

// trouble adds how many connections are in which trouble.
func (w *window) trouble(f *fact.Facts) {
	if w.last().Proc != "" {
		return
	}
	f.Gauge("tcp.flows_backoff", w.most(func(r *Reading) uint32 { return r.Backoff }))
	f.Gauge("tcp.flows_peer_window_closed", w.most(func(r *Reading) uint32 { return r.WindowClosed }))
	if w.knows(inetdiag.LenSndWnd) {
		f.Gauge("tcp.flows_send_fails", w.most(func(r *Reading) uint32 { return r.SendFails }))
	}
	if len(w.looks) < 2 {
		return
	}
	if w.hasMem || w.infoLen == 0 {
		var unread float64
		for streak, n := range w.last().Unread {
			if streak+1 >= min(len(w.looks), 64) {
				unread += float64(n)
			}
		}
		f.Gauge("tcp.flows_not_read", unread)
	}
	if !w.knows(inetdiag.LenNotsentBytes) {
		return
	}
	var all, full, small, onlyLarge, idle float64
	for _, stuck := range w.last().Stuck {
		if !w.stalled(stuck.Looks, stuck.Backoff) {
			continue
		}
		n := float64(stuck.N)
		all += n
		full += when(stuck.FullSize, n)
		small += when(stuck.Small, n)
		onlyLarge += when(stuck.FullSize && stuck.SmallBefore, n)
		idle += when(stuck.AfterIdle, n)
	}
	if all > 0 {
		f.Gauge("tcp.stalled_rto_max_ms", float64(w.last().StuckRTO)/1000)
	}
	f.Gauge("tcp.flows_stalled", all)
	f.Gauge("tcp.flows_stalled_full_size", full)
	f.Gauge("tcp.flows_stalled_small", small)
	f.Gauge("tcp.flows_stalled_after_idle", idle)
	if w.knows(inetdiag.LenDeliveredCE) {
		f.Gauge("tcp.small_ok_large_stalled", onlyLarge)
	}
}

func when(yes bool, n float64) float64 {
	if yes {
		return n
	}
	return 0
}

// stalledBackoff is the number of doublings from which a connection counts as
// stalled although it made progress when the window began. Any progress sets the
// timer back, so 3 doublings of the least timeout are 1.4 s without any.
const stalledBackoff = 3

// stalled judges a connection that backs off with data in flight.
func (w *window) stalled(looksWithoutProgress uint32, backoff uint8) bool {
	return backoff >= stalledBackoff || (backoff > 0 && int(looksWithoutProgress) >= len(w.looks)-1)
}

// delays adds the medians of the round-trip times.
func (w *window) delays(f *fact.Facts) {
	if !w.grown {
		return
	}
	var senders, lossy, disturbed []RTT
	for _, look := range w.looks[1:] {
		senders, lossy = append(senders, look.SenderRTTs...), append(lossy, look.RetransRTTs...)
		disturbed = append(disturbed, look.ReceiveRTTs...)
	}
	inflated := func(r RTT) float64 { return float64(r.Now) / float64(max(r.Min, 1)) }
	queueing := func(r RTT) float64 { return max(float64(r.Now)-float64(r.Min), 0) / 1000 }
	if len(senders) > 0 {
		f.Gauge("tcp.rtt_ms", median(senders, func(r RTT) float64 { return float64(r.Now) / 1000 }))
		f.Gauge("tcp.min_rtt_ms", median(senders, func(r RTT) float64 { return float64(r.Min) / 1000 }))
	}
	if len(lossy) == 0 {
		lossy = senders
	}
	if len(lossy) > 0 {
		f.Gauge("tcp.rtt_inflation", median(lossy, inflated))
		f.Gauge("tcp.queueing_ms", median(lossy, queueing))
	}
	if len(disturbed) > 0 {
		f.Gauge("tcp.rcv_rtt_inflation", median(disturbed, inflated))
		f.Gauge("tcp.rcv_queueing_ms", median(disturbed, queueing))
	}
}

// holes adds how gaps in arriving data were filled.
func (w *window) holes(f *fact.Facts) {
	var h Holes
	for _, look := range w.looks[1:] {
		h.add(&look.Holes)
	}
	if w.last().Proc != "" || len(w.looks) < 2 {
		return
	}
	f.Gauge("holes.watched", float64(h.Quick+h.Slow+h.Unclear))
	f.Gauge("holes.quick", float64(h.Quick))
	f.Gauge("holes.slow", float64(h.Slow))
	if len(h.Waits) > 0 {
		f.Gauge("holes.wait_rtts", median(h.Waits, func(n float32) float64 { return float64(n) }))
	}
	if len(h.Missing) > 0 {
		if t := &w.total; w.knows(inetdiag.LenRcvOoopack) && t.SegsIn > 0 && h.Late > 0 {
			f.Gauge("holes.lost_share", min(1, float64(h.Lost)/float64(h.Late)*float64(t.OutOfOrder)/float64(t.SegsIn)))
		}
		f.Gauge("holes.missing", median(h.Missing, func(n uint16) float64 { return float64(n) }))
		f.Gauge("holes.run", runOf(h.Missing))
		f.Gauge("holes.behind", float64(h.Late)/float64(len(h.Missing)))
	}
}

// runOf is the mean size of the gap that a missing segment was in: large gaps count
// by what was missing in them. The largest of twenty, and of eight at least, are left
// out: a gap that seems large may have been seen too late.
func runOf(missing []uint16) float64 {
	missing = slices.Clone(missing)
	slices.Sort(missing)
	if n := len(missing); n >= 8 {
		missing = missing[:n-max(1, n/20)]
	}
	var sum, squares float64
	for _, n := range missing {
		sum += float64(n)
		squares += float64(n) * float64(n)
	}
	return squares / max(sum, 1)
}

func median[T any](of []T, value func(T) float64) float64 {
	values := make([]float64, len(of))
	for i := range of {
		values[i] = value(of[i])
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}

// ports adds how far the ephemeral ports are used up.
func (w *window) ports(f *fact.Facts) {
	var most uint32
	portShare, to := math.NaN(), ""
	for _, look := range w.looks {
		if look.PortRange[1] == 0 {
			continue
		}
		size := float64(look.PortRange[1]-look.PortRange[0]) + 1 - float64(look.PortsReserved)
		if size < 1 {
			continue
		}
		if look.PortUse >= most {
			most, portShare = look.PortUse, min(float64(look.PortUse)/size, 1)
			if most > 0 {
				to = look.PortUseTo.String()
			}
		}
	}
	f.Gauge("tcp.port_use_max", portShare)
	if to != "" {
		f.Text("tcp.port_use_to", to)
	}
}

// slowPace is from when on the looks are told to be rare. Usually they are half a
// second or a second apart.
const slowPace = 1500 * time.Millisecond

// pace adds what a look costs, and how far apart the looks are because of that.
func (w *window) pace(f *fact.Facts) {
	last := w.last()
	if last.CPU > 0 {
		f.Gauge("sockets.look_ms", float64(last.CPU.Microseconds())/1000)
	}
	var between []time.Duration
	for i := 1; i < len(w.readings); i++ {
		between = append(between, w.readings[i].At.Sub(w.readings[i-1].At))
	}
	if len(between) == 0 {
		return
	}
	every := time.Duration(median(between, func(d time.Duration) float64 { return float64(d) })).Round(100 * time.Millisecond)
	f.Gauge("sockets.every_ms", float64(every.Milliseconds()))
	if every < slowPace {
		return
	}
	n := 0
	for _, in := range last.States {
		n += int(in)
	}
	why := "the host is busy with other work"
	if last.CPU*200 >= every { // about what it may cost: see probes, budget
		why = fmt.Sprintf("a look at %d sockets costs %d ms of CPU time", n, last.CPU.Milliseconds())
	}
	f.Text("sockets.adapted", fmt.Sprintf("looked at only every %.1f s: %s", every.Seconds(), why))
	f.CannotSee("sockets", fmt.Sprintf("what passes between two looks at the sockets, %.1f s apart, such as a queue that fills and drains: %s", every.Seconds(), why), "")
}

// blind says what could not be seen and what would change that.
func (w *window) blind(f *fact.Facts) {
	last := w.last()
	if last.Proc != "" {
		f.CannotSee("sockets", "TCP_INFO and memory of sockets: /proc/net/tcp was read instead ("+last.Proc+")",
			"NETLINK_SOCK_DIAG: the kernel module tcp_diag, or a seccomp profile that allows it")
	}
	if last.Hidden {
		needs := "root or CAP_SYS_PTRACE"
		if last.Root {
			needs = "CAP_SYS_PTRACE in the first user namespace: this root is confined"
		}
		f.CannotSee("sockets", "processes of other users behind sockets", needs)
	}
	if last.Proc == "" && w.endsUnseen() {
		f.CannotSee("sockets", "connections that begin and end between two looks, except in the counters: more end each second than are followed, or the kernel does not tell of them", "")
	}
	if last.Unfinished {
		f.CannotSee("sockets", "processes behind some sockets: too many open files for the time given", "a longer observation")
	}
	if last.Proc == "" && w.infoLen > 0 && w.infoLen < inetdiag.LenSndWnd {
		f.CannotSee("sockets", "the newer fields of tcp_info (out-of-order segments, the peer's window)", "Linux 5.4")
	}
}
