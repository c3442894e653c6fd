package filters

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Texts are rulesets as tools print them; empty what was not collected.
type Texts struct {
	NFT   string // nft list ruleset, with or without -a
	Save  string // iptables-save, with or without -c
	Save6 string // ip6tables-save
	List  []Listing
}

// Listing is what iptables -L or ip6tables -L printed of one table.
type Listing struct {
	Table string
	Six   bool
	Text  string
}

// Bounds of a ruleset from outside.
const (
	maxPrintedRules  = 50_000
	maxPrintedChains = 20_000
	maxPrintedLine   = 8192 // bytes; a longer line is not understood
)

// Firewall is what the rulesets hold, and the counters of its rules in their order.
// It is nil if there is none. Rules that the texts show without a counter have none.
// A table that two texts show is taken from the first: of nft, of iptables-save.
func (t *Texts) Firewall() (*Firewall, []uint64) {
	chains := map[string][]*chain{}
	seen := map[chainKey]bool{}
	add := func(all []*chain) {
		before := len(seen)
		for _, c := range all {
			if k := (chainKey{c.family, c.table, ""}); !seen[k] || before == 0 {
				chains[c.backend] = append(chains[c.backend], c)
			}
		}
		for _, c := range all {
			seen[chainKey{c.family, c.table, ""}] = true
		}
	}
	add(parseNFTText(t.NFT))
	add(parseSave(t.Save, "ip"))
	add(parseSave(t.Save6, "ip6"))
	for _, l := range t.List {
		family := "ip"
		if l.Six {
			family = "ip6"
		}
		add(parseListing(l.Text, family, l.Table))
	}
	if len(chains) == 0 {
		return nil, nil
	}
	fw := &Firewall{}
	var packets []uint64
	for _, backend := range []string{"nftables", "iptables-nft", "iptables-legacy"} {
		p := resolve(chains[backend])
		fw.Total += p.total
		fw.Rules = append(fw.Rules, p.rules...)
		packets = append(packets, p.packets...)
	}
	return fw, packets
}

// xtHookOf is the hook of a built-in chain of iptables, empty for any other.
func xtHookOf(chain string) string {
	for i, name := range xtChainNames {
		if name == chain {
			return xtHookNames[i]
		}
	}
	return ""
}

// ruleset collects the chains of one text.
type ruleset struct {
	backend, family, table string
	chains                 []*chain
	rules                  int
	known                  map[chainKey]*chain
}

// chain finds a chain of the current table, or begins it.
func (s *ruleset) chain(name string) *chain {
	k := chainKey{s.family, s.table, name}
	if c := s.known[k]; c != nil {
		return c
	}
	c := &chain{backend: s.backend, family: s.family, table: s.table, name: clip(name), hook: xtHookOf(name)}
	if s.family == "" || len(s.chains) >= maxPrintedChains {
		return c // not kept
	}
	if s.known == nil {
		s.known = map[chainKey]*chain{}
	}
	s.known[k] = c
	s.chains = append(s.chains, c)
	return c
}

// parseSave reads iptables-save: chains with their policies and counters, rules as
// they were given to iptables, with their counters in front after -c.
func parseSave(text, family string) []*chain {
	s := &ruleset{backend: "iptables-legacy", family: family}
	byName := map[string]*chain{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || len(line) > maxPrintedLine:
		case line[0] == '#':
			if strings.Contains(line, "nf_tables") || strings.Contains(line, "iptables-nft") {
				s.backend = "iptables-nft"
			}
		case line[0] == '*':
			s.table = clip(line[1:])
			clear(byName)
		case line[0] == ':':
			if c := s.declared(line[1:]); c != nil {
				byName[c.name] = c
			}
		default:
			s.saved(quotedFields(line), byName)
		}
	}
	return s.chains
}

// declared reads "INPUT DROP [12:720]": a chain, its policy and what it took.
func (s *ruleset) declared(line string) *chain {
	f := strings.Fields(line)
	if len(f) < 2 || len(s.chains) >= maxPrintedChains {
		return nil
	}
	c := &chain{backend: s.backend, family: s.family, table: s.table, name: clip(f[0]), hook: xtHookOf(f[0]), policy: strings.ToLower(f[1])}
	if len(f) > 2 {
		c.policyPackets, c.policyCounted = bracketed(f[2])
	}
	s.chains = append(s.chains, c)
	return c
}

// saved reads "[5:300] -A INPUT -p tcp -j DROP".
func (s *ruleset) saved(words []string, chains map[string]*chain) {
	r := rule{}
	if len(words) > 0 && strings.HasPrefix(words[0], "[") {
		r.packets, r.counted = bracketed(words[0])
		words = words[1:]
	}
	if len(words) < 2 || words[0] != "-A" || chains[words[1]] == nil || s.rules >= maxPrintedRules {
		return
	}
	s.rules++
	c := chains[words[1]]
	r.place = "rule " + strconv.Itoa(len(c.rules)+1)
	r.options(words[2:], s.family)
	c.rules = append(c.rules, r)
}

// bracketed reads "[12:3456]", packets and bytes.
func bracketed(s string) (packets uint64, ok bool) {
	number, _, found := strings.Cut(strings.Trim(s, "[]"), ":")
	n, err := strconv.ParseUint(number, 10, 64)
	return n, found && err == nil
}

// quotedFields splits a line at blanks, but not inside quotes.
func quotedFields(line string) []string {
	var words []string
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		if line[0] == '"' {
			if end := strings.IndexByte(line[1:], '"'); end >= 0 {
				words, line = append(words, line[1:1+end]), line[end+2:]
				continue
			}
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words
}

// protocolNumbers are the protocols by what the tools call them.
var protocolNumbers = map[string]byte{
	"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "icmp": unix.IPPROTO_ICMP, "ipv6-icmp": unix.IPPROTO_ICMPV6,
	"icmpv6": unix.IPPROTO_ICMPV6, "sctp": unix.IPPROTO_SCTP, "esp": unix.IPPROTO_ESP, "ah": unix.IPPROTO_AH, "gre": unix.IPPROTO_GRE,
	"igmp": unix.IPPROTO_IGMP, "udplite": unix.IPPROTO_UDPLITE, "dccp": unix.IPPROTO_DCCP, "vrrp": 112, "ipencap": unix.IPPROTO_IPIP,
}

// protocolNumber is a protocol by its name or number; unknown names are of none that
// TCP could match.
func protocolNumber(s string) byte {
	if n, ok := protocolNumbers[strings.ToLower(s)]; ok {
		return n
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 255
	}
	return byte(n)
}

// options reads the matches and the target of a rule as iptables takes them
// (iptables(8), iptables-extensions(8)).
func (r *rule) options(words []string, family string) {
	inverted := false
	for i := 0; i < len(words); i++ {
		w := words[i]
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch {
		case w == "!":
			inverted = true
			continue
		case w == "-m" || w == "--comment":
			r.extension(w, value)
			i++
		case w == "-j" || w == "-g":
			r.target(w, value, words[i:])
			return
		case w == "--syn":
			r.match.syn = r.match.syn || !inverted
			r.match.add("tcp flags " + word(inverted) + "syn")
		case w == "--tcp-flags":
			i += 2
			want := words[min(i, len(words)-1)]
			r.match.syn = r.match.syn || !inverted && want == "SYN"
			r.match.add("tcp flags " + word(inverted) + strings.ToLower(want))
		case strings.HasPrefix(w, "-"):
			if strings.HasPrefix(value, "-") { // an option without a value
				value = ""
			} else {
				i++
			}
			r.option(w, value, inverted, family)
		}
		inverted = false
	}
}

func word(inverted bool) string {
	if inverted {
		return "!= "
	}
	return ""
}

// extension notes what a match is by its name.
func (r *rule) extension(option, name string) {
	m := &r.match
	switch {
	case option != "-m":
	case name == "udp" || name == "icmp" || name == "icmp6" || name == "sctp":
		m.notTCP = true
	case name == "limit" || name == "hashlimit" || name == "connlimit" || name == "quota" || name == "recent":
		m.limit = name
	case name == "statistic":
		m.random = true
	}
}

// option reads one match with its value.
func (r *rule) option(w, value string, inverted bool, family string) {
	m := &r.match
	value = clip(value)
	switch w {
	case "-p":
		if value != "all" {
			m.protocol("meta l4proto", protocolNumber(value), inverted)
		}
	case "-s", "-d":
		what := map[string]string{"-s": " saddr ", "-d": " daddr "}[w]
		if !inverted {
			m.address = strings.TrimSuffix(strings.TrimSuffix(value, "/32"), "/128")
		}
		m.add(family + what + word(inverted) + strings.TrimSuffix(strings.TrimSuffix(value, "/32"), "/128"))
	case "-i", "-o":
		m.iface = value
		m.add(map[string]string{"-i": "iifname ", "-o": "oifname "}[w] + word(inverted) + value)
	case "--ctstate", "--state":
		if mask := statesOf(value); mask != 0 {
			m.conntrack(mask, inverted)
			return
		}
		m.add("ct state " + word(inverted) + value)
	case "--dport", "--dports":
		if n, err := strconv.ParseUint(value, 10, 16); err == nil && !inverted {
			m.port = int(n)
		}
		m.add("dport " + word(inverted) + value)
	case "--limit":
		m.allows.rate = perSecond(value)
	case "--hashlimit-upto", "--hashlimit-above":
		m.allows.rate = perSecond(value)
	case "--hashlimit-mode":
		m.allows.perSource = strings.Contains(value, "srcip")
	case "--limit-burst", "--hashlimit-burst", "--hashlimit-name", "--mode", "--reject-with", "--icmp-type":
	default:
		m.add(strings.TrimLeft(w, "-") + " " + word(inverted) + value)
	}
}

// statesOf are connection tracking states as the tools list them; 0 if one is not
// known.
func statesOf(list string) (mask uint32) {
	for name := range strings.SplitSeq(strings.ToLower(list), ",") {
		bit := uint32(0)
		for _, s := range stateNames {
			if s.name == strings.TrimSpace(name) {
				bit = s.bit
			}
		}
		if bit == 0 {
			return 0
		}
		mask |= bit
	}
	return mask
}

// perSecond reads "10/sec", "5/minute"; 0 for what is no number of packets.
func perSecond(s string) float64 {
	number, unit, ok := strings.Cut(s, "/")
	n, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || unit == "" || n < 0 {
		return 0
	}
	for name, seconds := range map[string]float64{"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800} {
		if strings.HasPrefix(name, unit) {
			return n / seconds
		}
	}
	return 0
}

// target reads where a rule leads: a verdict, or another chain.
func (r *rule) target(w, name string, rest []string) {
	switch name {
	case "RETURN":
		r.verdict = verdictReturn
		return
	case "LOG", "NFLOG", "MARK", "CONNMARK", "CT", "TCPMSS", "SNAT", "DNAT", "MASQUERADE", "REDIRECT", "CHECKSUM", "NOTRACK", "TRACE", "SET", "TPROXY", "CLASSIFY", "DSCP", "":
		return
	}
	switch r.verdict = xtVerdict(name); r.verdict {
	case verdictQueue:
		if slices.Contains(rest, "--queue-bypass") {
			r.verdict = verdictNone
		}
	case verdictReject:
		r.answer = rejectOption(rest)
	case verdictNone:
		r.verdict, r.chain = verdictJump, clip(name)
		if w == "-g" {
			r.verdict = verdictGoto
		}
	}
}
