package drops

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"unsafe"
)

// Where things are in a CPU's part of the map, in bytes.
const (
	slots      = len(kernelLedger{}.Slots)
	ring       = len(kernelLedger{}.Ring)
	symbolSize = len(kernelLedger{}.Symbols[0])
	slotSize   = int(unsafe.Sizeof(kernelSlot{}))
	sampleSize = int(unsafe.Sizeof(kernelSample{}))
	ledgerSize = int(unsafe.Sizeof(kernelLedger{}))
	slotsAt    = int(unsafe.Offsetof(kernelLedger{}.Slots))
	symbolsAt  = int(unsafe.Offsetof(kernelLedger{}.Symbols))
	ringAt     = int(unsafe.Offsetof(kernelLedger{}.Ring))
)

// place is what one slot counts.
type place struct {
	reason    uint32
	location  uint64
	direction Direction
}

// head is the part of a CPU's ledger before its slots.
type head struct {
	samples uint64
	others  Tally
}

func decodeHead(b []byte) (head, error) {
	var raw struct{ Samples, SKBs, Packets, TCPPackets uint64 }
	if _, err := binary.Decode(b, binary.NativeEndian, &raw); err != nil {
		return head{}, fmt.Errorf("ledger of %d bytes: %w", len(b), err)
	}
	return head{raw.Samples, Tally{raw.SKBs, raw.Packets, raw.TCPPackets}}, nil
}

// eachSlot calls do for every slot in use; b holds slots one after the other.
func eachSlot(b []byte, do func(i int, p place, t Tally)) {
	for i := 0; len(b) >= slotSize; i, b = i+1, b[slotSize:] {
		var s kernelSlot
		// The location is written last: without it the rest may not be there yet.
		if binary.NativeEndian.Uint64(b) == 0 {
			continue
		}
		if _, err := binary.Decode(b, binary.NativeEndian, &s); err != nil {
			continue // can't be: b is long enough
		}
		do(i, place{s.Reason, s.Location, Direction(s.Direction)}, Tally{s.Skbs, s.Packets, s.TcpPackets})
	}
}

// sample is one dropped packet, standing for weight of them.
type sample struct {
	reason    uint32
	direction Direction
	weight    uint64
	ifindex   int
	protocol  string
	src, dst  netip.AddrPort
	data      bool // a TCP segment with data
}

// decodeSample reads one element of the ring. It is no sample if it does not
// have the number that belongs there: it is being written, or overwritten.
func decodeSample(b []byte, number uint64) (sample, bool) {
	var raw kernelSample
	if _, err := binary.Decode(b, binary.NativeEndian, &raw); err != nil || raw.Number != number {
		return sample{}, false
	}
	s := sample{
		data:   raw.Data != 0,
		reason: raw.Reason, direction: Direction(raw.Direction), weight: max(raw.Weight, 1), ifindex: int(raw.Ifindex),
		protocol: protocolName(raw.Family, raw.Protocol, raw.Ethertype),
	}
	switch raw.Family {
	case 4:
		s.src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw.Src[:4])), raw.SrcPort)
		s.dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw.Dst[:4])), raw.DstPort)
	case 6:
		s.src = netip.AddrPortFrom(netip.AddrFrom16(raw.Src), raw.SrcPort)
		s.dst = netip.AddrPortFrom(netip.AddrFrom16(raw.Dst), raw.DstPort)
	}
	return s, true
}

// protocolName names an IP protocol as /etc/protocols does, or an EtherType.
func protocolName(family, protocol uint8, ethertype uint16) string {
	if family == 0 {
		switch ethertype {
		case 0x0800:
			return "ipv4" // its header could not be read
		case 0x86dd:
			return "ipv6"
		case 0x0806:
			return "arp"
		case 0:
			return "unknown"
		}
		return fmt.Sprintf("0x%04x", ethertype)
	}
	if name, ok := protocols[protocol]; ok {
		return name
	}
	return fmt.Sprintf("protocol %d", protocol)
}

// protocols are IP protocol numbers as IANA assigned them.
var protocols = map[uint8]string{
	1: "icmp", 2: "igmp", 4: "ipencap", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp", 51: "ah",
	58: "ipv6-icmp", 89: "ospf", 132: "sctp", 136: "udplite",
}

// decodeSymbol takes the function out of what the kernel printed: "tcp_v4_rcv",
// "ovs_dp_process_packet [openvswitch]", or an address if it has no name. What
// the compiler appends to a function that it split (".cold", ".isra.0") goes.
func decodeSymbol(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	name, _, _ := strings.Cut(text, " ")
	name, _, _ = strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "+")
	if name == "" || strings.HasPrefix(name, "0x") {
		return ""
	}
	for _, c := range []byte(name) {
		if !(c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return ""
		}
	}
	return name
}

// key is what distinguishes one row from another.
type key struct {
	reason, location string
	direction        Direction
}

func (c *Count) key() key { return key{c.Reason, c.Location, c.Direction} }

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.reason, o.reason), cmp.Compare(k.location, o.location), cmp.Compare(k.direction, o.direction))
}
