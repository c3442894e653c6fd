package changes

import (
	"errors"
	"io/fs"
	"strings"
)

// Saved is the ruleset that a service loads at boot.
type Saved struct {
	Rules int
	Files []string
}

// ruleFile is a saved ruleset, and the links that tell that a service loads it.
type ruleFile struct {
	path    string
	service []string // names of units
	count   func(string) (int, bool)
}

var ruleFiles = []ruleFile{
	{"etc/nftables.conf", []string{"nftables.service"}, nftRules},
	{"etc/sysconfig/nftables.conf", []string{"nftables.service"}, nftRules},
	{"etc/iptables/rules.v4", []string{"netfilter-persistent.service", "iptables.service"}, iptablesRules},
	{"etc/iptables/rules.v6", []string{"netfilter-persistent.service", "ip6tables.service"}, iptablesRules},
	{"etc/sysconfig/iptables", []string{"iptables.service"}, iptablesRules},
	{"etc/sysconfig/ip6tables", []string{"ip6tables.service"}, iptablesRules},
}

// wants are the directories whose links say what is started at boot.
var wants = []string{"etc/systemd/system/multi-user.target.wants", "etc/systemd/system/sysinit.target.wants", "etc/systemd/system/basic.target.wants"}

// ruleset counts the rules that are loaded at boot. It compares nothing: the
// rules of the kernel are read by another probe, and a number is all that the
// two have in common for certain.
func (l *look) ruleset() {
	s := &Saved{}
	for _, r := range ruleFiles {
		if !l.starts(r.service) {
			continue
		}
		b, err := l.read(r.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			needs := ""
			if errors.Is(err, fs.ErrPermission) {
				needs = "root"
			}
			l.cannotSee("the saved firewall rules (/"+r.path+")", needs)
			return
		}
		n, ok := r.count(string(b))
		if !ok {
			l.cannotSee("whether the firewall rules are those of /"+r.path+": it includes files or uses variables", "a comparison by hand with nft list ruleset")
			return
		}
		s.Rules += n
		s.Files = append(s.Files, "/"+r.path)
	}
	if len(s.Files) > 0 {
		l.Saved = s
	}
}

// starts tells whether one of the units is started at boot.
func (l *look) starts(units []string) bool {
	for _, dir := range wants {
		for _, n := range l.names(dir) {
			for _, u := range units {
				if n == u {
					return true
				}
			}
		}
	}
	return false
}

// iptablesRules counts the rules in what iptables-save(8) writes.
func iptablesRules(text string) (n int, ok bool) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		// With -c a rule begins with its counters: [12:3456] -A INPUT ...
		if strings.HasPrefix(line, "[") {
			_, line, _ = strings.Cut(line, "] ")
		}
		switch {
		case strings.HasPrefix(line, "-A "), strings.HasPrefix(line, "--append "):
			n++
		case strings.HasPrefix(line, "-"):
			return 0, false // -I, -D and others: a script rather than a saved ruleset
		}
	}
	return n, true
}

// nftRules counts the rules of a ruleset as "nft list ruleset" writes it. It
// gives up on what only nft(8) can expand: includes, variables and commands.
func nftRules(text string) (n int, ok bool) {
	c := nftCounter{}
	for _, t := range nftTokens(text) {
		switch t {
		case "{":
			ok = true
			c.open()
		case "}":
			ok = c.close()
		case "\n", ";":
			ok = c.end()
		default:
			ok = !strings.HasPrefix(t, "$")
			c.statement = (c.statement + t + " ")[:min(len(c.statement)+len(t)+1, maxLine)]
		}
		if !ok {
			return 0, false
		}
	}
	return c.rules, len(c.stack) == 0 && c.statement == ""
}

// nftCounter follows the braces of a ruleset: those of tables, of chains and
// sets in them, and of sets within rules.
type nftCounter struct {
	stack     []string // what each open brace belongs to: "table", "chain", "set"
	statement string   // the words since the last end of one
	rules     int
}

func (c *nftCounter) open() {
	kind := ""
	if len(c.stack) < 2 {
		kind, _, _ = strings.Cut(c.statement, " ")
		c.statement = ""
	}
	c.stack = append(c.stack, kind)
}

func (c *nftCounter) close() bool {
	if len(c.stack) == 0 {
		return false
	}
	ok := len(c.stack) > 2 || c.end()
	c.stack = c.stack[:len(c.stack)-1]
	return ok
}

// end ends a statement, unless it goes on: a rule with a set in it, or a table
// or chain whose brace stands on the next line.
func (c *nftCounter) end() bool {
	first, _, _ := strings.Cut(c.statement, " ")
	switch {
	case len(c.stack) > 2:
		return true
	case first == "include", first == "define", len(c.stack) == 0 && !isTop(first):
		return false
	case len(c.stack) < 2 && (first == "table" || first == "chain"):
		return true
	case len(c.stack) == 2 && c.stack[1] == "chain" && isRule(first):
		c.rules++
	}
	c.statement = ""
	return true
}

// isTop tells what may begin a line outside of tables: a table, or that the rules
// of before are thrown away.
func isTop(first string) bool {
	return first == "" || first == "table" || first == "flush" || first == "destroy" || first == "delete"
}

// isRule tells the first word of a rule from those that describe a chain.
func isRule(first string) bool {
	switch first {
	case "", "type", "policy", "comment", "flags", "devices", "device":
		return false
	}
	return true
}

// nftTokens splits a ruleset into words, braces, semicolons and ends of lines,
// without comments. A text in quotes is one word.
func nftTokens(text string) []string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	var all []string
	for line := range strings.Lines(text) {
		for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
			n := tokenLength(line)
			all = append(all, line[:n])
			line = line[n:]
		}
		all = append(all, "\n")
	}
	return all
}

func tokenLength(s string) int {
	switch s[0] {
	case '{', '}', ';':
		return 1
	case '"':
		if end := strings.IndexByte(s[1:], '"'); end >= 0 {
			return end + 2
		}
		return len(s)
	}
	if n := strings.IndexAny(s, " \t{};\""); n > 0 {
		return n
	}
	return len(s)
}
