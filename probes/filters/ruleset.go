package filters

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Rule is what is known of one firewall rule, or chain policy, that can drop,
// reject or limit packets. Its counter is kept apart: it changes, the rule does
// not.
type Rule struct {
	Name        string  // family, table, chain, and handle or position
	Text        string  // "tcp dport 8080 drop"
	Backend     string  // nftables, iptables-nft, iptables-legacy
	Hook        string  // of the base chain that leads to it; "several" if chains of different hooks do
	Verdict     string  // drop, reject, policy-drop, queue
	Counted     bool    `json:",omitempty"`
	TCP         bool    `json:",omitempty"` // TCP packets can match it
	Limit       bool    `json:",omitempty"` // it takes what is above a limit
	PerSource   bool    `json:",omitempty"` // the limit is each source's own
	Allows      float64 `json:",omitempty"` // packets a second that the limit lets pass; 0: not known
	CTInvalid   bool    `json:",omitempty"` // it matches conntrack state invalid only
	CTNew       bool    `json:",omitempty"` // it matches new connections or SYNs only
	Established bool    `json:",omitempty"` // established connections can match it
	CatchAll    bool    `json:",omitempty"` // default deny
	Random      bool    `json:",omitempty"` // it matches at random
	Port        int     `json:",omitempty"` // destination port
	Address     string  `json:",omitempty"`
	Interface   string  `json:",omitempty"`
}

// Conntrack states, one bit each, as nftables and xtables number them.
const (
	stateInvalid     = 1 << 0
	stateEstablished = 1 << 1
	stateRelated     = 1 << 2
	stateNew         = 1 << 3
	stateUntracked   = 1 << 6
	everyState       = stateInvalid | stateEstablished | stateRelated | stateNew | stateUntracked
)

var stateNames = []struct {
	bit  uint32
	name string
}{
	{stateInvalid, "invalid"}, {stateEstablished, "established"},
	{stateRelated, "related"}, {stateNew, "new"}, {stateUntracked, "untracked"},
}

func statesText(mask uint32) string {
	var names []string
	for _, s := range stateNames {
		if mask&s.bit != 0 {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ",")
}

// match is what a rule asks of a packet.
type match struct {
	parts   []string // its conditions in the tool's own language, limits aside
	narrow  int      // how many of them ask for more than the protocol and the conntrack state
	limit   string   // "limit rate over 10/second"; empty for none
	allows  allowance
	tcp     bool   // it names TCP
	notTCP  bool   // TCP cannot match it
	states  uint32 // conntrack states it accepts, 0 for any
	syn     bool   // SYNs only
	random  bool
	port    int
	address string
	iface   string
}

// add adds a condition.
func (m *match) add(part string) {
	m.parts = append(m.parts, part)
	m.narrow++
}

// protocol narrows the match to a protocol of the transport layer, or to all
// but it.
func (m *match) protocol(what string, p byte, inverted bool) {
	isTCP := p == unix.IPPROTO_TCP
	m.tcp = m.tcp || isTCP && !inverted
	m.notTCP = m.notTCP || isTCP == inverted
	part := what + " " + protoName(p)
	if inverted {
		part = what + " != " + protoName(p)
	}
	m.parts = append(m.parts, part)
}

// conntrack narrows the match to conntrack states.
func (m *match) conntrack(mask uint32, inverted bool) {
	if inverted {
		mask = everyState &^ mask
	}
	m.parts = append(m.parts, "ct state "+statesText(mask))
	if m.states != 0 {
		mask &= m.states
	}
	m.states = mask & everyState
}

// conditions are what tells whether two rules ask the same, limits aside.
func (m *match) conditions() string { return strings.Join(m.parts, " ") }

// within is the match of a rule in a chain that is only reached through m.
func (m match) within(outer match) match {
	m.tcp, m.notTCP = m.tcp || outer.tcp, m.notTCP || outer.notTCP
	m.syn, m.random = m.syn || outer.syn, m.random || outer.random
	if m.states == 0 {
		m.states = outer.states
	} else if outer.states != 0 {
		m.states &= outer.states
	}
	if m.port == 0 {
		m.port = outer.port
	}
	if m.address == "" {
		m.address = outer.address
	}
	if m.iface == "" {
		m.iface = outer.iface
	}
	if m.limit == "" {
		m.limit, m.allows = outer.limit, outer.allows
	}
	m.parts = slices.Concat(outer.parts, m.parts)
	m.narrow += outer.narrow
	return m
}

// Verdicts of a rule.
const (
	verdictNone   = ""
	verdictAccept = "accept"
	verdictDrop   = "drop"
	verdictReject = "reject"
	verdictReturn = "return"
	verdictJump   = "jump"
	verdictGoto   = "goto"
	verdictQueue  = "queue" // a program decides; without one, and without bypass, a drop
	policyDrop    = "policy-drop"
)

// rule is a rule of any backend, as far as it was understood.
type rule struct {
	place   string // "handle 7", "rule 3"
	match   match
	verdict string
	answer  string // what reject sends, empty for the default; see reject.go
	chain   string // where jump and goto lead
	counted bool
	packets uint64
	origin  origin
	// branches are the verdicts that a verdict map chooses from.
	branches []rule
}

// chain is a chain of any backend.
type chain struct {
	backend string
	family  string
	table   string
	name    string
	hook    string // empty for a chain that has to be jumped to
	// policy is what happens at the end of a base chain.
	policy        string
	policyCounted bool // xtables count packets of the policy, nftables do not
	policyPackets uint64
	policyOrigin  origin
	rules         []rule
}

// chainKey names a chain within one backend.
type chainKey struct{ family, table, name string }

func (c *chain) key() chainKey { return chainKey{c.family, c.table, c.name} }

// walker follows jumps from the base chains and collects the rules that can
// drop. Each chain is walked once, in the light of the first jump that leads to
// it: 20,000 chains that all jump to one another cost no more than 20,000.
type walker struct {
	chains map[chainKey]*chain
	seen   map[chainKey]*visit
	part   *part
}

// visit is the first walk through a chain: its hook, and which rules were
// collected there and in the chains behind it.
type visit struct {
	hook        string
	first, last int
}

// several is the hook of rules that more than one hook leads to.
const several = "several"

// light is what is known of the packets that come to a rule.
type light struct {
	hook        string
	outer       match
	established bool // established connections may still come this way
	depth       int
}

const maxJumps = 64 // the kernel allows nftables 16

// resolve finds the rules and policies that can drop, reject or limit, with the
// hook that leads to them. The chains are those of one backend.
func resolve(chains []*chain) *part {
	w := walker{chains: map[chainKey]*chain{}, seen: map[chainKey]*visit{}, part: &part{}}
	for _, c := range chains {
		w.chains[c.key()] = c
		w.part.total += len(c.rules)
	}
	for _, c := range chains {
		if c.hook != "" {
			w.walk(c, light{hook: c.hook, established: true})
		}
	}
	return w.part
}

// limited is a rule that lets packets pass within a limit.
type limited struct {
	match *match
	tcp   bool
}

// walk goes through a chain and returns whether established connections can
// come out at its end.
func (w *walker) walk(c *chain, l light) bool {
	if l.depth > maxJumps {
		return l.established
	}
	if v := w.seen[c.key()]; v != nil {
		w.again(v, l.hook)
		return l.established
	}
	v := &visit{hook: l.hook, first: len(w.part.rules)}
	w.seen[c.key()] = v
	defer func() { v.last = len(w.part.rules) }()
	var within []limited
	for i := range c.rules {
		r := &c.rules[i]
		if r.branches == nil {
			l.established = w.step(c, r, l, &within)
		}
		for j := range r.branches {
			l.established = w.step(c, &r.branches[j], l, &within)
		}
		if r.match.limit != "" && (r.verdict == verdictAccept || r.verdict == verdictReturn) {
			within = append(within, limited{&r.match, !r.match.notTCP})
		}
	}
	if c.hook != "" && c.policy == verdictDrop {
		w.collect(c, &rule{place: "policy", verdict: policyDrop, counted: c.policyCounted, packets: c.policyPackets, origin: c.policyOrigin}, l, &within)
	}
	return l.established
}

// again notes that another hook leads to a chain that was walked before.
func (w *walker) again(v *visit, hook string) {
	if v.hook == hook || v.hook == several {
		return
	}
	v.hook = several
	for i := v.first; i < v.last; i++ {
		w.part.rules[i].Hook = several
	}
}

// step takes one rule, and returns whether established connections can reach
// the next.
func (w *walker) step(c *chain, r *rule, l light, within *[]limited) bool {
	switch r.verdict {
	case verdictDrop, verdictReject, verdictQueue:
		w.collect(c, r, l, within)
	case verdictAccept:
		if acceptsEstablished(&r.match) {
			return false
		}
	case verdictJump, verdictGoto:
		target := w.chains[chainKey{c.family, c.table, r.chain}]
		if target == nil {
			break
		}
		inner := light{l.hook, r.match.within(l.outer), l.established, l.depth + 1}
		out := w.walk(target, inner)
		if len(r.match.parts) == 0 && r.match.limit == "" {
			return out // everything went through there
		}
	}
	return l.established
}

// acceptsEstablished tells whether every packet of an established connection is
// accepted: nothing but TCP and the conntrack state is asked.
func acceptsEstablished(m *match) bool {
	return m.limit == "" && m.narrow == 0 && !m.notTCP && (m.states == 0 || m.states&stateEstablished != 0)
}

func (w *walker) collect(c *chain, r *rule, l light, within *[]limited) {
	m := r.match.within(l.outer)
	if left := followsLimit(r, *within); m.limit == "" && left != nil {
		m.limit, m.allows = left.match.limit, left.match.allows
	}
	open := len(r.match.parts) == 0 && r.match.limit == ""
	out := Rule{
		Name:    clip(fmt.Sprintf("%s %s %s %s", c.family, c.table, c.name, r.place)),
		Backend: c.backend, Hook: l.hook, Verdict: r.verdict, Counted: r.counted,
		TCP:   !m.notTCP && c.family != "arp",
		Limit: m.limit != "", PerSource: m.allows.perSource, Allows: m.allows.rate,
		CTInvalid:   m.states&stateInvalid != 0 && m.states&(stateNew|stateEstablished|stateRelated) == 0,
		CTNew:       m.syn || m.states&stateNew != 0 && m.states&(stateInvalid|stateEstablished|stateRelated) == 0,
		Established: l.established && !m.syn && (m.states == 0 || m.states&(stateEstablished|stateRelated) != 0),
		CatchAll:    open && len(l.outer.parts) == 0,
		Random:      m.random, Port: m.port, Address: m.address, Interface: m.iface,
	}
	out.Text = ruleText(c, r, l.outer.parts)
	// What was left over of an accept within a limit ends here.
	*within = slices.DeleteFunc(*within, func(a limited) bool { return a.match.conditions() == r.match.conditions() })
	w.part.rules = append(w.part.rules, out)
	w.part.packets = append(w.part.packets, r.packets)
	w.part.origins = append(w.part.origins, r.origin)
}

// followsLimit finds the accept within a limit of which a rule takes what is
// left over: it asks the same and perhaps more, or less of the same port, or
// nothing at all. It is nil if there is none.
func followsLimit(r *rule, within []limited) *limited {
	asks := r.match.parts
	for i := range within {
		w := &within[i]
		limits := w.match.parts
		wider := len(asks) == 0 || r.match.port > 0 && r.match.port == w.match.port && holdsAll(limits, asks)
		if w.tcp && (wider || holdsAll(asks, limits)) {
			return w
		}
	}
	return nil
}

// holdsAll tells whether all of few are among many.
func holdsAll(many, few []string) bool {
	return !slices.ContainsFunc(few, func(part string) bool { return !slices.Contains(many, part) })
}

// ruleText is the rule in the tool's own language, with the conditions of the
// jumps that lead to its chain in front.
func ruleText(c *chain, r *rule, outer []string) string {
	if r.verdict == policyDrop {
		return clip("chain " + c.name + " policy drop")
	}
	parts := slices.Concat(outer, r.match.parts)
	if r.match.limit != "" {
		parts = append(parts, r.match.limit)
	}
	if r.counted {
		parts = append(parts, "counter")
	}
	last := r.verdict
	if r.answer != "" {
		last += " with " + r.answer
	}
	return clip(strings.Join(withoutImplied(append(parts, last)), " "))
}

// withoutImplied leaves out a protocol that a later condition names again, as
// the tools do.
func withoutImplied(parts []string) []string {
	var out []string
	for i, p := range parts {
		name, ok := strings.CutPrefix(p, "meta l4proto ")
		if !ok {
			name, ok = strings.CutPrefix(p, "meta nfproto ")
		}
		named := func(later string) bool {
			return strings.HasPrefix(later, name+" ") || icmpOf[name] != "" && strings.HasPrefix(later, verdictReject+" with "+icmpOf[name]+" ")
		}
		if !ok || !slices.ContainsFunc(parts[i+1:], named) {
			out = append(out, p)
		}
	}
	return out
}

// icmpOf names the ICMP of a protocol of the network layer.
var icmpOf = map[string]string{"ip": "icmp", "ip6": "icmpv6"}

const maxText = 200 // bytes of any text from outside

func clip(s string) string { return s[:min(len(s), maxText)] }
