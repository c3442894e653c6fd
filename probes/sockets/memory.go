package sockets

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// Counters are the cumulative figures of one socket whose growth tells something.
// Times are microseconds, which wrap after 71 minutes of being busy: only the
// difference between two looks is used.
type Counters struct {
	Acked         uint64 `json:"acked"`
	Received      uint64 `json:"received"`
	Busy          uint32 `json:"busy"`
	RwndLimited   uint32 `json:"rwnd_limited"`
	SndbufLimited uint32 `json:"sndbuf_limited"`
	Retrans       uint32 `json:"retrans"`
	SegsOut       uint32 `json:"segs_out"`
	SegsIn        uint32 `json:"segs_in"`
	OutOfOrder    uint32 `json:"ooo"`
	DsackDups     uint32 `json:"dsack_dups"`
	ReordSeen     uint32 `json:"reord_seen"`
	DeliveredCE   uint32 `json:"delivered_ce"`
	Drops         uint32 `json:"drops"`
	Timeouts      uint32 `json:"timeouts"` // 16 bits in tcp_info
}

func countersOf(s *inetdiag.Socket) Counters {
	i := &s.Info
	return Counters{
		Acked: i.BytesAcked, Received: i.BytesReceived,
		Busy: uint32(i.BusyTime), RwndLimited: uint32(i.RwndLimited), SndbufLimited: uint32(i.SndbufLimited),
		Retrans: i.TotalRetrans, SegsOut: i.DataSegsOut, SegsIn: i.DataSegsIn,
		OutOfOrder: i.RcvOoopack, DsackDups: i.DsackDups, ReordSeen: i.ReordSeen,
		DeliveredCE: i.DeliveredCE, Drops: s.Mem.Drops, Timeouts: uint32(i.TotalRTO),
	}
}

// since returns the growth from before to c. The 32-bit fields wrap as the
// kernel's do. A socket that is disconnected begins anew at zero (tcp_disconnect in
// net/ipv4/tcp.c): nothing is known of its growth then, and none is told.
func (c *Counters) since(before *Counters) Counters {
	return Counters{
		Acked: grown(c.Acked, before.Acked), Received: grown(c.Received, before.Received),
		Busy: grown(c.Busy, before.Busy), RwndLimited: grown(c.RwndLimited, before.RwndLimited),
		SndbufLimited: grown(c.SndbufLimited, before.SndbufLimited),
		Retrans:       grown(c.Retrans, before.Retrans), SegsOut: grown(c.SegsOut, before.SegsOut), SegsIn: grown(c.SegsIn, before.SegsIn),
		OutOfOrder: grown(c.OutOfOrder, before.OutOfOrder), DsackDups: grown(c.DsackDups, before.DsackDups),
		ReordSeen: grown(c.ReordSeen, before.ReordSeen), DeliveredCE: grown(c.DeliveredCE, before.DeliveredCE),
		Drops: grown(c.Drops, before.Drops), Timeouts: uint32(uint16(c.Timeouts - before.Timeouts)),
	}
}

// grown is the growth of a counter that may have wrapped, 0 if it went back.
func grown[T uint32 | uint64](now, before T) T {
	if n := now - before; n <= ^T(0)/2 {
		return n
	}
	return 0
}

// remembered is what is kept of one socket from look to look. It has no pointers,
// so that the garbage collector need not walk it. Looks are numbered from 1.
type remembered struct {
	cookie   uint64
	counters Counters
	born     uint32 // first look that showed it
	seen     uint32 // last look that showed it
	sent     uint32 // last look since whose predecessor it sent data
	received uint32 // the same for data received
	retrans  uint32 // the same for retransmissions
	progress uint32 // last look that found new data acknowledged
	standing uint16 // looks in a row that found data left unread
	pending  bool   // established with data in flight or unread at the last look
	opening  bool   // in SYN-SENT at the last look
	gone     bool   // the last look did not show it
	quiet    bool   // established, with nothing to send or read, and silent for quietFor at the last look
	peer     uint32 // place of its remote address in peers, if that has not moved
	class    Class
	score    float32
}

const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
)

// memory remembers the sockets: dense chunks for the records and a table of
// indices by cookie with linear probing, at most half full. It costs about 120
// bytes a socket and makes no garbage when it does not grow.
type memory struct {
	chunks []*[chunkSize]remembered
	n      uint32
	next   uint32   // the record after the one last asked for
	index  []uint32 // position + 1; 0 is empty
}

func (m *memory) at(i uint32) *remembered { return &m.chunks[i>>chunkBits][i&(chunkSize-1)] }

func (m *memory) home(cookie uint64) uint32 {
	h := cookie * 0x9e3779b97f4a7c15
	return uint32(h>>32) & uint32(len(m.index)-1)
}

// slot returns the place in the index of cookie, or the empty one where it would go.
func (m *memory) slot(cookie uint64) uint32 {
	i := m.home(cookie)
	for m.index[i] != 0 && m.at(m.index[i]-1).cookie != cookie {
		i = (i + 1) & uint32(len(m.index)-1)
	}
	return i
}

// get returns the record of a socket and whether it is a new one. Records stand in
// the order in which sockets were first shown, and the kernel shows them in the
// same order again; so the one that follows the last is tried first.
func (m *memory) get(cookie uint64) (r *remembered, isNew bool) {
	if m.next < m.n {
		if r := m.at(m.next); r.cookie == cookie {
			m.next++
			return r, false
		}
	}
	if uint64(m.n)*2 >= uint64(len(m.index)) {
		m.rehash(max(1024, 2*len(m.index)))
	}
	i := m.slot(cookie)
	if m.index[i] != 0 {
		m.next = m.index[i]
		return m.at(m.next - 1), false
	}
	if int(m.n>>chunkBits) == len(m.chunks) {
		m.chunks = append(m.chunks, newChunk())
	}
	m.n++
	m.next = m.n
	m.index[i] = m.n
	r = m.at(m.n - 1)
	*r = remembered{cookie: cookie}
	return r, true
}

func (m *memory) rehash(size int) {
	m.index = make([]uint32, size)
	for i := range m.n {
		m.index[m.slot(m.at(i).cookie)] = i + 1
	}
}

// find returns the record of a socket, nil if there is none.
func (m *memory) find(cookie uint64) *remembered {
	if len(m.index) == 0 {
		return nil
	}
	if i := m.index[m.slot(cookie)]; i != 0 {
		return m.at(i - 1)
	}
	return nil
}

// forget tells gone of each socket that look is the first not to show. It drops
// them at the next one: what the kernel tells of a socket's end can come late.
func (m *memory) forget(look uint32, gone func(*remembered)) {
	for i := uint32(0); i < m.n; {
		r := m.at(i)
		if r.seen == look {
			i++
			continue
		}
		if !r.gone {
			r.gone = true
			gone(r)
			i++
			continue
		}
		m.remove(i)
	}
	m.release(int(m.n>>chunkBits) + 2)
}

// release gives back the chunks beyond the first few.
func (m *memory) release(keep int) {
	for len(m.chunks) > keep {
		last := len(m.chunks) - 1
		freeChunk(m.chunks[last])
		m.chunks[last] = nil
		m.chunks = m.chunks[:last]
	}
}

// newChunk returns zeroed memory for records outside of the heap. They hold no
// pointers; on the heap they would cost twice their size, for the collector lets
// the heap grow to the double before it looks.
func newChunk() *[chunkSize]remembered {
	b, err := unix.Mmap(-1, 0, int(unsafe.Sizeof([chunkSize]remembered{})),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return new([chunkSize]remembered)
	}
	return (*[chunkSize]remembered)(unsafe.Pointer(&b[0]))
}

// freeChunk gives a chunk back. One that is on the heap is not known to Munmap,
// which refuses it, and is left to the collector.
func freeChunk(c *[chunkSize]remembered) {
	_ = unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(c)), unsafe.Sizeof(*c)))
}

// remove fills the gap in the records with the last one, and the gap in the
// index by shifting back what had been displaced over it.
func (m *memory) remove(i uint32) {
	hole := m.slot(m.at(i).cookie)
	if last := m.n - 1; last != i {
		m.index[m.slot(m.at(last).cookie)] = i + 1
		*m.at(i) = *m.at(last)
	}
	m.n--
	mask := uint32(len(m.index) - 1)
	m.index[hole] = 0
	for next := (hole + 1) & mask; m.index[next] != 0; next = (next + 1) & mask {
		home := m.home(m.at(m.index[next] - 1).cookie)
		if (next-home)&mask >= (next-hole)&mask {
			m.index[hole], m.index[next] = m.index[next], 0
			hole = next
		}
	}
}
