package filters

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// Native byte order, as the kernel hands it out.
func n16(n ...uint16) []byte {
	var b []byte
	for _, w := range n {
		b = binary.NativeEndian.AppendUint16(b, w)
	}
	return b
}

func n32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// xtPart is a match or a target: struct xt_entry_match has the same layout.
func xtPart(name string, revision byte, data []byte) []byte {
	for len(data)%8 != 0 {
		data = append(data, 0)
	}
	head := make([]byte, xtHead)
	binary.NativeEndian.PutUint16(head, uint16(xtHead+len(data)))
	copy(head[2:31], name)
	head[31] = revision
	return append(head, data...)
}

func standard(v int32) []byte { return xtPart("", 0, n32(uint32(v))) }

// xtEntry makes one entry; header fills in the part that matches.
func xtEntry(fam *xtFamily, packets uint64, header func([]byte), target []byte, matches ...[]byte) []byte {
	e := make([]byte, fam.size)
	if header != nil {
		header(e)
	}
	binary.NativeEndian.PutUint64(e[fam.counters:], packets)
	e = append(e, slices.Concat(matches...)...)
	binary.NativeEndian.PutUint16(e[fam.offsets:], uint16(len(e)))
	binary.NativeEndian.PutUint16(e[fam.offsets+2:], uint16(len(e)+len(target)))
	return append(e, target...)
}

func proto(fam *xtFamily, p uint16) func([]byte) {
	return func(e []byte) { binary.NativeEndian.PutUint16(e[fam.proto:], p) }
}

// tcpPorts is a struct xt_tcp for a destination port.
func tcpPorts(lo, hi uint16, mask, want, inverted byte) []byte {
	return append(n16(0, 0xffff, lo, hi), 0, mask, want, inverted)
}

// inputTable is a filter table with an INPUT chain, policy drop, and a chain web.
func inputTable(fam *xtFamily) (xtInfo, []byte) {
	conntrack := make([]byte, 160)
	binary.NativeEndian.PutUint16(conntrack[146:], 1|1<<13) // by state, written as -m state
	binary.NativeEndian.PutUint16(conntrack[150:], stateEstablished|stateRelated)
	parts := [][]byte{
		xtEntry(fam, 100, nil, standard(-2), xtPart("conntrack", 3, conntrack)),
		xtEntry(fam, 5, proto(fam, 6), standard(-1), xtPart("tcp", 0, tcpPorts(8080, 8080, 0, 0, 0))),
		nil, // the jump to web, below
		xtEntry(fam, 9, proto(fam, 6), xtPart("REJECT", 0, n32(4)), xtPart("tcp", 0, tcpPorts(81, 81, 0x17, 2, 0)), xtPart("connlimit", 1, make([]byte, 40))),
		xtEntry(fam, 7, nil, standard(-1)), // the policy
		xtEntry(fam, 0, nil, xtPart("ERROR", 0, append([]byte("web"), make([]byte, 27)...))),
		xtEntry(fam, 3, nil, standard(-1), xtPart("statistic", 0, make([]byte, 24))),
		xtEntry(fam, 0, nil, standard(-5)),
		xtEntry(fam, 0, nil, xtPart("ERROR", 0, append([]byte("ERROR"), make([]byte, 25)...))),
	}
	jump := func(to int32) []byte { return xtEntry(fam, 4, proto(fam, 17), standard(to)) }
	parts[2] = jump(0)
	offset := func(n int) (at int) {
		for _, p := range parts[:n] {
			at += len(p)
		}
		return at
	}
	parts[2] = jump(int32(offset(6)))
	raw := slices.Concat(parts...)
	info := xtInfo{valid: 1 << 1, size: uint32(len(raw))}
	info.entry[1], info.underflow[1] = 0, uint32(offset(4))
	return info, raw
}

func TestParseXTables(t *testing.T) {
	for i := range xtFamilies {
		fam := &xtFamilies[i]
		info, raw := inputTable(fam)
		chains, err := parseXTables(fam, "filter", info, raw)
		if err != nil {
			t.Fatal(err)
		}
		p := resolve(chains)
		rules, packets := p.rules, p.packets
		want := []string{
			"INPUT rule 2 | tcp dport 8080 counter drop | tcp 8080 | 5",
			"web rule 1 | meta l4proto udp statistic counter drop | random | 3",
			"INPUT rule 4 | tcp dport 81 tcp flags 0x2/0x17 connlimit counter reject | tcp limit new 81 | 9",
			"INPUT policy | chain INPUT policy drop | tcp catch-all | 7",
		}
		var got []string
		for j, r := range rules {
			where := strings.TrimPrefix(r.Name, fam.name+" filter ")
			got = append(got, fmt.Sprintf("%s | %s | %s | %d", where, r.Text, flags(r), packets[j]))
			if r.Hook != "input" || !r.Counted || r.Backend != "iptables-legacy" {
				t.Errorf("rule %+v", r)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", fam.name, got, want)
		}
	}
}

func TestParseXTablesMalformed(t *testing.T) {
	fam := &xtFamilies[0]
	info, raw := inputTable(fam)
	if _, err := parseXTables(fam, "filter", info, raw[:len(raw)-1]); err == nil {
		t.Error("a table that is cut off was read")
	}
	for _, at := range []int{fam.offsets, fam.offsets + 2} {
		bad := slices.Clone(raw)
		binary.NativeEndian.PutUint16(bad[at:], 0)
		if _, err := parseXTables(fam, "filter", info, bad); err == nil {
			t.Errorf("an entry with a size of 0 at byte %d was read", at)
		}
	}
	if _, err := parseXTInfo(make([]byte, xtInfoSize-1)); err == nil {
		t.Error("table information that is cut off was read")
	}
}

func TestXTHeader(t *testing.T) {
	fam := &xtFamilies[0]
	e := make([]byte, fam.size)
	copy(e, netip.MustParseAddr("10.1.0.0").AsSlice())
	copy(e[8:], []byte{255, 255, 0, 0})
	copy(e[4:], netip.MustParseAddr("192.0.2.9").AsSlice())
	copy(e[12:], []byte{255, 255, 255, 255})
	copy(e[16:], "eth0")
	proto(fam, 6)(e)
	e[fam.invert] = 0x08 // not from that network
	var m match
	m.xtHeader(fam, e)
	if got, want := m.conditions(), "ip saddr != 10.1.0.0/16 ip daddr 192.0.2.9 iifname eth0 meta l4proto tcp"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if m.address != "192.0.2.9" || m.iface != "eth0" || !m.tcp || m.notTCP {
		t.Errorf("match %+v", m)
	}
}

func TestXTMatch(t *testing.T) {
	multiport := append([]byte{1, 2}, n16(22, 443)...)
	multiport = append(multiport, make([]byte, 48-len(multiport))...)
	for _, c := range []struct {
		name     string
		revision uint32
		data     []byte
		want     string
		limit    string
	}{
		{"tcp", 0, tcpPorts(90, 95, 0, 0, 2), "tcp dport != 90-95", ""},
		{"tcp", 0, []byte{1}, "tcp", ""},
		{"multiport", 1, multiport, "multiport 22,443", ""},
		{"multiport", 1, nil, "multiport", ""},
		{"state", 0, n32(stateNew), "ct state new", ""},
		{"conntrack", 0, make([]byte, 200), "conntrack", ""},
		{"comment", 0, []byte("x"), "", ""},
		{"hashlimit", 3, nil, "", "hashlimit"},
		{"string", 1, nil, "match string", ""},
	} {
		var m match
		m.xtMatch(c.name, c.revision, c.data)
		if m.conditions() != c.want || m.limit != c.limit {
			t.Errorf("%s: %q limit %q, want %q %q", c.name, m.conditions(), m.limit, c.want, c.limit)
		}
	}
}

func FuzzParseXTables(f *testing.F) {
	for i := range xtFamilies {
		info, raw := inputTable(&xtFamilies[i])
		f.Add(raw, info.underflow[1], i == 1)
	}
	f.Fuzz(func(t *testing.T, raw []byte, policy uint32, six bool) {
		fam := &xtFamilies[0]
		if six {
			fam = &xtFamilies[1]
		}
		info := xtInfo{valid: 1 << 1, size: uint32(len(raw))}
		info.underflow[1] = policy
		if chains, err := parseXTables(fam, "filter", info, raw); err == nil {
			resolve(chains)
		}
		if info, err := parseXTInfo(raw); err == nil {
			_, _ = parseXTables(fam, "filter", info, raw)
		}
		s := &Source{}
		for range 2 { // the second time only the counters are read
			if p, err := s.xtDecode(fam, "filter", info, raw); err == nil && len(p.packets) != len(p.rules) {
				t.Errorf("%d counters of %d rules", len(p.packets), len(p.rules))
			}
		}
	})
}
