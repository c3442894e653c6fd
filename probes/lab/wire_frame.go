//go:build linux

package lab

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// etherSize is the length of an Ethernet header.
const etherSize = 14

// The bits of the flags byte of a TCP header (RFC 9293, 3.1).
const (
	flagFIN = 1 << 0
	flagSYN = 1 << 1
	flagRST = 1 << 2
	flagACK = 1 << 4
)

// ipHeader returns the length of the IP header of an Ethernet frame that carries
// TCP, IPv4 or IPv6 without extensions, and 0 for all others.
func ipHeader(f []byte) int {
	if len(f) < etherSize+20 {
		return 0
	}
	ip := f[etherSize:]
	switch uint16(f[12])<<8 | uint16(f[13]) {
	case unix.ETH_P_IP:
		if ip[9] == unix.IPPROTO_TCP {
			return max(20, int(ip[0]&15)*4)
		}
	case unix.ETH_P_IPV6:
		if len(ip) >= 40 && ip[6] == unix.IPPROTO_TCP {
			return 40
		}
	}
	return 0
}

// carriesTCP tells whether the Ethernet frame carries TCP in IPv4 or IPv6.
func carriesTCP(f []byte) bool { return ipHeader(f) > 0 }

// tcpOf returns the TCP segment of an Ethernet frame, nil if there is none.
func tcpOf(f []byte) []byte {
	at := ipHeader(f)
	if at == 0 || len(f) < etherSize+at+20 {
		return nil
	}
	return f[etherSize+at:]
}

// corrupt flips a bit in the last byte of a frame that carries TCP payload.
func corrupt(f []byte) bool {
	if len(f) < 120 {
		return false
	}
	f[len(f)-1] ^= 0x20
	return true
}

// corruptHeader flips a bit of the identification in an IPv4 header.
func corruptHeader(f []byte) bool {
	if f[etherSize]>>4 != 4 {
		return false
	}
	f[etherSize+5] ^= 0x04
	return true
}

// minute is a minute in the unit of TCP timestamps of Linux: milliseconds.
const minute = 60_000

// setBack sets the timestamp of a segment that carries data back by a minute, as
// a box does that rewrites timestamps badly, and says whether there was one.
func setBack(f []byte) bool {
	tcp := tcpOf(f)
	if tcp == nil {
		return false
	}
	size := int(tcp[12]>>4) * 4
	if size < 20 || size >= len(tcp) || tcp[13]&flagSYN != 0 {
		return false
	}
	for at := 20; at+1 < size; {
		kind, length := tcp[at], int(tcp[at+1])
		switch {
		case kind == 1:
			at++
		case kind == 0 || length < 2 || at+length > size:
			return false
		case kind == 8 && length == 10: // RFC 7323, 3.2
			value := tcp[at+2 : at+6]
			before := binary.BigEndian.Uint32(value)
			after := before - minute
			binary.BigEndian.PutUint32(value, after)
			amend(tcp[16:18], at%2 == 1, before, after)
			return true
		default:
			at += length
		}
	}
	return false
}

// amend brings an Internet checksum up to date after a word of the data changed
// (RFC 1624). odd: the word begins at an odd place.
func amend(sum []byte, odd bool, before, after uint32) {
	if odd {
		before, after = before<<8|before>>24, after<<8|after>>24
	}
	c := uint32(^binary.BigEndian.Uint16(sum))
	c += ^before>>16 + ^before&0xffff + after>>16 + after&0xffff
	for c > 0xffff {
		c = c>>16 + c&0xffff
	}
	binary.BigEndian.PutUint16(sum, ^uint16(c))
}

// markCE sets the congestion mark on a packet of a transport that understands it
// (RFC 3168, 5), and says whether it could.
func markCE(f []byte) bool {
	if ipHeader(f) == 0 {
		return false
	}
	ip := f[etherSize:]
	if ip[0]>>4 == 6 {
		if ip[1]&0x30 == 0 {
			return false
		}
		ip[1] |= 0x30
		return true
	}
	if ip[1]&3 == 0 {
		return false
	}
	ip[1] |= 3
	checksumIPv4(ip)
	return true
}

func checksumIPv4(ip []byte) {
	n := int(ip[0]&15) * 4
	if n < 20 || n > len(ip) {
		return
	}
	ip[10], ip[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < n; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
}

// flowState is what a wire with the memory of a stateful firewall knows: the
// connections that spoke within the last seconds.
type flowState struct {
	idle  time.Duration
	reset bool
	mu    sync.Mutex
	seen  map[[2]netip.AddrPort]time.Time
}

func newFlowState(idle float64, reset bool) *flowState {
	return &flowState{idle: seconds(idle), reset: reset, seen: map[[2]netip.AddrPort]time.Time{}}
}

// knows says whether the frame belongs to a connection that the wire remembers,
// begins one, or is no TCP.
func (s *flowState) knows(f []byte, now time.Time) bool {
	tcp := tcpOf(f)
	if tcp == nil {
		return true
	}
	key := flowOf(f, tcp)
	s.mu.Lock()
	defer s.mu.Unlock()
	spoke, ok := s.seen[key]
	if begins := tcp[13]&(flagSYN|flagACK) == flagSYN; !begins && (!ok || now.Sub(spoke) > s.idle) {
		delete(s.seen, key)
		return false
	}
	s.seen[key] = now
	return true
}

// flowOf returns the two ends of a connection, the same for both ways.
func flowOf(f, tcp []byte) [2]netip.AddrPort {
	ip := f[etherSize:]
	src, dst := ip[12:16], ip[16:20]
	if ip[0]>>4 == 6 {
		src, dst = ip[8:24], ip[24:40]
	}
	a, _ := netip.AddrFromSlice(src)
	b, _ := netip.AddrFromSlice(dst)
	ends := [2]netip.AddrPort{
		netip.AddrPortFrom(a, binary.BigEndian.Uint16(tcp)), netip.AddrPortFrom(b, binary.BigEndian.Uint16(tcp[2:])),
	}
	if ends[1].Compare(ends[0]) < 0 {
		ends[0], ends[1] = ends[1], ends[0]
	}
	return ends
}

// resets makes the segments by which a firewall ends a connection that it does
// not know, out of one of its segments: to the end that the segment was for, and
// to the one that sent it, which gets none for a RST.
func resets(f []byte) (ahead, back []byte) {
	tcp := tcpOf(f)
	if tcp == nil || tcp[13]&flagRST != 0 {
		return nil, nil
	}
	seq, ack := binary.BigEndian.Uint32(tcp[4:]), binary.BigEndian.Uint32(tcp[8:])
	return bareReset(f, false, seq), bareReset(f, true, ack)
}

// bareReset makes a RST with that sequence number for the way of a frame, or for
// the way back.
func bareReset(f []byte, back bool, seq uint32) []byte {
	at := ipHeader(f)
	out := append([]byte(nil), f[:etherSize+at+20]...)
	ip, tcp := out[etherSize:], out[etherSize+at:]
	six := ip[0]>>4 == 6
	if back {
		swap(out[0:6], out[6:12])
		swap(tcp[0:2], tcp[2:4])
		if six {
			swap(ip[8:24], ip[24:40])
		} else {
			swap(ip[12:16], ip[16:20])
		}
	}
	binary.BigEndian.PutUint32(tcp[4:], seq)
	binary.BigEndian.PutUint32(tcp[8:], 0)
	tcp[12], tcp[13] = 5<<4, flagRST
	copy(tcp[14:20], make([]byte, 6))
	src, dst := ip[12:16], ip[16:20]
	if six {
		src, dst = ip[8:24], ip[24:40]
		binary.BigEndian.PutUint16(ip[4:], 20)
	} else {
		binary.BigEndian.PutUint16(ip[2:], uint16(at+20))
		checksumIPv4(ip)
	}
	binary.BigEndian.PutUint16(tcp[16:], tcpChecksum(src, dst, tcp))
	return out
}

func swap(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

// tcpChecksum is the checksum of a segment whose checksum field is zero (RFC
// 9293, 3.1).
func tcpChecksum(src, dst, tcp []byte) uint16 {
	sum := uint32(unix.IPPROTO_TCP + len(tcp))
	for _, part := range [][]byte{src, dst, tcp} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	if len(tcp)%2 == 1 {
		sum += uint32(tcp[len(tcp)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
