package sockets

import "whydrop/probes/sockets/inetdiag"

// trouble judges one connection: how badly it fares (0: well) and in which way.
// The score fades over some looks, so that a connection once reported stays
// until its trouble is over and its growth is known without gaps.
func (s *sweep) trouble(k *inetdiag.Socket, m *remembered, growth *Counters) (score float32, class Class) {
	worse := func(n float32, c Class) {
		if n > score {
			score, class = n, c
		}
	}
	if k.State == inetdiag.SynSent {
		if k.Retrans > 0 {
			if s.groups.egress.stays(k) {
				s.r.SynRetryingHere++
			} else {
				s.r.SynRetrying++
			}
			worse(20+float32(k.Retrans), Connecting)
		}
	} else {
		s.lossTrouble(k, m, growth, worse)
	}
	if windowClosed(k) {
		s.r.WindowClosed++
		worse(30, PeerWindow)
	}
	if sendFails(k) {
		s.r.SendFails++
		worse(28, Loss)
	}
	if m.standing > 0 {
		worse(20+min(float32(m.standing), 10), Reader)
	}
	growthTrouble(growth, worse)
	if growth.Acked > 0 && sendBufferHolds(k) {
		worse(5, Buffer)
	}
	if growth.Received > 0 && s.bufferFixed(k) {
		worse(2, Window)
	}
	m.score *= 0.9
	if score >= m.score {
		m.score, m.class = score, class
	}
	if m.score < 1 {
		return 0, Untroubled
	}
	return m.score, m.class
}

// growthTrouble judges what happened since the previous look.
func growthTrouble(growth *Counters, worse func(float32, Class)) {
	const busyEnough = 20_000 // microseconds
	// A paced sender waits for its timer as well: it is held back by the window for
	// less than half of its time even if only the window limits it.
	if growth.Busy > busyEnough && growth.RwndLimited > growth.Busy/4 {
		worse(6, PeerWindow)
	}
	if growth.Busy > busyEnough && growth.SndbufLimited > growth.Busy/2 {
		worse(5, Buffer)
	}
	if n := growth.OutOfOrder + growth.Drops; n > 0 {
		worse(3+min(float32(n), 100)/10, Arrival)
	}
	if growth.DsackDups+growth.ReordSeen+growth.DeliveredCE > 0 {
		worse(4, Loss)
	}
}

// lossTrouble judges what a connection that was established has lost.
func (s *sweep) lossTrouble(k *inetdiag.Socket, m *remembered, growth *Counters, worse func(float32, Class)) {
	i := &k.Info
	if growth.Retrans > 0 {
		worse(10+min(float32(growth.Retrans), 1000)/10, Loss)
	}
	if k.Timer == inetdiag.TimerKeepalive && i.Probes > 0 {
		worse(15, Loss)
	}
	if !backsOff(k) {
		return
	}
	s.r.Backoff++
	worse(30+10*float32(i.Backoff), Loss)
	if i.Unacked == 0 {
		return
	}
	stuck := inFlight(k)
	s.r.StuckRTO = max(s.r.StuckRTO, i.RTO)
	s.stuck[Stuck{
		Looks: s.look - m.progress, Backoff: min(i.Backoff, 4),
		FullSize: stuck >= uint64(i.SndMSS), Small: stuck < uint64(i.SndMSS)/2 || smallTailStuck(k),
		SmallBefore: onlySmallBefore(k) && !smallTailStuck(k), AfterIdle: silentBefore(k) >= afterIdle,
	}]++
}

// backsOff says whether the retransmission timer has been doubled. A zero-window
// probe doubles tcpi_backoff as well, but its timer is another.
func backsOff(k *inetdiag.Socket) bool {
	return k.Timer == inetdiag.TimerRetransmit && k.Info.Backoff > 0 && k.State != inetdiag.SynSent
}

// inFlight returns the bytes sent and not acknowledged.
func inFlight(k *inetdiag.Socket) uint64 {
	return uint64(k.WQueue) - uint64(min(k.Info.NotsentBytes, k.WQueue))
}

// onlySmallBefore says whether the two ends have talked, but no large segment was
// ever acknowledged: the mark of a path that swallows large packets.
func onlySmallBefore(k *inetdiag.Socket) bool {
	i := &k.Info
	talked := i.BytesAcked > 1 || i.BytesReceived > 0
	return k.Has(inetdiag.LenDeliveredCE) && talked && i.BytesAcked < uint64(max(i.Delivered, 1))*uint64(i.SndMSS)/2
}

// smallTailStuck says whether all that a connection had to send is on its way, the
// last segment of it small, and the peer has acknowledged none by SACK: then it is not
// their size that keeps the large ones from arriving.
func smallTailStuck(k *inetdiag.Socket) bool {
	i := &k.Info
	stuck, mss := inFlight(k), uint64(max(i.SndMSS, 1))
	tail := stuck % mss
	return stuck > mss && i.NotsentBytes == 0 && i.Unacked > 1 && i.Sacked == 0 && tail > 0 && tail < mss/2
}

// afterIdle is from how long a silence on the peer was idle before, milliseconds.
const afterIdle = 10_000

// silentBefore returns for how many milliseconds at least the peer had been silent
// when the stuck data was first sent. By the time that the timer stands at RTO,
// doubled each time, less than twice the RTO has passed.
func silentBefore(k *inetdiag.Socket) uint64 {
	retrying := 2 * uint64(k.Info.RTO) / 1000
	return uint64(k.Info.LastAckRecv) - min(retrying, uint64(k.Info.LastAckRecv))
}

// quietFor is the silence in milliseconds after which a connection counts as at rest.
const quietFor = 2000

// isQuiet says whether a connection is at rest: established, with nothing to send
// or to read, and for a while without data either way.
func isQuiet(k *inetdiag.Socket) bool {
	return k.State == inetdiag.Established && k.Info.Unacked == 0 && k.RQueue == 0 && k.WQueue == 0 &&
		k.Info.LastDataSent >= quietFor && k.Info.LastDataRecv >= quietFor
}

// windowClosed says whether the peer's receive window stops the sender. The
// persist timer also runs for a moment when a transmission failed on this host or
// pacing delays it, so the window is looked at where the kernel tells it, and
// otherwise whether the timer has ever expired.
func windowClosed(k *inetdiag.Socket) bool {
	switch {
	case k.State == inetdiag.SynSent:
		return false
	case !k.Has(inetdiag.LenSndWnd):
		return k.Timer == inetdiag.TimerProbe && k.Retrans > 0
	case k.Timer == inetdiag.TimerProbe:
		return k.Info.SndWnd < max(k.Info.SndMSS, 1)
	}
	return k.Info.SndWnd == 0 && k.WQueue > 0 && k.State == inetdiag.Established
}

// sendFails says whether this host fails to send what it has for the peer. A
// segment whose transmission is refused on the way out (no route, a firewall, a
// full queue) does not count as in flight, and the persist timer tries again
// although the window is open (tcp_check_probe_timer in include/net/tcp.h). The
// timer also runs while pacing holds a healthy sender back, but it never expires.
func sendFails(k *inetdiag.Socket) bool {
	return k.Timer == inetdiag.TimerProbe && k.Has(inetdiag.LenSndWnd) && !windowClosed(k) &&
		k.Retrans > 0 && k.Info.Unacked == 0 && k.WQueue > 0
}

// sendBufferHolds says whether it is the send buffer that holds a connection back:
// a writer would have to wait for room (sk_stream_is_writeable in
// include/net/sock.h), yet all but an eighth of the data is on its way already, and
// both the congestion window and the peer's window have room for more. A sender that
// is paced to less has data unsent. The kernel's own count of such time,
// tcpi_sndbuf_limited, misses senders that write in large pieces.
func sendBufferHolds(k *inetdiag.Socket) bool {
	if !k.HasMem || !k.Has(inetdiag.LenSndWnd) || k.State != inetdiag.Established || k.WQueue == 0 {
		return false
	}
	sent := inFlight(k)
	window := uint64(k.Info.SndCwnd) * uint64(k.Info.SndMSS)
	return uint64(k.Mem.WMem)*3 >= uint64(k.Mem.SndBuf)*2 && sent*8 >= uint64(k.WQueue)*7 &&
		window*4 > sent*5 && uint64(k.Info.SndWnd)*5 > sent*6
}

// leftUnread says whether in-order data fills half of the receive buffer or more.
// What counts against the buffer is memory, with its overhead for small segments,
// and it holds out-of-order segments too, which the application can't read yet.
func leftUnread(k *inetdiag.Socket) bool {
	if !k.HasMem || k.Mem.RcvBuf == 0 || k.State == inetdiag.SynSent {
		return false
	}
	half := uint64(k.Mem.RcvBuf) / 2
	unread := uint64(k.RQueue)
	return unread >= half || (uint64(k.Mem.RMem) >= half && unread >= half/4)
}

// bufferFixed says whether a connection's receive window cannot grow any more: it is
// not scaled, its buffer was set by hand, or autotuning has brought that to its
// ceiling.
func (s *sweep) bufferFixed(k *inetdiag.Socket) bool {
	if k.Has(inetdiag.LenTotalRetrans) && k.Info.Options&inetdiag.OptWindowScale == 0 {
		return true
	}
	return k.HasMem && s.r.RmemDefault > 0 &&
		(k.Mem.RcvBuf < s.r.RmemDefault || uint64(k.Mem.RcvBuf)*20 >= uint64(s.r.RmemMax)*19)
}

// worstFlows keeps the connections with the highest scores of one class.
type worstFlows struct {
	flows []Flow
	least int // index of the lowest score
}

const flowsPerClass = 25

func (w *worstFlows) reset() { w.flows, w.least = w.flows[:0], 0 }

// add lets fill write the flow if it is among the worst so far.
func (w *worstFlows) add(score float32, fill func(*Flow)) {
	at := w.least
	switch {
	case len(w.flows) < flowsPerClass:
		w.flows = append(w.flows, Flow{})
		at = len(w.flows) - 1
	case score <= w.flows[at].Score:
		return
	}
	fill(&w.flows[at])
	w.flows[at].Congestion = w.flows[at].Socket.Congestion()
	w.least = 0
	for i := range w.flows {
		if w.flows[i].Score < w.flows[w.least].Score {
			w.least = i
		}
	}
}
