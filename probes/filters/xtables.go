package filters

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// xtFamily is what differs between ip_tables and ip6_tables:
// include/uapi/linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h.
type xtFamily struct {
	name   string
	domain int
	level  int
	names  string // file under /proc/self/net that lists the tables

	address  int // bytes of an address
	ifaces   int // offset of the interface names in an entry
	proto    int
	flags    int
	invert   int
	offsets  int // offset of target_offset and next_offset
	counters int
	size     int // of an entry without matches and target
}

var xtFamilies = []xtFamily{
	{"ip", unix.AF_INET, unix.SOL_IP, "ip_tables_names", 4, 16, 80, 82, 83, 88, 96, 112},
	{"ip6", unix.AF_INET6, unix.SOL_IPV6, "ip6_tables_names", 16, 64, 128, 131, 132, 140, 152, 168},
}

const (
	soGetInfo    = 64 // IPT_SO_GET_INFO, IP6T_SO_GET_INFO
	soGetEntries = 65 // IPT_SO_GET_ENTRIES, IP6T_SO_GET_ENTRIES

	xtTableName  = 32
	xtInfoSize   = 84 // struct ipt_getinfo
	xtEntriesAt  = 40 // offset of the entries in struct ipt_get_entries
	xtHooks      = 5
	xtHead       = 32       // struct xt_entry_match or xt_entry_target without its data
	maxTableSize = 64 << 20 // bytes; 20,000 rules take some 5 MB
)

var xtHookNames = [xtHooks]string{"prerouting", "input", "forward", "output", "postrouting"}
var xtChainNames = [xtHooks]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// xtInfo is struct ipt_getinfo: where the chains of a table begin and where
// their policies are.
type xtInfo struct {
	valid     uint32
	entry     [xtHooks]uint32
	underflow [xtHooks]uint32
	size      uint32
}

func parseXTInfo(b []byte) (xtInfo, error) {
	var info xtInfo
	if len(b) < xtInfoSize {
		return info, fmt.Errorf("table information of %d bytes, want %d", len(b), xtInfoSize)
	}
	u32 := binary.NativeEndian.Uint32
	info.valid = u32(b[32:])
	for h := range xtHooks {
		info.entry[h], info.underflow[h] = u32(b[36+4*h:]), u32(b[56+4*h:])
	}
	info.size = u32(b[80:])
	return info, nil
}

// readXTables reads one table over getsockopt, which needs CAP_NET_ADMIN in the
// user namespace that owns the network namespace. The table must be one that
// the kernel lists: asking for another would make it.
func (s *Source) readXTables(fd int, fam *xtFamily, table string) (*part, error) {
	if len(table) >= xtTableName {
		return nil, fmt.Errorf("table name of %d bytes", len(table))
	}
	for range 3 { // the table may be replaced between the two requests
		raw := make([]byte, xtInfoSize)
		copy(raw, table)
		if err := getsockopt(fd, fam.level, soGetInfo, raw); err != nil {
			return nil, fmt.Errorf("table %s of %s_tables: %w", table, fam.name, err)
		}
		info, err := parseXTInfo(raw)
		if err != nil {
			return nil, err
		}
		if info.size > maxTableSize {
			return nil, fmt.Errorf("table %s of %s_tables has %d bytes of rules, more than %d are not read", table, fam.name, info.size, maxTableSize)
		}
		raw = make([]byte, xtEntriesAt+int(info.size))
		copy(raw, table)
		binary.NativeEndian.PutUint32(raw[xtTableName:], info.size)
		err = getsockopt(fd, fam.level, soGetEntries, raw)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINVAL) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("rules of table %s of %s_tables: %w", table, fam.name, err)
		}
		return s.xtDecode(fam, table, info, raw[xtEntriesAt:])
	}
	return nil, fmt.Errorf("table %s of %s_tables changes too fast to be read", table, fam.name)
}

func getsockopt(fd, level, option int, b []byte) error {
	size := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// parseXTables cuts the entries of a table into chains. User chains begin with
// an ERROR target that bears their name and end with a RETURN of their own.
func parseXTables(fam *xtFamily, table string, info xtInfo, b []byte) ([]*chain, error) {
	starts := map[uint32]string{} // where jumps land
	if err := eachEntry(fam, b, func(at uint32, e []byte) {
		if name, data := xtTarget(fam, e); name == "ERROR" {
			starts[at+uint32(len(e))] = cString(data)
		}
	}); err != nil {
		return nil, fmt.Errorf("table %s of %s_tables: %w", table, fam.name, err)
	}
	var chains []*chain
	var current *chain
	entry := -1
	begin := func(name, hook string) {
		current = &chain{backend: "iptables-legacy", family: fam.name, table: table, name: name, hook: hook}
		chains = append(chains, current)
	}
	err := eachEntry(fam, b, func(at uint32, e []byte) {
		entry++
		policyOf := -1
		for h := range xtHooks {
			if info.valid&(1<<h) == 0 {
				continue
			}
			if info.entry[h] == at {
				begin(xtChainNames[h], xtHookNames[h])
			}
			if info.underflow[h] == at {
				policyOf = h
			}
		}
		name, data := xtTarget(fam, e)
		if name == "ERROR" {
			begin(cString(data), "")
			return
		}
		if current == nil {
			return
		}
		r := parseEntry(fam, at, e, starts)
		r.origin.entry = entry
		if policyOf >= 0 {
			current.policy, current.policyCounted, current.policyPackets = r.verdict, true, r.packets
			current.policyOrigin = r.origin
			return
		}
		r.place = fmt.Sprintf("rule %d", len(current.rules)+1)
		current.rules = append(current.rules, r)
	})
	return chains, err
}

// eachEntry calls each for every entry, with its offset. An entry whose sizes
// do not fit ends the walk with an error.
func eachEntry(fam *xtFamily, b []byte, each func(at uint32, e []byte)) error {
	for at := 0; at < len(b); {
		left := b[at:]
		if len(left) < fam.size {
			return fmt.Errorf("entry at %d is cut off", at)
		}
		target := int(binary.NativeEndian.Uint16(left[fam.offsets:]))
		next := int(binary.NativeEndian.Uint16(left[fam.offsets+2:]))
		if target < fam.size || next < target+xtHead || next > len(left) {
			return fmt.Errorf("entry at %d: target at %d, next at %d of %d bytes", at, target, next, len(left))
		}
		each(uint32(at), left[:next])
		at += next
	}
	return nil
}

// xtTarget returns the name and the data of an entry's target.
func xtTarget(fam *xtFamily, e []byte) (string, []byte) {
	t := e[binary.NativeEndian.Uint16(e[fam.offsets:]):]
	return cString(t[2:31]), t[xtHead:]
}

func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b[:min(len(b), maxText)]), "\x00")
	return s
}

// parseEntry reads one rule.
func parseEntry(fam *xtFamily, at uint32, e []byte, starts map[uint32]string) rule {
	r := rule{counted: true, packets: binary.NativeEndian.Uint64(e[fam.counters:])}
	r.match.xtHeader(fam, e)
	target := int(binary.NativeEndian.Uint16(e[fam.offsets:]))
	for b := e[fam.size:target]; len(b) >= xtHead; {
		size := int(binary.NativeEndian.Uint16(b))
		if size < xtHead || size > len(b) {
			r.match.add("?") // a match that cannot be read is a condition
			break
		}
		r.match.xtMatch(cString(b[2:31]), uint32(b[31]), b[xtHead:size])
		b = b[size:]
	}
	name, data := xtTarget(fam, e)
	switch {
	case name != "":
		r.verdict = xtVerdict(name)
		switch {
		case r.verdict == verdictQueue && xtBypass(data):
			r.verdict = verdictNone
		case r.verdict == verdictReject:
			r.answer = xtReject(fam.name, data)
		}
	case len(data) >= 4:
		r.standard(int32(binary.NativeEndian.Uint32(data)), at+uint32(len(e)), e[fam.flags], starts)
	}
	return r
}

// xtVerdict says what a target by name does with a packet.
func xtVerdict(target string) string {
	switch target {
	case "REJECT":
		return verdictReject
	case "DROP", "TARPIT", "STEAL":
		return verdictDrop
	case "ACCEPT":
		return verdictAccept
	case "NFQUEUE", "QUEUE":
		return verdictQueue
	}
	return verdictNone
}

// xtBypass tells whether packets for NFQUEUE go on while no program listens:
// struct xt_NFQ_info_v2 and _v3 have the flag behind the number of the queue and
// of queues, older ones have zeros or nothing there.
func xtBypass(info []byte) bool {
	return len(info) >= 6 && binary.NativeEndian.Uint16(info[4:])&1 != 0
}

// standard reads the verdict of a standard target: a jump to an offset, or the
// negative of a netfilter verdict less one.
func (r *rule) standard(v int32, next uint32, flags byte, starts map[uint32]string) {
	const flagGoto = 2 // IPT_F_GOTO
	switch {
	case v >= 0 && uint32(v) != next:
		r.verdict, r.chain = verdictJump, starts[uint32(v)]
		if flags&flagGoto != 0 {
			r.verdict = verdictGoto
		}
	case v == -1:
		r.verdict = verdictDrop
	case v == -2:
		r.verdict = verdictAccept
	case v == -5:
		r.verdict = verdictReturn
	}
}

// xtHeader reads the conditions that every entry has: addresses, interfaces
// and protocol (struct ipt_ip, struct ip6t_ip6).
func (m *match) xtHeader(fam *xtFamily, e []byte) {
	const invIn, invOut, invSource, invDest, invProto = 0x01, 0x02, 0x08, 0x10, 0x40
	inverted := e[fam.invert]
	n := fam.address
	m.xtAddress(fam.name+" saddr ", e[:n], e[2*n:3*n], inverted&invSource)
	m.xtAddress(fam.name+" daddr ", e[n:2*n], e[3*n:4*n], inverted&invDest)
	if in := cString(e[fam.ifaces:][:16]); in != "" {
		m.iface = in
		m.add("iifname " + not(inverted&invIn) + in)
	}
	if out := cString(e[fam.ifaces+16:][:16]); out != "" {
		m.iface = out
		m.add("oifname " + not(inverted&invOut) + out)
	}
	proto := binary.NativeEndian.Uint16(e[fam.proto:])
	if proto != 0 {
		m.protocol("meta l4proto", byte(proto), inverted&invProto != 0)
	}
}

func (m *match) xtAddress(what string, address, mask []byte, inverted byte) {
	bits := prefixLength(mask)
	if bits == 0 {
		return
	}
	a, _ := netip.AddrFromSlice(address)
	s := a.String()
	if bits < 8*len(mask) {
		s = fmt.Sprintf("%s/%d", s, bits)
	}
	if inverted == 0 {
		m.address = s
	}
	m.add(what + not(inverted) + s)
}

// prefixLength counts the leading ones of a mask.
func prefixLength(mask []byte) int {
	n := 0
	for _, b := range mask {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
		if n%8 != 0 || b != 0 {
			break
		}
	}
	return n
}

func protoName(p byte) string {
	switch p {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_ICMP:
		return "icmp"
	case unix.IPPROTO_ICMPV6:
		return "ipv6-icmp"
	}
	return fmt.Sprint(p)
}
