package filters

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// xtMatch adds what an xtables match asks, by its name, revision and data. The
// layouts are those of include/uapi/linux/netfilter/xt_*.h, in the host's byte
// order. A match that is not known by its layout is a condition all the same.
func (m *match) xtMatch(name string, revision uint32, data []byte) {
	switch name {
	case "comment":
	case "tcp":
		m.tcp = true
		m.xtTCP(data)
	case "udp":
		m.notTCP = true
	case "icmp", "icmp6", "sctp", "dccp", "esp", "ah":
		m.notTCP = true
		m.add(name)
	case "multiport":
		m.xtMultiport(data)
	case "state":
		if len(data) >= 4 {
			m.conntrack(binary.NativeEndian.Uint32(data), false)
			break
		}
		m.add("state")
	case "conntrack":
		m.xtConntrack(revision, data)
	case "limit", "hashlimit", "connlimit", "quota", "recent":
		m.limit, m.allows = name, xtLimit(name, revision, data)
	case "statistic":
		m.random = true
		m.add("statistic")
	default:
		m.add("match " + clip(name))
	}
}

// xtTCP reads struct xt_tcp: ports as ranges, then flags.
func (m *match) xtTCP(data []byte) {
	const invSourcePort, invDestPort, invFlags = 0x01, 0x02, 0x04
	if len(data) < 12 {
		m.add("tcp")
		return
	}
	u16 := binary.NativeEndian.Uint16
	mask, want, inverted := data[9], data[10], data[11]
	if lo, hi := u16(data), u16(data[2:]); lo != 0 || hi != 0xffff {
		m.add("tcp sport " + not(inverted&invSourcePort) + portRange(lo, hi))
	}
	if lo, hi := u16(data[4:]), u16(data[6:]); lo != 0 || hi != 0xffff {
		if lo == hi && inverted&invDestPort == 0 {
			m.port = int(lo)
		}
		m.add("tcp dport " + not(inverted&invDestPort) + portRange(lo, hi))
	}
	if mask != 0 {
		const syn, rstACKSYN = 0x02, 0x16
		m.syn = inverted&invFlags == 0 && want == syn && mask&rstACKSYN == rstACKSYN
		m.add("tcp flags " + not(inverted&invFlags) + fmt.Sprintf("%#x/%#x", want, mask))
	}
	if data[8] != 0 {
		m.add(fmt.Sprintf("tcp option %d", data[8]))
	}
}

func not(flag byte) string {
	if flag != 0 {
		return "!= "
	}
	return ""
}

func portRange(lo, hi uint16) string {
	if lo == hi {
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d-%d", lo, hi)
}

// xtMultiport reads struct xt_multiport_v1; of revision 0 it has all but the
// last two fields.
func (m *match) xtMultiport(data []byte) {
	const destination, maxPorts = 1, 15
	if len(data) < 2+2*maxPorts {
		m.add("multiport")
		return
	}
	var ports []string
	for i := range min(int(data[1]), maxPorts) {
		ports = append(ports, fmt.Sprint(binary.NativeEndian.Uint16(data[2+2*i:])))
	}
	inverted := byte(0)
	if len(data) >= 48 {
		inverted = data[47]
	}
	if data[0] == destination && len(ports) == 1 && inverted == 0 {
		m.port = int(binary.NativeEndian.Uint16(data[2:]))
	}
	m.add("multiport " + not(inverted) + strings.Join(ports, ","))
}

// xtConntrack reads the state out of struct xt_conntrack_mtinfo1 to 3.
func (m *match) xtConntrack(revision uint32, data []byte) {
	const matchFlags, invertFlags, stateMask = 146, 148, 150
	const byState, alias = 1 << 0, 1 << 13 // XT_CONNTRACK_STATE, XT_CONNTRACK_STATE_ALIAS: written as -m state
	if revision < 1 || len(data) < stateMask+2 {
		m.add("conntrack")
		return
	}
	u16 := binary.NativeEndian.Uint16
	flags, mask := u16(data[matchFlags:])&^alias, uint32(u16(data[stateMask:]))
	if revision == 1 {
		mask = uint32(data[stateMask])
	}
	if flags&byState != 0 {
		m.conntrack(mask, u16(data[invertFlags:])&byState != 0)
	}
	if flags&^byState != 0 || flags == 0 {
		m.add("conntrack")
	}
}
