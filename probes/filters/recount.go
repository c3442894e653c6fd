package filters

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"whydrop/probes/links/dump"
)

// part is the rules of nftables, or of one table of xtables, that can drop. To
// decode rules takes much longer than to read their counters, so a part is kept
// until the rules are changed.
type part struct {
	total   int // rules, also those that can't drop
	rules   []Rule
	packets []uint64 // by rule, as read last
	origins []origin // by rule
}

// origin says where a rule's counter is found again.
type origin struct {
	chain  *chain
	handle uint64 // nftables: of the rule
	object string // nftables: name of the counter that the rule refers to, "" for its own
	entry  int    // xtables: the how manieth of the table's entries
}

// maxChainDumps bounds the chains that are dumped one by one: with more of them
// it is cheaper to have all rules in one dump.
const maxChainDumps = 32

// nftPart is the part of nftables and what is needed to read its counters alone.
type nftPart struct {
	*part
	generation uint32                      // of the ruleset; 0 for not known
	slots      map[chainKey]map[uint64]int // index of a rule by its handle
	objects    map[objectKey][]int         // indices of rules by their named counter
}

// nftables reads the rules of nftables: all of them when they were changed, else
// the counters.
func (s *Source) nftables() (*part, error) {
	conn, err := dump.Dial(unix.NETLINK_NETFILTER, lookLimit)
	if err != nil {
		return nil, fmt.Errorf("nf_tables: %v: it takes a seccomp profile that allows AF_NETLINK sockets", err) // no want of a capability
	}
	defer conn.Close()
	n := nft{conn}
	before := generation()
	if have := s.nft; have != nil && before != 0 && have.generation == before {
		return have.part, n.recount(have)
	}
	s.nft = nil
	chains, err := readNFT(n)
	if err != nil {
		return resolve(chains), err
	}
	p := &nftPart{part: learn(chains), slots: map[chainKey]map[uint64]int{}, objects: map[objectKey][]int{}}
	if before == generation() {
		p.generation = before
	}
	for i, o := range p.origins {
		if !p.rules[i].Counted {
			continue
		}
		k := o.chain.key()
		switch {
		case o.object != "":
			name := objectKey{k.family, k.table, o.object}
			p.objects[name] = append(p.objects[name], i)
		case p.slots[k] == nil:
			p.slots[k] = map[uint64]int{o.handle: i}
		default:
			p.slots[k][o.handle] = i
		}
	}
	s.nft = p
	return p.part, nil
}

// learn is resolve, and lets go of everything else that was decoded.
func learn(chains []*chain) *part {
	p := resolve(chains)
	for _, c := range chains {
		c.rules = nil
	}
	return p
}

// generation returns the number of the ruleset, which grows with every change
// (NFT_MSG_GETGEN, Linux 3.16), and 0 if the kernel does not say.
func generation() uint32 {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0
	}
	defer conn.Close()
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request | netlink.Acknowledge},
		Data:   make([]byte, nfgenSize),
	})
	if err != nil || len(answers) == 0 {
		return 0
	}
	return parseGeneration(answers[0].Data)
}

// parseGeneration reads an NFT_MSG_NEWGEN message.
func parseGeneration(b []byte) (id uint32) {
	if len(b) < nfgenSize {
		return 0
	}
	dump.Attributes(b[nfgenSize:], func(kind uint16, v []byte) {
		if kind == unix.NFTA_GEN_ID {
			id = be32(v)
		}
	})
	return id
}

// recount reads the counters of rules that are known.
func (n nft) recount(p *nftPart) error {
	p.packets = slices.Clone(p.packets) // readings share the former ones
	if len(p.objects) > 0 {
		counters, err := n.counters()
		if err != nil {
			return err
		}
		for name, rules := range p.objects {
			for _, i := range rules {
				p.packets[i] = counters[name]
			}
		}
	}
	if len(p.slots) > maxChainDumps || p.clipped() {
		return n.recountChain(p, 0, nil)
	}
	for k := range p.slots {
		err := n.recountChain(p, familyNumber(k.family), []netlink.Attribute{
			{Type: unix.NFTA_RULE_TABLE, Data: append([]byte(k.table), 0)},
			{Type: unix.NFTA_RULE_CHAIN, Data: append([]byte(k.name), 0)},
		})
		if err != nil && !errors.Is(err, unix.ENOENT) { // the chain went meanwhile
			return err
		}
	}
	return nil
}

// clipped tells whether a chain or its table has a name that was cut short.
func (p *nftPart) clipped() bool {
	for k := range p.slots {
		if len(k.table) >= maxText || len(k.name) >= maxText {
			return true
		}
	}
	return false
}

// recountChain reads the counters of the rules that the attributes ask for.
// Older kernels answer with all of them.
func (n nft) recountChain(p *nftPart, family byte, attrs []netlink.Attribute) error {
	var last chainKey
	var slots map[uint64]int
	return n.request(unix.NFT_MSG_GETRULE, family, attrs, func(family string, b []byte) {
		c := parseCounted(b)
		if family != last.family || string(c.table) != last.table || string(c.chain) != last.name {
			last = chainKey{family, string(c.table), string(c.chain)}
			slots = p.slots[last]
		}
		if i, ok := slots[c.handle]; ok && c.found {
			p.packets[i] = c.packets
		}
	})
}

// counted is what is read of a rule whose conditions are known already.
type counted struct {
	table, chain []byte
	handle       uint64
	packets      uint64
	found        bool // it has a counter
}

// parseCounted reads an NFT_MSG_NEWRULE message.
func parseCounted(b []byte) (c counted) {
	dump.Attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_RULE_TABLE:
			c.table = name(v)
		case unix.NFTA_RULE_CHAIN:
			c.chain = name(v)
		case unix.NFTA_RULE_HANDLE:
			c.handle = be64(v)
		case unix.NFTA_RULE_EXPRESSIONS:
			dump.Attributes(v, c.expression)
		}
	})
	return c
}

// expression keeps the packets of a counter; the last of several counts what
// meets all conditions.
func (c *counted) expression(_ uint16, b []byte) {
	isCounter := false
	dump.Attributes(b, func(kind uint16, v []byte) {
		switch {
		case kind == unix.NFTA_EXPR_NAME:
			isCounter = string(name(v)) == "counter"
		case kind == unix.NFTA_EXPR_DATA && isCounter:
			dump.Attributes(v, func(kind uint16, v []byte) {
				if kind == unix.NFTA_COUNTER_PACKETS {
					c.packets, c.found = be64(v), true
				}
			})
		}
	})
}

// name cuts a text off at its final zero.
func name(b []byte) []byte {
	b = b[:min(len(b), maxText)]
	if i := slices.Index(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// xtTable is the part of one table of xtables.
type xtTable struct {
	*part
	sum uint64 // of the table without its counters
}

var xtSeed = maphash.MakeSeed()

// xtDecode decodes a table of xtables, or only its counters if nothing else has
// changed.
func (s *Source) xtDecode(fam *xtFamily, table string, info xtInfo, raw []byte) (*part, error) {
	key := fam.name + " " + table
	have := s.xt[key]
	counts, sum, err := xtSum(fam, info, raw)
	if err != nil {
		return nil, fmt.Errorf("table %s of %s_tables: %w", table, fam.name, err)
	}
	if have.part == nil || have.sum != sum {
		chains, err := parseXTables(fam, table, info, raw)
		if err != nil {
			return nil, err
		}
		have = xtTable{learn(chains), sum}
	}
	packets := make([]uint64, len(have.rules))
	for i, o := range have.origins {
		packets[i] = counts[o.entry]
	}
	have.packets = packets
	if s.xt == nil {
		s.xt = map[string]xtTable{}
	}
	s.xt[key] = have
	return have.part, nil
}

// xtSum returns the counters of all entries, and a sum over everything else. The
// counters are zero in the table afterwards.
func xtSum(fam *xtFamily, info xtInfo, raw []byte) (counts []uint64, sum uint64, err error) {
	const counterSize = 16 // struct xt_counters: packets, bytes
	err = eachEntry(fam, raw, func(_ uint32, e []byte) {
		counts = append(counts, binary.NativeEndian.Uint64(e[fam.counters:]))
		clear(e[fam.counters:][:counterSize])
	})
	return counts, maphash.Bytes(xtSeed, raw) ^ maphash.Comparable(xtSeed, info), err
}
