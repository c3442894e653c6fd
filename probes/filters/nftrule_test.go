package filters

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func marshal(t testing.TB, attrs ...netlink.Attribute) []byte {
	t.Helper()
	b, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zero(s string) []byte { return append([]byte(s), 0) }

// ruleMessage is an NFT_MSG_NEWRULE message for chain input of table t.
func ruleMessage(t testing.TB, elements ...[]byte) []byte {
	t.Helper()
	var list []netlink.Attribute
	for _, e := range elements {
		list = append(list, netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: e})
	}
	return marshal(t,
		netlink.Attribute{Type: unix.NFTA_RULE_TABLE, Data: zero("t")},
		netlink.Attribute{Type: unix.NFTA_RULE_CHAIN, Data: zero("input")},
		netlink.Attribute{Type: unix.NFTA_RULE_HANDLE, Data: binary.BigEndian.AppendUint64(nil, 7)},
		netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_RULE_EXPRESSIONS, Data: marshal(t, list...)},
	)
}

func ruleOf(t testing.TB, exprs ...expr.Any) []byte {
	t.Helper()
	var raw [][]byte
	for _, e := range exprs {
		b, err := expr.Marshal(unix.NFPROTO_INET, e)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b)
	}
	return ruleMessage(t, raw...)
}

// decode1 decodes a message into a chain of an inet table.
func decode1(b []byte, sets map[string][]element) *chain {
	c := base(verdictAccept)
	d := decoder{family: "inet", sets: func(k objectKey) []element { return sets[k.name] },
		counters: map[objectKey]uint64{{"inet", "t", "hits"}: 77}}
	d.decodeRule(b, map[chainKey]*chain{c.key(): c})
	return c
}

func TestDecodeRule(t *testing.T) {
	var (
		loadState = &expr.Ct{Key: expr.CtKeySTATE, Register: 1}
		mask      = func(m uint32) *expr.Bitwise {
			return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: n32(m), Xor: n32(0)}
		}
		notZero = &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: n32(0)}
		isZero  = &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: n32(0)}
		counter = &expr.Counter{Packets: 5}
		drop    = &expr.Verdict{Kind: expr.VerdictDrop}
		saddr   = &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}
	)
	for _, c := range []struct {
		name  string
		exprs []expr.Any
		want  string // text | flags | packets
	}{
		{"a port", portRule(8080, counter, drop), "tcp dport 8080 counter drop | tcp established 8080 | 5"},
		{"a named counter", portRule(80, &expr.Objref{Type: objectCounter, Name: "hits"}, drop), "tcp dport 80 counter drop | tcp established 80 | 77"},
		{"a named counter that is not there", portRule(80, &expr.Objref{Type: objectCounter, Name: "gone"}, drop), "tcp dport 80 drop | tcp established 80 | 0"},
		{"a named limit", portRule(80, &expr.Objref{Type: 4, Name: "slow"}, drop), "tcp dport 80 limit name slow drop | tcp limit established 80 | 0"},
		{"invalid", []expr.Any{loadState, mask(stateInvalid), notZero, drop}, "ct state invalid drop | tcp invalid | 0"},
		{"anything but established", []expr.Any{loadState, mask(stateEstablished | stateRelated), isZero, drop},
			"ct state invalid,new,untracked drop | tcp | 0"},
		{"a prefix", []expr.Any{saddr, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: []byte{255, 240, 0, 0}, Xor: n32(0)},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{172, 16, 0, 0}}, drop}, "ip saddr 172.16.0.0/12 drop | tcp established | 0"},
		{"a short prefix", []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{10}}, drop}, "ip daddr != 10.0.0.0/8 drop | tcp established | 0"},
		{"UDP", []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{17}}, drop},
			"meta l4proto udp drop | established | 0"},
		{"a rate", portRule(80, &expr.Limit{Type: expr.LimitTypePkts, Rate: 10, Unit: expr.LimitTimeSecond, Over: true}, counter, drop),
			"tcp dport 80 limit rate over 10/second counter drop | tcp limit established 80 | 5"},
		{"connections", portRule(80, &expr.Connlimit{Count: 20, Flags: 1}, drop), "tcp dport 80 ct count over 20 drop | tcp limit established 80 | 0"},
		{"a quota", []expr.Any{&expr.Quota{Bytes: 1000, Over: true}, drop}, "quota drop | tcp limit established | 0"},
		{"at random", []expr.Any{&expr.Numgen{Register: 1, Modulus: 100, Type: unix.NFT_NG_RANDOM},
			&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: []byte{0, 0, 0, 10}}, drop}, "numgen random mod 100 < 10 drop | tcp established random | 0"},
		{"SYNs", []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{0x17}, Xor: []byte{0}},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{2}}, drop}, "tcp flags & 0x17 == 0x2 drop | tcp new | 0"},
		{"an interface", []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: zero("eth0")}, drop}, "iifname eth0 drop | tcp established | 0"},
		{"a register that nothing loaded", []expr.Any{&expr.Cmp{Op: expr.CmpOpEq, Register: 9, Data: []byte{1}}, drop}, "? drop | tcp established | 0"},
		{"a set of ports", append(portRule(80)[:3:3], &expr.Lookup{SourceRegister: 1, SetName: "__set0"}, drop), "tcp dport { 22, 443 } drop | tcp established | 0"},
		{"a set by name", append(portRule(80)[:3:3], &expr.Lookup{SourceRegister: 1, SetName: "bad", Invert: true}, drop), "tcp dport != @bad drop | tcp established | 0"},
		{"a set of states", []expr.Any{loadState, &expr.Lookup{SourceRegister: 1, SetName: "__set1"}, drop}, "ct state new drop | tcp new | 0"},
		{"reject", portRule(80, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}), "tcp dport 80 reject with tcp reset | tcp established 80 | 0"},
		{"everything", []expr.Any{counter, drop}, "counter drop | tcp established catch-all | 5"},
	} {
		sets := map[string][]element{
			"__set0": {{key: []byte{0, 22}}, {key: []byte{1, 0xbb}}, {key: []byte{1, 0xbc}, last: true}},
			"__set1": {{key: n32(stateNew)}},
		}
		p := resolve([]*chain{decode1(ruleOf(t, c.exprs...), sets)})
		rules, packets := p.rules, p.packets
		if len(rules) != 1 {
			t.Errorf("%s: rules %v", c.name, rules)
			continue
		}
		if got := fmt.Sprintf("%s | %s | %d", rules[0].Text, flags(rules[0]), packets[0]); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestUnknownExpression makes sure that a rule of a later kernel does not seem
// to match everything.
func TestUnknownExpression(t *testing.T) {
	unknown := marshal(t, netlink.Attribute{Type: unix.NFTA_EXPR_NAME, Data: zero("telepathy")},
		netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: nil})
	drop, err := expr.Marshal(unix.NFPROTO_INET, &expr.Verdict{Kind: expr.VerdictDrop})
	if err != nil {
		t.Fatal(err)
	}
	rules := resolve([]*chain{decode1(ruleMessage(t, unknown, drop), nil)}).rules
	if len(rules) != 1 || rules[0].CatchAll || rules[0].Text != "?telepathy drop" {
		t.Errorf("rules %+v", rules)
	}
}

func TestVerdictMap(t *testing.T) {
	sets := map[string][]element{"__map0": {
		{key: n32(stateEstablished), mapped: true, verdict: nfAccept},
		{key: n32(stateInvalid), mapped: true, verdict: nfDrop},
	}}
	c := decode1(ruleOf(t, &expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Counter{Packets: 9}, &expr.Lookup{SourceRegister: 1, SetName: "__map0", IsDestRegSet: true}), sets)
	c.policy = verdictDrop
	rules := resolve([]*chain{c}).rules
	var got []string
	for _, r := range rules {
		got = append(got, r.Text+" | "+flags(r))
	}
	want := []string{"ct state invalid drop | tcp invalid", "chain input policy drop | tcp catch-all"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompatMatch(t *testing.T) {
	match := marshal(t,
		netlink.Attribute{Type: unix.NFTA_EXPR_NAME, Data: zero("match")},
		netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: marshal(t,
			netlink.Attribute{Type: unix.NFTA_MATCH_NAME, Data: zero("tcp")},
			netlink.Attribute{Type: unix.NFTA_MATCH_REV, Data: []byte{0, 0, 0, 0}},
			netlink.Attribute{Type: unix.NFTA_MATCH_INFO, Data: tcpPorts(22, 22, 0, 0, 0)},
		)})
	reject := marshal(t,
		netlink.Attribute{Type: unix.NFTA_EXPR_NAME, Data: zero("target")},
		netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: marshal(t,
			netlink.Attribute{Type: unix.NFTA_TARGET_NAME, Data: zero("REJECT")},
			netlink.Attribute{Type: unix.NFTA_TARGET_REV, Data: []byte{0, 0, 0, 0}},
			netlink.Attribute{Type: unix.NFTA_TARGET_INFO, Data: n32(0)},
		)})
	rules := resolve([]*chain{decode1(ruleMessage(t, match, reject), nil)}).rules
	if len(rules) != 1 || rules[0].Verdict != verdictReject || rules[0].Port != 22 || rules[0].Text != "tcp dport 22 reject with icmp net-unreachable" {
		t.Errorf("rules %+v", rules)
	}
}

func chainMessage(t testing.TB, table, name string, hook, policy uint32) []byte {
	attrs := []netlink.Attribute{
		{Type: unix.NFTA_CHAIN_TABLE, Data: zero(table)}, {Type: unix.NFTA_CHAIN_NAME, Data: zero(name)},
	}
	if hook < 99 {
		attrs = append(attrs,
			netlink.Attribute{Type: unix.NFTA_CHAIN_POLICY, Data: binary.BigEndian.AppendUint32(nil, policy)},
			netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_CHAIN_HOOK, Data: marshal(t,
				netlink.Attribute{Type: unix.NFTA_HOOK_HOOKNUM, Data: binary.BigEndian.AppendUint32(nil, hook)})})
	}
	return marshal(t, attrs...)
}

func TestParseChain(t *testing.T) {
	input := parseChain("ip", chainMessage(t, "filter", "INPUT", 1, nfDrop))
	user := parseChain("ip", chainMessage(t, "filter", "web", 99, 0))
	other := parseChain("inet", chainMessage(t, "filter", "INPUT", 3, nfAccept))
	nameBackends([]*chain{input, user, other})
	if input.hook != "input" || input.policy != verdictDrop || input.backend != "iptables-nft" {
		t.Errorf("base chain %+v", input)
	}
	if user.hook != "" || user.policy != "" || user.backend != "iptables-nft" {
		t.Errorf("user chain %+v", user)
	}
	if other.hook != "output" || other.policy != verdictAccept || other.backend != "nftables" {
		t.Errorf("chain of an inet table %+v", other)
	}
	if got := hookName("netdev", 1) + hookName("inet", 5); got != "egressingress" {
		t.Errorf("hooks %s", got)
	}
}

func FuzzDecodeRule(f *testing.F) {
	f.Add(ruleOf(f, portRule(80, &expr.Counter{Packets: 1}, &expr.Verdict{Kind: expr.VerdictDrop})...))
	f.Add(ruleOf(f, &expr.Ct{Key: expr.CtKeySTATE, Register: 1}, &expr.Lookup{SourceRegister: 1, SetName: "__map0", IsDestRegSet: true}))
	f.Add(ruleOf(f, &expr.Numgen{Register: 1, Modulus: 2}, &expr.Limit{Rate: 1, Unit: expr.LimitTimeSecond}, &expr.Reject{}))
	f.Add(chainMessage(f, "filter", "INPUT", 1, 0))
	sets := map[string][]element{"__map0": {{key: n32(stateInvalid), mapped: true}, {mapped: true, verdict: -3, chain: "input"}}}
	f.Fuzz(func(t *testing.T, b []byte) {
		rules := resolve([]*chain{decode1(b, sets)}).rules
		for _, r := range rules {
			if len(r.Text) > maxText || len(r.Name) > maxText {
				t.Errorf("text of %d bytes, name of %d", len(r.Text), len(r.Name))
			}
		}
		parseChain("inet", b)
		if got := parseElements(nil, b); len(got) > maxElements+1 {
			t.Errorf("%d elements", len(got))
		}
	})
}

// FuzzParseChain reads what the kernel lists besides rules: chains and the
// elements of sets.
func FuzzParseChain(f *testing.F) {
	f.Add(marshal(f,
		netlink.Attribute{Type: unix.NFTA_CHAIN_TABLE, Data: zero("t")},
		netlink.Attribute{Type: unix.NFTA_CHAIN_NAME, Data: zero("input")},
		netlink.Attribute{Type: unix.NFTA_CHAIN_POLICY, Data: []byte{0, 0, 0, 0}},
		netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_CHAIN_HOOK, Data: marshal(f, netlink.Attribute{Type: unix.NFTA_HOOK_HOOKNUM, Data: []byte{0, 0, 0, 1}})},
	), byte(unix.NFPROTO_INET))
	f.Add(marshal(f, netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_SET_ELEM_LIST_ELEMENTS, Data: marshal(f,
		netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: marshal(f,
			netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_SET_ELEM_KEY, Data: marshal(f, netlink.Attribute{Type: unix.NFTA_DATA_VALUE, Data: []byte{0, 80}})})})}), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, family byte) {
		c := parseChain(familyName(family), b)
		nameBackends([]*chain{c})
		resolve([]*chain{c})
		if n := len(parseElements(nil, b)); n > maxElements+1 {
			t.Errorf("%d elements kept", n)
		}
	})
}

// A counter counts what the verdict meets only behind the last condition.
func TestCounterBeforeTheMatch(t *testing.T) {
	match := portRule(8080)
	drop := &expr.Verdict{Kind: expr.VerdictDrop}
	counter := &expr.Counter{Packets: 160}
	limit := &expr.Limit{Type: expr.LimitTypePkts, Rate: 1, Unit: expr.LimitTimeSecond, Over: true}
	tests := []struct {
		name    string
		exprs   []expr.Any
		counted bool
	}{
		{"behind the match", append(slices.Clone(match), counter, drop), true},
		{"in front of the match", append([]expr.Any{counter}, append(slices.Clone(match), drop)...), false},
		{"in front of a limit", append(slices.Clone(match), counter, limit, drop), false},
		{"on both sides", append([]expr.Any{counter}, append(slices.Clone(match), counter, drop)...), true},
	}
	for _, tt := range tests {
		if r := decode1(ruleOf(t, tt.exprs...), nil).rules[0]; r.counted != tt.counted || !tt.counted && r.packets != 0 {
			t.Errorf("%s: counted %v, %d packets", tt.name, r.counted, r.packets)
		}
	}
}
