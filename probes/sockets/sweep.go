package sockets

import (
	"cmp"
	"slices"

	"whydrop/probes/sockets/inetdiag"
)

// sweep turns the stream of sockets of one look into a reading.
type sweep struct {
	look   uint32
	shown  uint64 // sockets so far, at all looks
	r      *Reading
	memory memory
	ports  *portUse
	groups groups
	// stranger stands for a connection that no look has seen.
	stranger remembered
	flows    [classes]worstFlows
	stuck    map[Stuck]uint32
	synRecv  map[uint16]uint32 // by local port

	sending, receiving, retransmitting recency
	unread                             [64]uint32
	senders, retransmitters, disturbed reservoir
	least                              leastRTTs

	// Ports that listen, now and at the previous look: the dump of one family
	// can show a connection before its listener.
	listening, listened portSet
	listeners           []Listener
}

type portSet [1 << 16 / 64]uint64

func (p *portSet) add(port uint16)      { p[port/64] |= 1 << (port % 64) }
func (p *portSet) has(port uint16) bool { return p[port/64]&(1<<(port%64)) != 0 }

// maxListeners bounds the listeners of one reading.
const maxListeners = 512

func (s *sweep) init() {
	s.ports = newPortUse()
	s.groups.peers.init()
	s.groups.services.init()
	s.groups.egress.init()
	s.stuck = map[Stuck]uint32{}
	s.synRecv = map[uint16]uint32{}
}

func (s *sweep) begin(r *Reading) {
	s.look++
	s.r = r
	r.Look, r.Grown = s.look, s.look > 1
	s.ports.reset()
	s.groups.reset(s.look)
	s.senders.reset()
	s.retransmitters.reset()
	s.disturbed.reset()
	clear(s.stuck)
	clear(s.synRecv)
	clear(s.sending[:])
	clear(s.receiving[:])
	clear(s.retransmitting[:])
	clear(s.unread[:])
	for i := range s.flows {
		s.flows[i].reset()
	}
	s.listened, s.listening = s.listening, portSet{}
	s.listeners = s.listeners[:0]
}

// abandon forgets everything after a look that failed midway: growths that were
// half counted would be wrong at the next one.
func (s *sweep) abandon() {
	s.look = 0
	s.memory.release(0)
	s.memory = memory{}
	s.groups.peers.init()
	settings := Reading{
		PortRange: s.r.PortRange, PortsReserved: s.r.PortsReserved, Somaxconn: s.r.Somaxconn, RmemDefault: s.r.RmemDefault, RmemMax: s.r.RmemMax,
	}
	*s.r = settings
}

// socket takes one socket of the dump.
func (s *sweep) socket(k *inetdiag.Socket) {
	r := s.r
	r.States[k.State&15]++
	s.shown++
	r.HasMem = r.HasMem || k.HasMem
	r.InfoLen = max(r.InfoLen, k.InfoLen)
	if k.State == inetdiag.Established && k.Timer == inetdiag.TimerKeepalive {
		r.KeepaliveArmed++
	}
	switch k.State {
	case inetdiag.Listen:
		s.listener(k)
		return
	case inetdiag.SynRecv, inetdiag.NewSynRecv:
		s.request(k)
		return
	}
	inbound := s.listening.has(k.Local.Port()) || s.listened.has(k.Local.Port())
	if port := k.Local.Port(); !inbound && port >= r.PortRange[0] && port <= r.PortRange[1] {
		s.ports.add(k.Local, k.Remote)
	}
	if k.State == inetdiag.TimeWait {
		return
	}
	s.connection(k, inbound)
}

// request takes a connection request whose SYN-ACK was sent, but not answered yet.
func (s *sweep) request(k *inetdiag.Socket) {
	s.synRecv[k.Local.Port()]++
	if k.Retrans > 0 {
		s.r.SynRecvRetrying++
	}
	if k.Cookie == 0 {
		return
	}
	m, _ := s.memory.get(k.Cookie)
	if m.seen == s.look {
		return // shown twice
	}
	m.gone = false
	again := uint32(k.Retrans)
	if s.look > 1 {
		s.r.SynAckRetrans += uint64(again - min(m.counters.Retrans, again))
	}
	m.seen, m.counters.Retrans = s.look, again
}

func (s *sweep) listener(k *inetdiag.Socket) {
	s.listening.add(k.Local.Port())
	l := Listener{
		Cookie: k.Cookie, Local: k.Local, Queue: k.RQueue, Limit: k.WQueue, Inode: k.Inode,
		Drops: k.Mem.Drops, DropsBefore: k.Mem.Drops,
	}
	if k.Cookie != 0 {
		m, isNew := s.memory.get(k.Cookie)
		if !isNew && m.seen == s.look {
			return // shown twice
		}
		if s.look > 1 {
			l.DropsBefore = m.counters.Drops
		}
		m.seen, m.gone, m.counters.Drops = s.look, false, k.Mem.Drops
	} else {
		l.Cookie = uint64(k.Inode)
	}
	s.listeners = append(s.listeners, l)
}

// connection compares a connection with what is remembered of it.
func (s *sweep) connection(k *inetdiag.Socket, inbound bool) {
	now := countersOf(k)
	var m *remembered
	if k.Cookie != 0 {
		var isNew bool
		if m, isNew = s.memory.get(k.Cookie); m.seen == s.look {
			return // shown twice: it moved while the table was walked
		} else if isNew {
			m.born, m.progress = s.look, s.look
			if s.look == 1 {
				m.counters = now // what it did before the first look is history
			}
		}
	} else {
		m = &remembered{born: s.look, progress: s.look, counters: now}
	}
	before := m.counters
	m.counters, m.seen, m.gone = now, s.look, false
	growth := now.since(&before)
	s.account(k, m, &growth, inbound)
	if score, class := s.trouble(k, m, &growth); score > 0 {
		s.flows[class].add(score, func(f *Flow) {
			*f = Flow{
				Socket: *k, Congestion: f.Congestion, Before: before, Now: now, Looks: s.look - m.born + 1,
				Idle: s.look - m.progress, Standing: m.standing, Inbound: inbound, Here: s.groups.egress.stays(k), Class: class, Score: score,
			}
		})
	}
}

// account adds what a connection did since the previous look to the sums.
func (s *sweep) account(k *inetdiag.Socket, m *remembered, growth *Counters, inbound bool) {
	s.handshake(k, m, growth.Retrans, inbound)
	again := m.retrans > 0
	limits := s.activity(k, m, growth)
	s.groups.add(k, &change{
		growth: growth, limits: &limits, inbound: inbound, isNew: m.born == s.look, again: again, place: &m.peer,
	})
}

// ended takes a connection that came to its end since the previous look, with its
// last figures: after those of the look that saw it last, if one did.
func (s *sweep) ended(k *inetdiag.Socket) {
	if k.State == inetdiag.Listen || !k.Remote.IsValid() || k.Remote.Port() == 0 {
		return
	}
	s.r.Ended++
	m := s.memory.find(k.Cookie)
	if m == nil {
		m = &s.stranger
		*m = remembered{cookie: k.Cookie, born: s.look}
	}
	now, before := countersOf(k), m.counters
	now.Drops = before.Drops // not told
	m.counters = now
	growth := now.since(&before)
	pending, quiet := m.pending, m.quiet
	port := k.Local.Port()
	inbound := s.listening.has(port) || s.listened.has(port)
	if inbound && k.Has(inetdiag.LenDataSegsOut) && k.Info.DataSegsIn == 0 && k.Info.DataSegsOut == 0 {
		s.r.EndedUnused++
	}
	s.account(k, m, &growth, inbound)
	m.pending, m.quiet, m.standing = pending, quiet, 0
}

// handshake notes what a connection sent again before it was established. A child of
// a listener inherits the count of its SYN-ACKs (tcp_create_openreq_child). Of a
// connection that was established when it was first seen, the segments sent again
// that are not explained by data were of the handshake.
func (s *sweep) handshake(k *inetdiag.Socket, m *remembered, retrans uint32, inbound bool) {
	opening := k.State == inetdiag.SynSent || m.opening
	m.opening = k.State == inetdiag.SynSent
	if retrans == 0 {
		return
	}
	n := uint64(retrans)
	if !opening {
		if m.born != s.look || !k.Has(inetdiag.LenReordSeen) {
			return
		}
		mss := uint64(max(k.Info.SndMSS, 1))
		n = less(n, (k.Info.BytesRetrans+mss-1)/mss)
	}
	if inbound {
		s.r.SynAckRetrans += n
	} else {
		s.r.SynRetrans += n
	}
}

// activity notes what the connection did since the previous look, and returns it
// without the times in which the connection waited for a retransmission timeout.
func (s *sweep) activity(k *inetdiag.Socket, m *remembered, growth *Counters) (total Counters) {
	total = *growth
	if backsOff(k) {
		// The kernel's clocks go on while it waits for a retransmission timeout,
		// as limited by the window if there is one: that is loss, no limit.
		total.Busy, total.RwndLimited, total.SndbufLimited = 0, 0, 0
	}
	s.r.Growth.add(&total)
	s.r.Growth.Losses.add(growth)
	s.least.see(k)
	if growth.Acked > 0 {
		m.progress = s.look
	}
	if growth.SegsOut > 0 {
		s.sending.did(s.look, &m.sent)
		if rtt, ok := rttOf(k); ok {
			s.senders.add(RTT{Now: rtt.Now, Min: s.least.of(k, rtt.Min)})
		}
	}
	if growth.SegsIn > 0 {
		s.receiving.did(s.look, &m.received)
	}
	s.delayed(k, m, growth)
	m.standing = min(m.standing+1, uint16(len(s.unread)))
	if !leftUnread(k) {
		m.standing = 0
	} else {
		s.unread[m.standing-1]++
	}
	m.pending = k.State == inetdiag.Established && (k.Info.Unacked > 0 || k.RQueue > 0) && m.born < s.look
	m.quiet = isQuiet(k)
	return total
}

// delayed notes the round-trip times of a connection that lost something, either
// way, against the least one to its remote address.
func (s *sweep) delayed(k *inetdiag.Socket, m *remembered, growth *Counters) {
	rtt, known := rttOf(k)
	least := s.least.of(k, rtt.Min)
	if growth.Retrans > 0 {
		s.retransmitting.did(s.look, &m.retrans)
		// The round-trip time of one that only had to repeat its SYN holds the wait.
		if known && (k.Info.BytesRetrans > 0 || !k.Has(inetdiag.LenReordSeen)) {
			s.retransmitters.add(RTT{Now: rtt.Now, Min: least})
		}
	}
	if known && growth.OutOfOrder > 0 && k.Info.RcvRTT > 0 {
		s.disturbed.add(RTT{Now: k.Info.RcvRTT, Min: least})
	}
}

// rttOf returns a connection's round-trip times, if it has measured any.
func rttOf(k *inetdiag.Socket) (RTT, bool) {
	known := k.Has(inetdiag.LenMinRTT) && k.Info.RTT > 0 && k.Info.MinRTT != ^uint32(0)
	return RTT{Now: k.Info.RTT, Min: k.Info.MinRTT}, known
}

// finish completes the reading after the last socket.
func (s *sweep) finish() {
	r := s.r
	r.Grown = r.Grown && r.Proc == ""
	r.Sending, r.Receiving = trimmed(s.sending[:]), trimmed(s.receiving[:])
	r.Retransmitting, r.Unread = trimmed(s.retransmitting[:]), trimmed(s.unread[:])
	for stuck, n := range s.stuck {
		stuck.N = n
		r.Stuck = append(r.Stuck, stuck)
	}
	r.SenderRTTs, r.RetransRTTs = slices.Clone(s.senders.samples), slices.Clone(s.retransmitters.samples)
	r.ReceiveRTTs = slices.Clone(s.disturbed.samples)
	r.PortUse, r.PortUseTo = s.ports.most, s.ports.to
	s.memory.forget(s.look, func(m *remembered) {
		if m.pending {
			r.Vanished++
		}
		if m.quiet {
			r.VanishedQuiet++
		}
	})
	s.groups.report(&r.Groups)
	for i := range s.flows {
		r.Flows = append(r.Flows, s.flows[i].flows...)
	}
	s.finishListeners()
}

// finishListeners keeps the listeners nearest to an overflow, if there are very
// many, and gives them the requests for their port.
func (s *sweep) finishListeners() {
	if len(s.listeners) > maxListeners {
		slices.SortStableFunc(s.listeners, func(a, b Listener) int {
			return cmp.Or(
				cmp.Compare(uint64(b.Queue)*uint64(a.Limit+1), uint64(a.Queue)*uint64(b.Limit+1)),
				cmp.Compare(b.Drops-b.DropsBefore, a.Drops-a.DropsBefore))
		})
	}
	s.r.Listeners = slices.Clone(s.listeners[:min(len(s.listeners), maxListeners)])
	for i := range s.r.Listeners {
		l := &s.r.Listeners[i]
		l.SynRecv = s.synRecv[l.Local.Port()]
	}
}
