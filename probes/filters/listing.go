package filters

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// chainHeading is the first line of a chain of iptables -L: its policy with what it
// took (only with -v), or how many rules lead to it.
var chainHeading = regexp.MustCompile(`^Chain (\S+) \((?:policy (\w+)(?: (\d+) packets)?|\d+ references)`)

// parseListing reads one table as iptables -L printed it, with any of -v, -n, -x and
// --line-numbers. Numbers that it rounded ("12K") are not known.
func parseListing(text, family, table string) []*chain {
	s := &ruleset{backend: "iptables-legacy", family: family, table: clip(table)}
	var c *chain
	var columns []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n ")
		if len(line) > maxPrintedLine {
			continue
		}
		if m := chainHeading.FindStringSubmatch(line); m != nil {
			c, columns = s.chain(m[1]), nil
			c.policy = strings.ToLower(m[2])
			if n, err := strconv.ParseUint(m[3], 10, 64); err == nil {
				c.policyPackets, c.policyCounted = n, true
			}
			continue
		}
		words := strings.Fields(line)
		switch {
		case c == nil || len(words) < 3:
		case columns == nil:
			columns = words
		case s.rules < maxPrintedRules:
			s.rules++
			r := rule{place: "rule " + strconv.Itoa(len(c.rules)+1)}
			r.listed(words, columns, family)
			c.rules = append(c.rules, r)
		}
	}
	return s.chains
}

// listed reads a line of iptables -L. The column of the target may be empty.
func (r *rule) listed(words, columns []string, family string) {
	at := slices.Index(columns, "target")
	if at < 0 || len(words) < at+4 {
		r.match.add("?")
		return
	}
	if i := slices.Index(columns, "pkts"); i >= 0 {
		if n, err := strconv.ParseUint(words[i], 10, 64); err == nil {
			r.packets, r.counted = n, true
		}
	}
	// After the protocol comes what options are asked of IP: "--", "-f", "!f".
	rest := words[at:]
	target := ""
	if !isIPOption(rest[1]) {
		target, rest = rest[0], rest[1:]
	}
	if len(rest) < 4 {
		r.match.add("?")
		return
	}
	m := &r.match
	if p := rest[0]; p != "all" && p != "0" {
		m.protocol("meta l4proto", protocolNumber(strings.TrimPrefix(p, "!")), strings.HasPrefix(p, "!"))
	}
	rest = r.listedEnds(rest[2:], slices.Contains(columns, "in"), family)
	option := "-j"
	if r.details(rest, family) {
		option = "-g"
	}
	r.target(option, target, rest)
}

// listedEnds reads the columns of interfaces, if there are any, and of addresses, and
// returns what follows.
func (r *rule) listedEnds(rest []string, interfaces bool, family string) []string {
	options, any := []string{"-s", "-d"}, []string{"0.0.0.0/0", "::/0", "anywhere", "*", "any"}
	if interfaces {
		options = []string{"-i", "-o", "-s", "-d"}
	}
	for _, option := range options {
		if len(rest) == 0 {
			break
		}
		if is := rest[0]; !slices.Contains(any, is) {
			r.option(option, strings.TrimPrefix(is, "!"), strings.HasPrefix(is, "!"), family)
		}
		rest = rest[1:]
	}
	return rest
}

func isIPOption(s string) bool { return s == "--" || s == "-f" || s == "!f" }

// details reads what matches print of themselves behind the addresses. It returns
// whether the target is a goto.
func (r *rule) details(words []string, family string) (goes bool) {
	for len(words) > 0 {
		switch words[0] {
		case "[goto]":
			goes, words = true, words[1:]
		case "queue", "NFQUEUE", "LOG": // what the target prints
			return goes
		default:
			words = words[min(r.detail(words, family), len(words)):]
		}
	}
	return goes
}

// passed are words that ask nothing, and how many words they are with what follows.
var passed = map[string]int{"tcp": 1, "udp": 1, "multiport": 1, "icmptype": 1, "reject-with": 2}

// detail reads one match, and returns how many words it takes.
func (r *rule) detail(words []string, family string) int {
	w, next := words[0], ""
	if len(words) > 1 {
		next = words[1]
	}
	if n := passed[w]; n > 0 {
		return n
	}
	m := &r.match
	switch w {
	case "/*": // a comment
		return slices.Index(append(slices.Clone(words), "*/"), "*/") + 1
	case "dports", "sports":
		r.option("--"+w, next, false, family)
		return 2
	case "ctstate", "state":
		r.option("--ctstate", next, false, family)
		return 2
	case "limit:": // avg 10/sec burst 5
		m.limit = "limit"
		if next == "avg" && len(words) > 2 {
			m.allows.rate = perSecond(words[2])
		}
		return 5
	case "#conn", "quota:", "recent:":
		m.limit = strings.Trim(w, "#:")
		return 1
	case "statistic":
		m.random = true
	}
	if port, ok := strings.CutPrefix(w, "dpt:"); ok && !strings.HasPrefix(port, "!") {
		r.option("--dport", portNumber(port), false, family)
		return 1
	}
	m.syn = m.syn || w == "flags:0x17/0x02" || w == "flags:FIN,SYN,RST,ACK/SYN"
	m.add(clip(w))
	return 1
}

// portNumber is a port, also by the few names that iptables most often prints
// without -n.
func portNumber(s string) string {
	if n := map[string]string{"ssh": "22", "http": "80", "https": "443", "domain": "53", "mysql": "3306", "postgresql": "5432"}[s]; n != "" {
		return n
	}
	return s
}
