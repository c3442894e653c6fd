package redact

import (
	"regexp"
	"slices"
	"strings"
)

// kernelRelease is a release as uname(1) and /lib/modules show it.
var kernelRelease = regexp.MustCompile(`^[0-9]+\.[0-9]+[0-9.]*[-+._a-z0-9]*$`)

// number is a number of a rule, a mask, a range, a place in a header, an operator.
var number = regexp.MustCompile(`^(?:0x[0-9a-fA-F]+|[0-9]+|[-/,<>=!&|^.?@+])+$`)

// paths replaces the names in paths that stand with commas between them, or alone,
// or in words such as "kernel log".
func (r *Redactor) paths(s string) string {
	list := strings.Split(s, ", ")
	for i, p := range list {
		if strings.HasPrefix(p, "/") {
			list[i] = r.path(p)
		} else {
			list[i] = r.text(p, ours)
		}
	}
	return strings.Join(list, ", ")
}

// ofInterfaces are the directories in /proc whose entries are called like
// interfaces.
var ofInterfaces = []string{"conf", "neigh", "dev_snmp6"}

// path replaces the parts of a path that nobody knows. What the kernel shows of
// itself stays, but for interfaces and control groups.
func (r *Redactor) path(s string) string {
	parts := strings.Split(s, "/")
	kernels := strings.HasPrefix(s, "/proc/") || strings.HasPrefix(s, "/sys/") && !strings.HasPrefix(s, "/sys/fs/cgroup/")
	for i, p := range parts {
		before := ""
		if i > 0 {
			before = parts[i-1]
		}
		switch {
		case strings.Trim(p, "~.") == "":
		case kernels && (before == "net" && parts[1] == "sys" || slices.Contains(ofInterfaces, before)):
			parts[i] = r.iface(p)
		case kernels:
		case before == "home" && i == 2:
			r.learn(kindUser, p)
			parts[i] = r.pseudonym(kindUser, p)
		default:
			parts[i] = r.component(p)
		}
	}
	return strings.Join(parts, "/")
}

// component replaces one part of a path.
func (r *Redactor) component(s string) string {
	if commonName(s) || version.MatchString(s) {
		return s
	}
	if kernelRelease.MatchString(s) {
		return s
	}
	if _, isAddress := r.address(s); isAddress || hostLike(s) {
		return r.run(s, "", mixed)
	}
	base, ext := cutExtension(s)
	return r.pieces(base, kindName) + ext
}

// firewall replaces the names in a rule, or in the name of one: of tables, chains,
// sets and interfaces.
func (r *Redactor) firewall(s string) string {
	words := strings.Split(s, " ")
	device := false
	for i, w := range words {
		inner := strings.Trim(w, `{},;"()`)
		if inner == "" {
			continue
		}
		at := strings.Index(w, inner)
		words[i] = w[:at] + r.ruleWord(inner, device) + w[at+len(inner):]
		switch inner {
		case "iifname", "oifname", "iif", "oif", "-i", "-o", "dev", "device":
			device = true
		default:
			device = device && (strings.HasPrefix(w, "{") || strings.HasSuffix(w, ",") || inner == "!=" || inner == "!")
		}
	}
	return strings.Join(words, " ")
}

// ruleWord replaces one word of a rule; device says that it is an interface.
func (r *Redactor) ruleWord(s string, device bool) string {
	if p, ok := r.exact(s, ours); ok {
		return p
	}
	if number.MatchString(s) {
		// nft writes so what it compares at an offset (@nh,96,32 0xa010203), u32 too.
		return r.hexNumbers(s)
	}
	if strings.Contains(s, ",") {
		list := strings.Split(s, ",")
		for i := range list {
			list[i] = r.ruleWord(list[i], device)
		}
		return strings.Join(list, ",")
	}
	if device {
		return r.iface(strings.TrimSuffix(s, "*")) + s[len(strings.TrimSuffix(s, "*")):]
	}
	if set, is := strings.CutPrefix(s, "@"); is {
		return "@" + r.pieces(set, kindRule)
	}
	if rate, unit, is := strings.Cut(s, "/"); is && numeric(rate) && commonName(unit) {
		return s
	}
	if start := startsWithOne(s, knownToAll().chainStarts); start != "" {
		return start + r.pieces(s[len(start):], kindRule)
	}
	if p := r.text(s, ours); p != s {
		return p
	}
	return r.pieces(r.tickets(s), kindRule)
}
