package filters

import (
	"slices"
	"strconv"
	"strings"
)

// parseNFTText reads nft list ruleset (nft(8)): tables, chains and rules; sets, maps
// and objects are passed over. What is asked of a packet stays one text, but for what
// the facts need to know of it.
func parseNFTText(text string) []*chain {
	r := nftReader{ruleset: ruleset{backend: "nftables"}}
	open := "" // a rule whose sets go on over several lines
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || len(line) > maxPrintedLine {
			continue
		}
		if open != "" || r.chain != nil && opened(line) > 0 {
			if len(open) < maxPrintedLine {
				open += " " + line
			}
			if opened(open) > 0 {
				continue
			}
			line, open = strings.TrimSpace(open), ""
		}
		r.line(line, quotedFields(line))
	}
	nameBackends(r.chains)
	return r.chains
}

// opened is how many braces a text leaves open.
func opened(text string) int { return strings.Count(text, "{") - strings.Count(text, "}") }

// nftReader goes through a ruleset of nft line by line.
type nftReader struct {
	ruleset
	chain *chain // the one that the lines are of; nil outside
	depth int    // of braces
	// passing is the depth of a block that is passed over; 0 outside.
	passing int
}

func (r *nftReader) line(line string, words []string) {
	switch {
	case r.passing > 0:
	case r.chain != nil && words[0] == "type":
		r.chain.base(words)
		return
	case r.chain != nil && line != "}":
		if r.rules < maxPrintedRules {
			r.rules++
			one := rule{place: "rule " + strconv.Itoa(len(r.chain.rules)+1)}
			one.statement(words)
			r.chain.rules = append(r.chain.rules, one)
		}
		return
	case r.depth == 0 && words[0] == "table" && len(words) >= 4:
		r.family, r.table = clip(words[1]), clip(words[2])
	case r.depth == 1 && words[0] == "chain" && len(words) >= 3 && words[2] == "{":
		r.chain = r.ruleset.chain(words[1])
		r.chain.hook = "" // told by the chain itself
		r.depth++
		return
	case r.depth == 1 && strings.HasSuffix(line, "{"):
		r.passing = r.depth + 1
	}
	r.depth = max(0, r.depth+opened(line))
	if r.depth < r.passing {
		r.passing = 0
	}
	if r.depth <= 1 {
		r.chain = nil
	}
}

// base reads "type filter hook input priority filter; policy drop;".
func (c *chain) base(words []string) {
	for i := 0; i+1 < len(words); i++ {
		value := strings.TrimSuffix(words[i+1], ";")
		switch words[i] {
		case "hook":
			c.hook = clip(value)
		case "policy":
			c.policy = clip(value)
		}
	}
}

// statement reads one rule.
func (r *rule) statement(words []string) {
	m := &r.match
	var asks []string // conditions so far that no part of match holds
	for i := 0; i < len(words); i++ {
		w := words[i]
		n := r.verdictOrCounter(words[i:])
		if n == 0 {
			n = m.known(words[i:])
			if n > 0 {
				r.counted = false // a counter in front counts more
			}
		}
		switch {
		case n > 0:
			i += n - 1 // may lead beyond the end
		case w == "#":
			if i+2 < len(words) && words[i+1] == "handle" {
				r.place = "handle " + clip(words[i+2])
			}
			i = len(words)
		default:
			r.counted = false
			asks = append(asks, w)
		}
	}
	if len(asks) > 0 {
		m.add(clip(strings.Join(asks, " ")))
	}
}

// nftVerdicts are the verdicts that are one word.
var nftVerdicts = map[string]string{"accept": verdictAccept, "drop": verdictDrop, "return": verdictReturn}

// verdictOrCounter reads what a rule does; it returns how many words that takes, 0
// if it is something else.
func (r *rule) verdictOrCounter(words []string) int {
	if v, is := nftVerdicts[words[0]]; is {
		r.verdict = v
		return 1
	}
	switch words[0] {
	case "counter":
		return r.counter(words)
	case "reject":
		return r.rejects(words)
	case "queue":
		r.verdict = verdictQueue
		if strings.Contains(strings.Join(words, " "), "bypass") {
			r.verdict = verdictNone
		}
		return untilHandle(words)
	case "jump", "goto":
		if len(words) >= 2 {
			r.verdict, r.chain = words[0], clip(words[1])
		}
		return 2
	case "masquerade", "dnat", "snat", "redirect":
		return untilHandle(words)
	case "log":
		n := 1
		for n+1 < len(words) && slices.Contains([]string{"prefix", "level", "group", "flags"}, words[n]) {
			n += 2
		}
		return n
	case "comment":
		return 2
	case "notrack":
		return 1
	}
	return 0
}

// counter reads "counter packets 5 bytes 300", or the name of one that stands
// elsewhere.
func (r *rule) counter(words []string) int {
	switch {
	case len(words) >= 5 && words[1] == "packets" && words[3] == "bytes":
		n, err := strconv.ParseUint(words[2], 10, 64)
		r.packets, r.counted = n, err == nil
		return 5
	case len(words) >= 3 && words[1] == "name":
		return 3
	}
	return 1
}

// rejects reads "reject with icmp admin-prohibited".
func (r *rule) rejects(words []string) int {
	r.verdict = verdictReject
	n := untilHandle(words)
	if n > 2 && words[1] == "with" {
		r.answer = clip(strings.Join(words[2:n], " "))
	}
	return n
}

// untilHandle counts the words up to the handle at the end of a rule.
func untilHandle(words []string) int {
	for i, w := range words {
		if w == "#" {
			return i
		}
	}
	return len(words)
}

// known reads a condition that the facts know; it returns how many words that takes.
func (m *match) known(words []string) int {
	a, n := askedOf(words)
	if n == 0 {
		return 0
	}
	text := clip(strings.Join(words[:n], " "))
	one := ""
	if len(a.list) == 1 && !a.inverted {
		one = a.list[0]
	}
	switch a.what {
	case "ct state":
		mask := statesOf(strings.Join(a.list, ","))
		if mask == 0 {
			return 0
		}
		m.conntrack(mask, a.inverted)
		return n
	case "meta l4proto", "ip protocol", "ip6 nexthdr":
		m.protocols(a)
		return n
	case "limit rate":
		m.limit, m.allows.rate = text, perSecond(a.list[0])
		return n
	case "numgen random":
		m.random = true
	case "tcp dport", "tcp sport":
		m.tcp = true
	case "udp dport", "udp sport", "icmp type", "icmpv6 type":
		m.notTCP = true
	case "tcp flags":
		m.tcp = true
		m.syn = m.syn || one == "syn" || !a.inverted && strings.HasSuffix(text, "== syn")
	}
	m.ends(a.what, one)
	m.add(text)
	return n
}

// ends notes the port, address or interface that a condition asks for.
func (m *match) ends(what, one string) {
	switch {
	case one == "":
	case strings.HasSuffix(what, " dport"):
		if port, err := strconv.Atoi(portNumber(one)); err == nil {
			m.port = port
		}
	case strings.HasSuffix(what, "addr"):
		m.address = one
	case strings.HasPrefix(what, "iif") || strings.HasPrefix(what, "oif"):
		m.iface = one
	}
}

func (m *match) protocols(v asked) {
	if len(v.list) == 1 {
		m.protocol(v.what, protocolNumber(v.list[0]), v.inverted)
		return
	}
	tcp := false
	for _, p := range v.list {
		tcp = tcp || protocolNumber(p) == protocolNumber("tcp")
	}
	m.notTCP = m.notTCP || tcp == v.inverted
	m.add(v.text())
}

// asked is a condition of nft: what is looked at, and the values that fit.
type asked struct {
	what     string
	inverted bool
	list     []string
}

func (a asked) text() string {
	values := strings.Join(a.list, ", ")
	if len(a.list) > 1 {
		values = "{ " + values + " }"
	}
	return clip(a.what + " " + word(a.inverted) + values)
}

// lookedAt are the conditions that are known, by their words.
var lookedAt = []string{
	"ct state", "meta l4proto", "ip protocol", "ip6 nexthdr", "tcp dport", "udp dport", "tcp sport", "udp sport", "iifname", "oifname",
	"iif", "oif", "ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr", "icmp type", "icmpv6 type", "limit rate", "numgen random", "tcp flags",
}

// askedOf reads a condition: its words, an operator if it is not ==, and a value
// or a set of them. n is 0 for a condition that is not known.
func askedOf(words []string) (a asked, n int) {
	for _, what := range lookedAt {
		f := strings.Fields(what)
		if len(words) > len(f) && strings.Join(words[:len(f)], " ") == what {
			a.what, n = what, len(f)
			break
		}
	}
	switch a.what {
	case "":
		return a, 0
	case "limit rate":
		return a.rate(words, n)
	case "numgen random": // mod 10 < 3
		for n < len(words) && words[n] != "<" && words[n] != "==" {
			n++
		}
		return a, min(n+2, len(words))
	}
	if words[n] == "!=" || words[n] == "==" {
		a.inverted = words[n] == "!="
		n++
	}
	switch {
	case n == len(words) || words[n] == "vmap" || words[n] == "<" || words[n] == ">":
		return a, 0
	case words[n] == "{" || words[n] == "&" || words[n][:min(1, len(words[n]))] == "(":
		return a.set(words, n)
	}
	a.list = strings.FieldsFunc(words[n], func(r rune) bool { return r == ',' })
	if len(a.list) == 0 {
		return a, 0
	}
	return a, n + 1
}

// rate reads "over 10/second burst 5 packets".
func (a asked) rate(words []string, n int) (asked, int) {
	for n < len(words) && !strings.Contains(words[n], "/") {
		n++
	}
	if n == len(words) {
		return a, 0
	}
	a.list = []string{words[n]}
	if n+1 < len(words) && words[n+1] == "burst" {
		n += 3
	}
	return a, min(n+1, len(words))
}

// set reads the values of a set, or an expression with a mask.
func (a asked) set(words []string, n int) (asked, int) {
	closing := "}"
	if words[n] != "{" {
		closing = "=="
	}
	for n++; n < len(words); n++ {
		if words[n] == closing {
			n++
			break
		}
		if w := strings.Trim(words[n], ",()|"); w != "" && len(a.list) < 100 {
			a.list = append(a.list, w)
		}
	}
	if closing == "==" && n < len(words) {
		n++ // what the masked flags are to be
	}
	if len(a.list) == 0 {
		return a, 0
	}
	return a, n
}
