package filters

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables/expr"
)

// place is where a field of a packet is, in bytes from the start of a header.
type place struct {
	base   expr.PayloadBase
	offset uint32
}

// Fields by their places. In the network header they depend on the address
// family; where that is not known, a field of at most 4 bytes at a place of the
// IPv4 header is IPv4's.
var (
	fields4 = map[place]string{
		{expr.PayloadBaseNetworkHeader, 8}:  "ip ttl",
		{expr.PayloadBaseNetworkHeader, 9}:  "ip protocol",
		{expr.PayloadBaseNetworkHeader, 12}: "ip saddr",
		{expr.PayloadBaseNetworkHeader, 16}: "ip daddr",
	}
	fields6 = map[place]string{
		{expr.PayloadBaseNetworkHeader, 6}:  "ip6 nexthdr",
		{expr.PayloadBaseNetworkHeader, 8}:  "ip6 saddr",
		{expr.PayloadBaseNetworkHeader, 24}: "ip6 daddr",
	}
	portFields = map[place]string{
		{expr.PayloadBaseTransportHeader, 0}: " sport",
		{expr.PayloadBaseTransportHeader, 2}: " dport",
	}
	flagsField = place{expr.PayloadBaseTransportHeader, 13}
)

// payload names a field of the packet.
func (d *decoder) payload(e *expr.Payload) operand {
	at := place{e.Base, e.Offset}
	if name := fields4[at]; name != "" && e.Len <= 4 && d.family != "ip6" {
		return operand{what: name}
	}
	if name := fields6[at]; name != "" && d.family != "ip" {
		return operand{what: name}
	}
	if name := portFields[at]; name != "" && e.Len == 2 {
		return operand{what: d.transport() + name}
	}
	if at == flagsField {
		return operand{what: "tcp flags"} // nothing else is asked for there
	}
	return operand{what: fmt.Sprintf("@%d,%d,%d", e.Base, 8*e.Offset, 8*e.Len)}
}

// transport is the protocol that the rule has asked for so far.
func (d *decoder) transport() string {
	switch {
	case d.rule.match.tcp:
		return "tcp"
	case d.rule.match.notTCP:
		return "udp"
	}
	return "th"
}

var metaNames = map[expr.MetaKey]string{
	expr.MetaKeyL4PROTO: "meta l4proto", expr.MetaKeyNFPROTO: "meta nfproto",
	expr.MetaKeyIIFNAME: "iifname", expr.MetaKeyOIFNAME: "oifname",
	expr.MetaKeyIIF: "iif", expr.MetaKeyOIF: "oif", expr.MetaKeyMARK: "meta mark",
	expr.MetaKeyPKTTYPE: "meta pkttype", expr.MetaKeySKUID: "meta skuid",
	expr.MetaKeyLEN: "meta length", expr.MetaKeyCGROUP: "meta cgroup",
}

func metaName(k expr.MetaKey) string {
	if n := metaNames[k]; n != "" {
		return n
	}
	return fmt.Sprintf("meta %d", k)
}

func ctName(k expr.CtKey) string {
	if k == expr.CtKeySTATE {
		return "ct state"
	}
	return fmt.Sprintf("ct %d", k)
}

func operator(op expr.CmpOp) string {
	switch op {
	case expr.CmpOpNeq:
		return "!= "
	case expr.CmpOpLt:
		return "< "
	case expr.CmpOpLte:
		return "<= "
	case expr.CmpOpGt:
		return "> "
	case expr.CmpOpGte:
		return ">= "
	}
	return ""
}

// value writes the value that a field is compared with.
func value(what string, b []byte) string {
	switch {
	case strings.HasSuffix(what, "port") && len(b) >= 2:
		return fmt.Sprint(binary.BigEndian.Uint16(b))
	case strings.HasSuffix(what, "addr"):
		return addressText(b, strings.HasPrefix(what, "ip6"))
	case strings.HasSuffix(what, "ifname"):
		return cString(b)
	case isProtocol(what) && len(b) > 0:
		return protoName(b[0])
	case what == "ct state" && len(b) >= 4:
		return statesText(binary.NativeEndian.Uint32(b))
	case what == "meta nfproto" && len(b) > 0:
		return familyName(b[0])
	case len(b) == 1:
		return fmt.Sprint(b[0])
	case len(b) == 4:
		return fmt.Sprint(binary.NativeEndian.Uint32(b))
	}
	return fmt.Sprintf("0x%x", b[:min(len(b), 16)])
}

// keyText writes a key of a set. One that is longer than the field goes on with
// other fields, which are not followed.
func keyText(what string, key []byte) string {
	size := len(key)
	switch {
	case strings.HasSuffix(what, "port"):
		size = 2
	case strings.HasPrefix(what, "ip6 ") && strings.HasSuffix(what, "addr"):
		size = 16
	case strings.HasSuffix(what, "addr"):
		size = 4
	}
	if len(key) > size {
		return value(what, key[:size]) + " . ?"
	}
	return value(what, key)
}

// ordered writes a value that a field is compared with by size: numbers are in
// network byte order then, whatever they are elsewhere.
func ordered(what string, b []byte) string {
	if v := value(what, b); len(b) != 4 || strings.HasSuffix(what, "addr") {
		return v
	}
	return fmt.Sprint(binary.BigEndian.Uint32(b))
}

// addressText writes an address, or the prefix that a shorter value stands for.
func addressText(b []byte, six bool) string {
	size := 4
	if six {
		size = 16
	}
	full := make([]byte, size)
	n := copy(full, b)
	a, _ := netip.AddrFromSlice(full)
	if n < size {
		return fmt.Sprintf("%s/%d", a, 8*n)
	}
	return a.String()
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
