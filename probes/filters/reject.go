package filters

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// What a rule answers with when it rejects, in the words of nft(8): "tcp reset", "icmp
// admin-prohibited", "icmpx no-route"; empty for port unreachable, which nft does not
// print where it is the family's default.

const tcpReset = "tcp reset"

// The codes of ICMP, ICMPv6 and, for both, NFT_REJECT_ICMPX_ (linux/netfilter/nf_tables.h),
// by nft's names.
var (
	icmpCodes   = map[byte]string{0: "net-unreachable", 1: "host-unreachable", 2: "prot-unreachable", 3: portUnreachable, 9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited"}
	icmpv6Codes = map[byte]string{0: "no-route", 1: "admin-prohibited", 3: "addr-unreachable", 4: portUnreachable, 5: "policy-fail", 6: "reject-route"}
	icmpxCodes  = map[byte]string{0: "no-route", 1: portUnreachable, 2: "host-unreachable", 3: "admin-prohibited"}
)

const portUnreachable = "port-unreachable"

// The answers of the REJECT target by their numbers (enum ipt_reject_with, enum
// ip6t_reject_with); the echo reply is no longer sent by any kernel.
var (
	xtRejects  = []string{"icmp net-unreachable", "icmp host-unreachable", "icmp prot-unreachable", "", "", "icmp net-prohibited", "icmp host-prohibited", tcpReset, "icmp admin-prohibited"}
	xtRejects6 = []string{"icmpv6 no-route", "icmpv6 admin-prohibited", "icmpv6 not-neighbour", "icmpv6 addr-unreachable", "", "", tcpReset, "icmpv6 policy-fail", "icmpv6 reject-route"}
)

// reject reads a reject expression (NFTA_REJECT_TYPE, NFTA_REJECT_ICMP_CODE).
func (d *decoder) reject(data []byte) {
	d.rule.verdict = verdictReject
	e, ok := decode(data, &expr.Reject{})
	if !ok {
		return
	}
	switch e.Type {
	case unix.NFT_REJECT_TCP_RST:
		d.rule.answer = tcpReset
	case unix.NFT_REJECT_ICMPX_UNREACH:
		d.rule.answer = withCode("icmpx", icmpxCodes, e.Code, true)
	case unix.NFT_REJECT_ICMP_UNREACH:
		own := d.family == "ip" || d.family == "ip6"
		if d.family == "ip6" || !own && d.rule.match.asksFor("ip6") {
			d.rule.answer = withCode("icmpv6", icmpv6Codes, e.Code, own)
		} else {
			d.rule.answer = withCode("icmp", icmpCodes, e.Code, own)
		}
	}
}

func withCode(protocol string, names map[byte]string, code byte, byDefault bool) string {
	name := names[code]
	switch {
	case name == "":
		name = strconv.Itoa(int(code))
	case name == portUnreachable && byDefault:
		return ""
	}
	return protocol + " " + name
}

// asksFor tells whether a condition names a protocol of the network layer, ip or ip6.
func (m *match) asksFor(protocol string) bool {
	return slices.ContainsFunc(m.parts, func(p string) bool {
		return p == "meta nfproto "+protocol || strings.HasPrefix(p, protocol+" ")
	})
}

// xtReject reads the data of the REJECT target: struct ipt_reject_info, ip6t_reject_info.
func xtReject(family string, info []byte) string {
	names := xtRejects
	if family == "ip6" {
		names = xtRejects6
	}
	if len(info) < 4 {
		return ""
	}
	if with := binary.NativeEndian.Uint32(info); with < uint32(len(names)) {
		return names[with]
	}
	return ""
}

// rejectOption finds what iptables prints of a target: --reject-with (iptables-save) or
// reject-with (-L), then "tcp-reset", "icmp-admin-prohibited", "icmp6-adm-prohibited".
func rejectOption(words []string) string {
	i := slices.IndexFunc(words, func(w string) bool { return strings.TrimPrefix(w, "--") == "reject-with" })
	if i < 0 || i+1 >= len(words) {
		return ""
	}
	protocol, code, _ := strings.Cut(clip(words[i+1]), "-")
	if code == portUnreachable {
		return ""
	}
	if protocol == "icmp6" {
		protocol = "icmpv6"
	}
	if name := printedCodes[code]; name != "" {
		code = name
	}
	return strings.TrimSpace(protocol + " " + code)
}

// printedCodes are the codes that iptables and nft name differently.
var printedCodes = map[string]string{"proto-unreachable": "prot-unreachable", "adm-prohibited": "admin-prohibited"}
