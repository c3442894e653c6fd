package inetdiag

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Socket is one TCP socket as inet_diag shows it.
type Socket struct {
	State   State          `json:"state"`
	Timer   Timer          `json:"timer"`
	Retrans uint8          `json:"retrans"` // expiries of Timer in a row (idiag_retrans)
	Local   netip.AddrPort `json:"local"`   // IPv4 also where the socket is IPv6 (v4-mapped)
	Remote  netip.AddrPort `json:"remote"`
	Ifindex uint32         `json:"ifindex,omitempty"` // bound or link-local interface
	// Cookie tells this socket from any other since boot. Zero where it was read
	// from /proc.
	Cookie uint64 `json:"cookie"`
	// RQueue and WQueue are, for a listener, connections waiting to be accepted
	// and the limit of that queue; otherwise bytes unread and bytes not
	// acknowledged.
	RQueue uint32 `json:"rqueue"`
	WQueue uint32 `json:"wqueue"`
	UID    uint32 `json:"uid"`
	Inode  uint32 `json:"inode"` // 0: no process holds it

	HasMem bool   `json:"has_mem"`
	Mem    Memory `json:"mem"`
	// InfoLen is the length of the struct tcp_info that the kernel gave, 0 for
	// none. A field beyond it is unknown, see Has.
	InfoLen uint16 `json:"info_len"`
	Info    Info   `json:"info"`

	cong    [16]byte
	congLen uint8
}

// Memory is the part of SK_MEMINFO that tells about drops: bytes, except Drops.
type Memory struct {
	RMem   uint32 `json:"rmem"`   // receive memory in use (skmem r)
	RcvBuf uint32 `json:"rcvbuf"` // its limit (rb)
	SndBuf uint32 `json:"sndbuf"` // limit of the send memory (tb)
	WMem   uint32 `json:"wmem"`   // send memory in use (w), Linux 2.6.28
	Drops  uint32 `json:"drops"`  // sk_drops (d), Linux 4.7
}

// Info is the part of struct tcp_info (include/uapi/linux/tcp.h) that is used
// here. Times are microseconds unless said otherwise, sizes bytes.
type Info struct {
	Retransmits   uint8  `json:"retransmits"` // retransmission timeouts in a row
	Probes        uint8  `json:"probes"`      // unanswered keepalives or window probes
	Backoff       uint8  `json:"backoff"`     // doublings of the timer, also of the persist timer
	Options       uint8  `json:"options"`     // agreed in the handshake: OptWindowScale and others
	RTO           uint32 `json:"rto"`
	SndMSS        uint32 `json:"snd_mss"`
	Unacked       uint32 `json:"unacked"`        // segments in flight
	Sacked        uint32 `json:"sacked"`         // of these, the ones that the peer has (SACK)
	LastDataSent  uint32 `json:"last_data_sent"` // milliseconds ago
	LastDataRecv  uint32 `json:"last_data_recv"` // milliseconds ago
	LastAckRecv   uint32 `json:"last_ack_recv"`  // milliseconds ago
	PMTU          uint32 `json:"pmtu"`
	RTT           uint32 `json:"rtt"`
	SndCwnd       uint32 `json:"snd_cwnd"` // segments
	RcvRTT        uint32 `json:"rcv_rtt"`  // as the receiver of data measures it; 0 if it does not
	TotalRetrans  uint32 `json:"total_retrans"`
	BytesAcked    uint64 `json:"bytes_acked"`    // 4.1; the SYN counts as one
	BytesReceived uint64 `json:"bytes_received"` // 4.1
	NotsentBytes  uint32 `json:"notsent_bytes"`  // 4.6
	MinRTT        uint32 `json:"min_rtt"`        // 4.6; ^0 before the first sample
	DataSegsIn    uint32 `json:"data_segs_in"`   // 4.6
	DataSegsOut   uint32 `json:"data_segs_out"`  // 4.6
	DeliveryRate  uint64 `json:"delivery_rate"`  // 4.9; bytes a second
	BusyTime      uint64 `json:"busy_time"`      // 4.10
	RwndLimited   uint64 `json:"rwnd_limited"`   // 4.10
	SndbufLimited uint64 `json:"sndbuf_limited"` // 4.10
	Delivered     uint32 `json:"delivered"`      // 4.18; segments, with the SYN
	DeliveredCE   uint32 `json:"delivered_ce"`   // 4.18
	BytesSent     uint64 `json:"bytes_sent"`     // 4.19; data, with retransmissions
	BytesRetrans  uint64 `json:"bytes_retrans"`  // 4.19; data
	DsackDups     uint32 `json:"dsack_dups"`     // 4.19
	ReordSeen     uint32 `json:"reord_seen"`     // 4.19
	RcvOoopack    uint32 `json:"rcv_ooopack"`    // 5.4
	SndWnd        uint32 `json:"snd_wnd"`        // 5.4
	RcvWnd        uint32 `json:"rcv_wnd"`        // 6.2; the window advertised to the peer
	TotalRTO      uint16 `json:"total_rto"`      // 6.7
}

// OptWindowScale is set where both ends scale their windows (TCPI_OPT_WSCALE).
const OptWindowScale = 4

// Lengths of struct tcp_info up to the end of the named field: a shorter one
// does not have it.
const (
	LenTotalRetrans  = 104
	LenBytesReceived = 136
	LenDataSegsOut   = 160
	LenNotsentBytes  = 148
	LenMinRTT        = 152
	LenDeliveryRate  = 168
	LenSndbufLimited = 192
	LenDeliveredCE   = 200
	LenReordSeen     = 224
	LenRcvOoopack    = 228
	LenSndWnd        = 232
	LenRcvWnd        = 236
	LenTotalRTO      = 242
)

// Has says whether the kernel's tcp_info reaches to length, one of the Len
// constants.
func (s *Socket) Has(length int) bool { return int(s.InfoLen) >= length }

// Congestion returns the name of the congestion control algorithm, "" if it was
// not asked for.
func (s *Socket) Congestion() string { return string(s.cong[:s.congLen]) }

const messageSize = 72 // struct inet_diag_msg

// parse fills s from one answer and says whether it is in a state of TCP. It fails
// where the message or one of its attributes is cut short.
func (s *Socket) parse(b []byte) (known bool, err error) {
	if len(b) < messageSize {
		return false, fmt.Errorf("a socket of %d bytes, expected %d", len(b), messageSize)
	}
	order, big := binary.NativeEndian, binary.BigEndian
	s.State, s.Timer, s.Retrans = State(b[1]), Timer(b[2]), b[3]
	s.Local = address(b[0], b[8:24], big.Uint16(b[4:]))
	s.Remote = address(b[0], b[24:40], big.Uint16(b[6:]))
	s.Ifindex = order.Uint32(b[40:])
	s.Cookie = uint64(order.Uint32(b[44:])) | uint64(order.Uint32(b[48:]))<<32
	s.RQueue, s.WQueue = order.Uint32(b[56:]), order.Uint32(b[60:])
	s.UID, s.Inode = order.Uint32(b[64:]), order.Uint32(b[68:])
	s.HasMem, s.InfoLen, s.congLen = false, 0, 0
	s.Mem, s.Info = Memory{}, Info{}
	for b = b[messageSize:]; len(b) >= unix.SizeofRtAttr; {
		size := int(order.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return false, fmt.Errorf("an attribute of %d bytes in %d", size, len(b))
		}
		s.attribute(order.Uint16(b[2:]), b[unix.SizeofRtAttr:size])
		b = b[min(align(size), len(b)):]
	}
	return s.State >= Established && s.State <= NewSynRecv, nil
}

func address(family uint8, b []byte, port uint16) netip.AddrPort {
	if family == unix.AF_INET6 {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)).Unmap(), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), port)
}

func (s *Socket) attribute(kind uint16, b []byte) {
	switch kind {
	case attrInfo:
		s.InfoLen = uint16(len(b))
		s.Info.parse(b)
	case attrMemory:
		s.memory(b)
	case attrCong:
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i]
		}
		s.congLen = uint8(copy(s.cong[:], b))
	}
}

func (s *Socket) memory(b []byte) {
	const drops = 8 * 4
	if len(b) < drops {
		return
	}
	order := binary.NativeEndian
	s.HasMem = true
	s.Mem = Memory{RMem: order.Uint32(b), RcvBuf: order.Uint32(b[4:]), SndBuf: order.Uint32(b[12:]), WMem: order.Uint32(b[20:])}
	if len(b) >= drops+4 {
		s.Mem.Drops = order.Uint32(b[drops:])
	}
}

// tcpInfo is the longest tcp_info that has a field used here.
const tcpInfo = LenTotalRTO

// parse reads the struct tcp_info of any kernel: it only ever grew at its end, so
// what a shorter one lacks is taken as zero, and Has tells.
func (i *Info) parse(b []byte) {
	var short [tcpInfo]byte
	if len(b) < tcpInfo {
		copy(short[:], b)
		b = short[:]
	}
	order := binary.NativeEndian
	i.Retransmits, i.Probes, i.Backoff, i.Options = b[2], b[3], b[4], b[5]
	i.RTO, i.SndMSS, i.Unacked, i.Sacked = order.Uint32(b[8:]), order.Uint32(b[16:]), order.Uint32(b[24:]), order.Uint32(b[28:])
	i.LastDataSent, i.LastDataRecv, i.LastAckRecv = order.Uint32(b[44:]), order.Uint32(b[52:]), order.Uint32(b[56:])
	i.PMTU, i.RTT, i.SndCwnd = order.Uint32(b[60:]), order.Uint32(b[68:]), order.Uint32(b[80:])
	i.RcvRTT, i.TotalRetrans = order.Uint32(b[92:]), order.Uint32(b[100:])
	i.BytesAcked, i.BytesReceived = order.Uint64(b[120:]), order.Uint64(b[128:])
	i.NotsentBytes, i.MinRTT = order.Uint32(b[144:]), order.Uint32(b[148:])
	i.DataSegsIn, i.DataSegsOut = order.Uint32(b[152:]), order.Uint32(b[156:])
	i.DeliveryRate, i.BusyTime = order.Uint64(b[160:]), order.Uint64(b[168:])
	i.RwndLimited, i.SndbufLimited = order.Uint64(b[176:]), order.Uint64(b[184:])
	i.Delivered, i.DeliveredCE = order.Uint32(b[192:]), order.Uint32(b[196:])
	i.BytesSent, i.BytesRetrans = order.Uint64(b[200:]), order.Uint64(b[208:])
	i.DsackDups, i.ReordSeen = order.Uint32(b[216:]), order.Uint32(b[220:])
	i.RcvOoopack, i.SndWnd = order.Uint32(b[224:]), order.Uint32(b[228:])
	i.RcvWnd, i.TotalRTO = order.Uint32(b[232:]), order.Uint16(b[240:])
}
