package filters

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"whydrop/probes/links/dump"
)

// decoder turns rules of nf_tables into rules of ours.
type decoder struct {
	family   string
	table    string
	counters map[objectKey]uint64
	sets     func(objectKey) []element

	rule      rule
	registers map[uint32]operand
	unknown   string // what loaded a register that is not followed
}

// operand is what a register holds: a field of the packet, masked or not.
type operand struct {
	what string // "tcp dport", "ip saddr", "ct state"; empty when not known
	mask []byte
}

// decodeRule reads an NFT_MSG_NEWRULE message and appends the rule to its chain.
func (d *decoder) decodeRule(b []byte, chains map[chainKey]*chain) {
	d.rule, d.unknown = rule{}, ""
	if d.registers == nil {
		d.registers = map[uint32]operand{}
	}
	clear(d.registers)
	var name string
	var expressions []byte
	dump.Attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_RULE_TABLE:
			d.table = cString(v)
		case unix.NFTA_RULE_CHAIN:
			name = cString(v)
		case unix.NFTA_RULE_HANDLE:
			d.rule.origin.handle = be64(v)
			d.rule.place = "handle " + strconv.FormatUint(be64(v), 10)
		case unix.NFTA_RULE_EXPRESSIONS:
			expressions = v
		}
	})
	c := chains[chainKey{d.family, d.table, name}]
	if c == nil {
		return
	}
	if !dump.Attributes(expressions, d.expression) {
		d.rule.match.add("?")
	}
	d.rule.origin.chain = c
	c.rules = append(c.rules, d.rule)
}

// expression reads one element of NFTA_RULE_EXPRESSIONS.
func (d *decoder) expression(_ uint16, b []byte) {
	var name string
	var data []byte
	dump.Attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_EXPR_NAME:
			name = cString(v)
		case unix.NFTA_EXPR_DATA:
			data = v
		}
	})
	if sieves[name] {
		d.uncounted()
	}
	if read := readers[name]; read != nil {
		read(d, data)
	} else if !harmless[name] {
		// Better an unexplained condition than a rule that seems to match
		// everything.
		d.rule.match.add("?" + name)
	}
}

// readers are the expressions that are understood.
var readers = map[string]func(*decoder, []byte){
	// They put something into a register.
	"meta": (*decoder).meta, "payload": (*decoder).packet, "ct": (*decoder).ct, "bitwise": (*decoder).bitwise,
	"numgen": (*decoder).numgen, "fib": (*decoder).fib,
	"exthdr": loads("exthdr"), "hash": loads("hash"), "socket": loads("socket"), "rt": loads("rt"),
	"osf": loads("osf"), "tunnel": loads("tunnel"), "xfrm": loads("xfrm"), "inner": loads("inner"),
	// They ask something of a register.
	"cmp": (*decoder).compare, "range": (*decoder).between, "lookup": (*decoder).lookup, "match": (*decoder).compatMatch,
	// They count, limit or decide.
	"counter": (*decoder).counter, "objref": (*decoder).object, "limit": (*decoder).limit, "quota": (*decoder).quota,
	"connlimit": (*decoder).connlimit, "queue": (*decoder).queue, "dynset": (*decoder).dynset, "immediate": (*decoder).immediate,
	"reject": (*decoder).reject, "target": (*decoder).compatTarget,
}

// sieves let some packets through and others not: a counter in front of one
// counts also packets that the verdict does not meet.
var sieves = map[string]bool{
	"cmp": true, "range": true, "lookup": true, "match": true, "limit": true, "quota": true, "connlimit": true, "dynset": true,
}

// uncounted says that no counter counts what meets all conditions, as yet.
func (d *decoder) uncounted() {
	d.rule.counted, d.rule.packets, d.rule.origin.object = false, 0, ""
}

// harmless expressions ask nothing, and let the packet go on, or away.
var harmless = map[string]bool{
	"byteorder": true, "log": true, "nat": true, "masq": true, "redir": true, "notrack": true,
	"tproxy": true, "dup": true, "fwd": true, "flow_offload": true, "synproxy": true, "last": true, "secmark": true,
}

// decode fills e and tells whether it could.
func decode[E expr.Any](data []byte, e E) (E, bool) {
	return e, expr.Unmarshal(unix.NFPROTO_INET, data, e) == nil
}

func (d *decoder) meta(data []byte) {
	if e, ok := decode(data, &expr.Meta{}); ok && !e.SourceRegister {
		d.registers[e.Register] = operand{what: metaName(e.Key)}
	}
}

func (d *decoder) packet(data []byte) {
	if e, ok := decode(data, &expr.Payload{}); ok && e.OperationType == expr.PayloadLoad {
		d.registers[e.DestRegister] = d.payload(e)
	}
}

func (d *decoder) ct(data []byte) {
	if e, ok := decode(data, &expr.Ct{}); ok && !e.SourceRegister {
		d.registers[e.Register] = operand{what: ctName(e.Key)}
	}
}

func (d *decoder) bitwise(data []byte) {
	if e, ok := decode(data, &expr.Bitwise{}); ok {
		o := d.registers[e.SourceRegister]
		o.mask = e.Mask
		d.registers[e.DestRegister] = o
	}
}

func (d *decoder) numgen(data []byte) {
	d.rule.match.random = true
	if e, ok := decode(data, &expr.Numgen{}); ok {
		kind := "inc"
		if e.Type == unix.NFT_NG_RANDOM {
			kind = "random"
		}
		d.registers[e.Register] = operand{what: fmt.Sprintf("numgen %s mod %d", kind, e.Modulus)}
	}
}

func (d *decoder) fib(data []byte) {
	if e, ok := decode(data, &expr.Fib{}); ok {
		d.registers[e.Register] = operand{what: "fib"}
	}
}

// loads reads an expression that loads something which is not followed.
func loads(name string) func(*decoder, []byte) {
	return func(d *decoder, _ []byte) {
		clear(d.registers)
		d.unknown = name
	}
}

func (d *decoder) compare(data []byte) {
	e, ok := decode(data, &expr.Cmp{})
	if !ok {
		d.rule.match.add("?")
		return
	}
	d.cmp(d.registers[e.Register], e)
}

func (d *decoder) between(data []byte) {
	e, ok := decode(data, &expr.Range{})
	o := d.registers[e.Register]
	if !ok || o.what == "" {
		d.rule.match.add("?")
		return
	}
	d.rule.match.add(o.what + " " + operator(e.Op) + ordered(o.what, e.FromData) + "-" + ordered(o.what, e.ToData))
}

func (d *decoder) counter(data []byte) {
	if e, ok := decode(data, &expr.Counter{}); ok {
		d.rule.counted, d.rule.packets = true, e.Packets
		d.rule.origin.object = ""
	}
}

// queue reads struct nft_queue: with NFT_QUEUE_FLAG_BYPASS packets go on while
// no program listens.
func (d *decoder) queue(data []byte) {
	const bypass = 1 // NFT_QUEUE_FLAG_BYPASS
	if e, ok := decode(data, &expr.Queue{}); ok && e.Flag&bypass == 0 {
		d.rule.verdict = verdictQueue
	}
}

func (d *decoder) compatTarget(data []byte) {
	var info []byte
	dump.Attributes(data, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_TARGET_NAME:
			d.rule.verdict = xtVerdict(cString(v))
		case unix.NFTA_TARGET_INFO:
			info = v
		}
	})
	switch {
	case d.rule.verdict == verdictQueue && xtBypass(info):
		d.rule.verdict = verdictNone
	case d.rule.verdict == verdictReject:
		d.rule.answer = xtReject(d.family, info)
	}
}

// immediate holds a verdict, or data for a later expression.
func (d *decoder) immediate(data []byte) {
	if e, ok := decode(data, &expr.Immediate{}); !ok || e.Register != unix.NFT_REG_VERDICT {
		return
	}
	e, ok := decode(data, &expr.Verdict{})
	if !ok {
		return
	}
	d.rule.verdict, d.rule.chain = nftVerdict(int32(e.Kind)), clip(strings.TrimRight(e.Chain, "\x00"))
}

func nftVerdict(code int32) string {
	switch code {
	case nfDrop:
		return verdictDrop
	case nfAccept:
		return verdictAccept
	case unix.NFT_RETURN:
		return verdictReturn
	case unix.NFT_JUMP:
		return verdictJump
	case unix.NFT_GOTO:
		return verdictGoto
	}
	return verdictNone
}

// object handles a reference to a named counter, quota or limit.
func (d *decoder) object(data []byte) {
	e, ok := decode(data, &expr.Objref{})
	if !ok || e.Name == "" {
		return
	}
	if e.Type != objectCounter {
		d.uncounted()
		const quota, limit, connlimit = 2, 4, 5 // NFT_OBJECT_QUOTA and so on
		if e.Type == quota || e.Type == limit || e.Type == connlimit {
			d.rule.match.limit = "limit name " + clip(e.Name)
		}
		return
	}
	name := clip(e.Name)
	if packets, ok := d.counters[objectKey{d.family, d.table, name}]; ok {
		d.rule.counted, d.rule.packets = true, packets
		d.rule.origin.object = name
	}
}

// compatMatch reads an xtables match that iptables-nft has put into a rule.
func (d *decoder) compatMatch(data []byte) {
	var name string
	var revision uint32
	var info []byte
	if !dump.Attributes(data, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_MATCH_NAME:
			name = cString(v)
		case unix.NFTA_MATCH_REV:
			revision = be32(v)
		case unix.NFTA_MATCH_INFO:
			info = v
		}
	}) {
		name = "?"
	}
	d.rule.match.xtMatch(name, revision, info)
}

// cmp is a comparison of a register with a value.
func (d *decoder) cmp(o operand, e *expr.Cmp) {
	m := &d.rule.match
	inverted := e.Op == expr.CmpOpNeq
	simple := (e.Op == expr.CmpOpEq || inverted) && o.mask == nil
	switch {
	case o.what == "ct state" && d.states(o, e):
	case isProtocol(o.what) && simple && len(e.Data) > 0:
		m.protocol(o.what, e.Data[0], inverted)
	case o.what == "tcp dport" && simple && len(e.Data) == 2 && !inverted:
		m.port = int(binary.BigEndian.Uint16(e.Data))
		m.add(o.what + " " + value(o.what, e.Data))
	case o.what == "tcp flags":
		d.flags(o, e)
	case o.what == "":
		m.add(strings.TrimSpace(d.unknown + " ?"))
	default:
		d.plain(o, e)
	}
}

// states is a comparison of the conntrack state: with a mask, whether it is any
// of those states, without one whether it is that state.
func (d *decoder) states(o operand, e *expr.Cmp) bool {
	inverted := e.Op == expr.CmpOpNeq
	if e.Op != expr.CmpOpEq && !inverted || len(e.Data) < 4 {
		return false
	}
	switch {
	case o.mask == nil:
		d.rule.match.conntrack(binary.NativeEndian.Uint32(e.Data), inverted)
	case len(o.mask) >= 4 && isZero(e.Data):
		d.rule.match.conntrack(binary.NativeEndian.Uint32(o.mask), !inverted)
	default:
		return false
	}
	return true
}

// flags is a comparison of TCP flags.
func (d *decoder) flags(o operand, e *expr.Cmp) {
	const syn, ack = 0x02, 0x10
	want, mask := byte(0), byte(0xff)
	if len(e.Data) > 0 {
		want = e.Data[0]
	}
	if len(o.mask) > 0 {
		mask = o.mask[0]
	}
	m := &d.rule.match
	if e.Op == expr.CmpOpEq && want&(syn|ack) == syn && mask&(syn|ack) == syn|ack {
		m.syn = true
	}
	is := operator(e.Op)
	if is == "" {
		is = "== " // as nft prints it behind a mask
	}
	m.add(fmt.Sprintf("tcp flags & %#x %s%#x", mask, is, want))
}

// plain is any other comparison.
func (d *decoder) plain(o operand, e *expr.Cmp) {
	m := &d.rule.match
	v := value(o.what, e.Data)
	equal := e.Op == expr.CmpOpEq
	if !equal && e.Op != expr.CmpOpNeq {
		v = ordered(o.what, e.Data)
	}
	switch {
	case strings.HasSuffix(o.what, "addr"):
		if bits := prefixLength(o.mask); bits > 0 {
			v, _, _ = strings.Cut(v, "/")
			v = fmt.Sprintf("%s/%d", v, bits)
		}
		if equal {
			m.address = v
		}
	case strings.HasSuffix(o.what, "ifname") && equal:
		m.iface = v
	case o.what == "meta pkttype" && equal && len(e.Data) > 0 && e.Data[0] != 0:
		m.notTCP = true // to all, or to somebody else
	}
	m.add(o.what + " " + operator(e.Op) + v)
}

func isProtocol(what string) bool {
	return what == "meta l4proto" || what == "ip protocol" || what == "ip6 nexthdr"
}

// lookup is a search in a set, or the choice of a verdict from a map.
func (d *decoder) lookup(data []byte) {
	m := &d.rule.match
	e, ok := decode(data, &expr.Lookup{})
	if !ok {
		m.add("?")
		return
	}
	o := d.registers[e.SourceRegister]
	set := clip(strings.TrimRight(e.SetName, "\x00"))
	if e.IsDestRegSet {
		if e.DestRegister == unix.NFT_REG_VERDICT {
			d.verdictMap(o, set)
		}
		delete(d.registers, e.DestRegister)
		return
	}
	var elements []element
	if strings.HasPrefix(set, "__") && o.mask == nil { // anonymous
		elements = d.sets(objectKey{d.family, d.table, set})
	}
	if o.what == "ct state" && len(elements) > 0 {
		m.conntrack(unite(elements), e.Invert)
		return
	}
	m.notTCP = m.notTCP || isProtocol(o.what) && len(elements) > 0 && holdsTCP(elements) == e.Invert
	op := ""
	if e.Invert {
		op = "!= "
	}
	m.add(o.what + " " + op + setText(o.what, set, elements))
}

// unite makes one mask of a set of conntrack states.
func unite(elements []element) uint32 {
	mask := uint32(0)
	for _, e := range elements {
		if len(e.key) >= 4 {
			mask |= binary.NativeEndian.Uint32(e.key)
		}
	}
	return mask
}

func holdsTCP(elements []element) bool {
	for _, e := range elements {
		if len(e.key) > 0 && e.key[0] == unix.IPPROTO_TCP {
			return true
		}
	}
	return false
}

// setText writes the elements of an anonymous set, the first eight.
func setText(what, set string, elements []element) string {
	if len(elements) == 0 {
		return "@" + set
	}
	var values []string
	for _, e := range elements {
		if !e.last && len(values) < 8 {
			values = append(values, keyText(what, e.key))
		}
	}
	return "{ " + strings.Join(values, ", ") + " }"
}

// verdictMap makes a branch for each verdict that the packet may find.
func (d *decoder) verdictMap(o operand, set string) {
	d.rule.branches = []rule{}
	for _, el := range d.sets(objectKey{d.family, d.table, set}) {
		if !el.mapped {
			continue
		}
		b := d.rule
		b.branches = nil
		b.verdict, b.chain = nftVerdict(el.verdict), el.chain
		b.counted = false // the rule's counter counts all elements together
		b.match.parts = append([]string(nil), d.rule.match.parts...)
		switch {
		case o.what == "ct state" && len(el.key) >= 4:
			b.match.conntrack(binary.NativeEndian.Uint32(el.key), false)
		case isProtocol(o.what) && len(el.key) > 0:
			b.match.protocol(o.what, el.key[0], false)
		default:
			if o.what == "tcp dport" && len(el.key) == 2 {
				b.match.port = int(binary.BigEndian.Uint16(el.key))
			}
			b.match.add(strings.TrimSpace(o.what + " " + keyText(o.what, el.key)))
		}
		d.rule.branches = append(d.rule.branches, b)
	}
}
