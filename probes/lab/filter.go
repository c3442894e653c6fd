//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// rule is one nftables rule: matches, then what happens.
type rule struct {
	name    string // comment; "" for none
	counted bool   // has a counter, which "rule:name" reads
	match   [][]expr.Any
	does    []expr.Any
}

// ruleRef finds a rule again to read its counter.
type ruleRef struct {
	conn  *nftables.Conn
	chain *nftables.Chain
	name  string
}

// chainAt describes a base chain.
type chainAt struct {
	table, chain string
	hook         *nftables.ChainHook
	drop         bool // policy drop instead of accept
}

// filter adds a base chain of the inet family with rules to the host.
func (h *host) filter(at chainAt, rules ...rule) error {
	conn, err := nftables.New(nftables.WithNetNSFd(int(h.ns)))
	if err != nil {
		return err
	}
	policy := nftables.ChainPolicyAccept
	if at.drop {
		policy = nftables.ChainPolicyDrop
	}
	table := conn.AddTable(&nftables.Table{Name: at.table, Family: nftables.TableFamilyINet})
	chain := conn.AddChain(&nftables.Chain{
		Name: at.chain, Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: at.hook, Priority: nftables.ChainPriorityFilter, Policy: &policy,
	})
	for _, r := range rules {
		exprs := slices.Concat(r.match...)
		if r.counted {
			exprs = append(exprs, &expr.Counter{})
			h.site.rules[r.name] = ruleRef{conn, chain, r.name}
		}
		nr := &nftables.Rule{Table: table, Chain: chain, Exprs: append(exprs, r.does...)}
		if r.name != "" {
			nr.UserData = userdata.AppendString(nil, userdata.TypeComment, r.name)
		}
		conn.AddRule(nr)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("%s: adding nftables chain %s %s: %w", h.name, at.table, at.chain, err)
	}
	return nil
}

// ruleCount reads the packet counter of a rule.
func (s *site) ruleCount(name string) (float64, error) {
	ref, ok := s.rules[name]
	if !ok {
		return 0, fmt.Errorf("the site has no counted rule %q", name)
	}
	rules, err := ref.conn.GetRules(ref.chain.Table, ref.chain)
	if err != nil {
		return 0, fmt.Errorf("reading rule %q: %w", name, err)
	}
	for _, r := range rules {
		if comment, _ := userdata.GetString(r.UserData, userdata.TypeComment); comment != name {
			continue
		}
		for _, e := range r.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				return float64(c.Packets), nil
			}
		}
	}
	return 0, fmt.Errorf("rule %q is gone", name)
}

var (
	accept = []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	drop   = []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	// rejectReset answers with a TCP reset.
	rejectReset = []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
)

// rejectWith answers with the ICMP or ICMPv6 code that nftables calls icmpx:
// unix.NFT_REJECT_ICMPX_PORT_UNREACH, _HOST_UNREACH, _ADMIN_PROHIBITED.
func rejectWith(code uint8) []expr.Any {
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: code}}
}

func isTCP() []expr.Any { return isProtocol(unix.IPPROTO_TCP) }

func isProtocol(proto byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
	}
}

func tcpPort(offset uint32, port uint16) []expr.Any {
	return append(isTCP(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)})
}

func toPort(port uint16) []expr.Any { return tcpPort(2, port) }

// isSYN matches the first segment of a connection.
func isSYN() []expr.Any {
	return append(isTCP(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{0x12}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0x02}})
}

// address matches an IPv4 address of the network header at offset 12 (source)
// or 16 (destination).
func address(offset uint32, p netip.Prefix) []expr.Any {
	mask := make([]byte, 4)
	binary.BigEndian.PutUint32(mask, ^uint32(0)<<(32-p.Bits()))
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Masked().Addr().AsSlice()},
	}
}

func fromNet(p netip.Prefix) []expr.Any { return address(12, p) }
func toNet(p netip.Prefix) []expr.Any   { return address(16, p) }

// perMille matches that share of packets at random.
func perMille(n uint32) []expr.Any {
	return []expr.Any{
		&expr.Numgen{Register: 1, Modulus: 1000, Type: unix.NFT_NG_RANDOM},
		toNetworkOrder(),
		&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: binaryutil.BigEndian.PutUint32(n)},
	}
}

// toNetworkOrder turns register 1 round: "less" and "greater" compare bytes.
func toNetworkOrder() expr.Any {
	return &expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4}
}

func hostOrder(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// over matches what exceeds n packets a second.
func over(n uint64, burst uint32) []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: n, Burst: burst, Unit: expr.LimitTimeSecond, Over: true}}
}

// tracked matches connection tracking states, expr.CtStateBit...
func tracked(bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: hostOrder(bits), Xor: hostOrder(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: hostOrder(0)},
	}
}

// unreachable4 matches ICMP destination unreachable with that code; code 4 is
// "fragmentation needed" (RFC 792, RFC 1191).
func unreachable4(code byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{3, code}},
	}
}

// many is a rule's list of matches, all of which must hold.
func many(matches ...[]expr.Any) [][]expr.Any { return matches }

func input(table string) chainAt {
	return chainAt{table: table, chain: "input", hook: nftables.ChainHookInput}
}

func output(table string) chainAt {
	return chainAt{table: table, chain: "output", hook: nftables.ChainHookOutput}
}

func forward(table string) chainAt {
	return chainAt{table: table, chain: "forward", hook: nftables.ChainHookForward}
}
