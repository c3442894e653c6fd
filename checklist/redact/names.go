package redact

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"whydrop/probes/fact"
)

// kind is what a name names; pseudonyms begin with it.
type kind string

const (
	kindHost   kind = "host"
	kindDomain kind = "net"
	kindIface  kind = "if"
	kindApp    kind = "app"
	kindUser   kind = "user"
	kindName   kind = "name"
	kindRule   kind = "fw"
	kindID     kind = "id"
	kindWord   kind = "word"
)

// maxNames is how many names are remembered; those beyond get pseudonyms too, but
// are not looked for in sentences.
const maxNames = 1 << 14

// maxOdd is how many names with spaces and the like are looked for in sentences.
const maxOdd = 256

// pseudonym returns what stands for a name: its kind, and letters and digits in
// turn, so that they make no word, the same whatever the kind. Names that would get
// the same get longer ones; those that are not remembered any more get long ones.
func (r *Redactor) pseudonym(k kind, text string) string {
	n := name{k, text}
	if p, ok := r.names[n]; ok {
		return p
	}
	const letters, digits = "bcdfghjkmnpqrtvwxz", "23456789"
	sum := r.sum("name", text)
	var p string
	length := 4
	if len(r.names) >= maxNames {
		length = 12
	}
	for ; length <= len(sum); length += 2 {
		b := []byte(string(k) + "-")
		for i, v := range sum[:length] {
			if i%2 == 0 {
				b = append(b, letters[int(v)%len(letters)])
			} else {
				b = append(b, digits[int(v)%len(digits)])
			}
		}
		if p = string(b); r.given[p] == (name{}) {
			break
		}
	}
	if len(r.names) < maxNames {
		r.names[n], r.given[p] = p, n
	}
	return p
}

// learn makes a name one that is looked for in sentences. A word that means
// something to everybody is not. What names several things is taken for the same
// one of them in whatever order they are seen.
func (r *Redactor) learn(k kind, text string) {
	lower := strings.ToLower(text)
	if len(text) < 2 || r.means(lower) || len(r.known) >= maxNames || numeric(lower) {
		return
	}
	have, again := r.known[lower]
	if again && (rank(have.kind) < rank(k) || have.kind == k && have.text <= text) {
		return
	}
	r.known[lower] = name{k, text}
	r.learned++
	if again {
		return
	}
	if len(r.odd) < maxOdd && strings.ContainsFunc(text, func(c rune) bool { return c < 0x80 && !inRun(byte(c)) }) {
		at, _ := slices.BinarySearchFunc(r.odd, text, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		r.odd = slices.Insert(r.odd, at, text)
	}
	r.parts = max(r.parts, len(splitPieces(lower)))
}

// rank orders kinds: what can stand in any sentence comes first.
func rank(k kind) int {
	return slices.Index([]kind{kindHost, kindDomain, kindIface, kindApp, kindUser, kindName, kindRule, kindID, kindWord}, k)
}

// named returns the pseudonym of a known name.
func (r *Redactor) named(n name) string {
	switch n.kind {
	case kindHost:
		return r.host(n.text)
	case kindIface:
		return r.iface(n.text)
	}
	return r.pseudonym(n.kind, n.text)
}

// host replaces a host's name. One with a domain keeps that apart, so that it is
// seen which hosts share it; example is reserved for examples (RFC 2606).
func (r *Redactor) host(s string) string {
	lower := strings.ToLower(strings.TrimSuffix(s, "."))
	short, domain, full := strings.Cut(lower, ".")
	switch {
	case short == "", short == "localhost", short == "(none)", s == fact.Nameless, r.given[lower].text != "":
		return s
	case full && strings.HasSuffix(lower, ".example") && r.given[short].text != "":
		return s
	}
	r.learn(kindHost, short)
	p := r.pseudonym(kindHost, short)
	if !full {
		return p
	}
	r.learn(kindHost, lower)
	r.learn(kindDomain, domain)
	return p + "." + r.pseudonym(kindDomain, domain) + ".example"
}

// destination replaces a host as it was named with a port: db:5432.
func (r *Redactor) destination(s string) string {
	if p, ok := r.address(s); ok {
		return p
	}
	if p := r.text(s, ours); p != s || strings.ContainsAny(s, " []") {
		return p
	}
	h, port, ported := strings.Cut(s, ":")
	if ported {
		port = ":" + port
	}
	return r.host(h) + port
}

var (
	virtual = regexp.MustCompile(`^(veth|cali|lxc|tap|vnet|qvo|qvb|qbr|br-|vb-|ve-|lxdbr|azv|gke|eni)([0-9a-f]{6,}[0-9a-z-]*)$`)
	macName = regexp.MustCompile(`^enx([0-9a-f]{12})$`) // systemd.net-naming-scheme(7)
)

// iface replaces an interface's name, unless the kernel or common software names
// them so on every host. The number of a VLAN stays.
func (r *Redactor) iface(s string) string {
	base, vlan, _ := strings.Cut(s, ".")
	if numeric(vlan) {
		vlan = "." + vlan
	} else {
		base, vlan = s, ""
	}
	all := knownToAll()
	switch {
	case base == "", all.iface.MatchString(s), all.iface.MatchString(base), r.given[base].text != "", all.words[strings.ToLower(base)]:
		return s
	}
	r.learn(kindIface, s)
	if m := macName.FindStringSubmatch(base); m != nil {
		return "enx" + strings.NewReplacer(":", "", "-", "").Replace(r.enx(m[1])) + vlan
	}
	if m := virtual.FindStringSubmatch(base); m != nil {
		return strings.TrimSuffix(m[1], "-") + strings.TrimPrefix(r.pseudonym(kindID, m[2]), string(kindID)) + vlan
	}
	return r.pseudonym(kindIface, base) + vlan
}

// enx replaces the hardware address in an interface's name.
func (r *Redactor) enx(digits string) string {
	var groups []string
	for i := 0; i < len(digits); i += 2 {
		groups = append(groups, digits[i:i+2])
	}
	p, _ := r.hardware(strings.Join(groups, ":"))
	return p
}

// programs replaces one or several names of processes: "a, b", "a (net:[1])".
func (r *Redactor) programs(s string) string {
	list := strings.Split(s, ", ")
	for i, p := range list {
		rest := ""
		if at := strings.Index(p, " (net:["); at > 0 {
			p, rest = p[:at], p[at:]
		}
		list[i] = r.program(p) + rest
	}
	return strings.Join(list, ", ")
}

// program replaces a process's name, unless everybody knows it. What a program
// writes behind its own name, as in "postgres: user database", is not known.
func (r *Redactor) program(s string) string {
	if s == "" || r.given[s].text != "" || commonProgram(s) {
		return s
	}
	if at := strings.IndexAny(s, ": "); at > 0 && commonProgram(s[:at]) {
		rest := strings.TrimLeft(s[at:], ": ")
		if rest == "" || numeric(rest) || knownToAll().words[strings.ToLower(strings.Trim(rest, "[]"))] {
			return s
		}
		return s[:at] + s[at:len(s)-len(rest)] + r.pseudonym(kindApp, rest)
	}
	r.learn(kindApp, s)
	return r.pseudonym(kindApp, s)
}

var version = regexp.MustCompile(`^[0-9][0-9.]*$`)

// commonProgram says whether everybody knows a program, whatever its version.
func commonProgram(s string) bool {
	all := knownToAll()
	lower := strings.ToLower(s)
	if all.programs[lower] || all.programs[strings.TrimRight(lower, "0123456789.-")] {
		return true
	}
	start := startsWithOne(lower, all.programStarts)
	return start != "" && (strings.HasSuffix(start, "/") || version.MatchString(lower[len(start):]) || !strings.HasSuffix(start, "-"))
}

// packages replaces the names of packages in a phrase: "upgraded: nginx, tool".
func (r *Redactor) packages(s string) string {
	verb, list, ok := strings.Cut(s, ": ")
	if !ok {
		if strings.Contains(s, " ") {
			return s // a phrase with versions, or how many there are
		}
		return r.pieces(s, kindApp)
	}
	names := strings.Split(list, ", ")
	for i, p := range names {
		if p != "..." {
			names[i] = r.pieces(p, kindApp)
		}
	}
	return verb + ": " + strings.Join(names, ", ")
}

// unit replaces a systemd unit's or a process's name.
func (r *Redactor) unit(s string) string {
	base, ext := cutExtension(s)
	if ext == "" {
		return r.program(s)
	}
	if at := strings.IndexByte(base, '@'); at > 0 {
		return r.program(base[:at]) + "@" + r.pieces(base[at+1:], kindName) + ext
	}
	return r.program(base) + ext
}

func cutExtension(s string) (base, ext string) {
	if at := strings.LastIndexByte(s, '.'); at > 0 && knownToAll().extensions[s[at+1:]] {
		return s[:at], s[at:]
	}
	return s, ""
}

// sysctl replaces the interface in a setting of one interface.
func (r *Redactor) sysctl(s string) string {
	for _, of := range []string{".conf.", ".neigh."} {
		if at := strings.Index(s, of); at > 0 {
			device, setting := s[at+len(of):], ""
			if end := strings.LastIndexByte(device, '.'); end > 0 {
				device, setting = device[:end], device[end:]
			}
			return s[:at+len(of)] + r.iface(device) + setting
		}
	}
	return s
}

var (
	hexID = regexp.MustCompile(`^(?:[0-9a-f]{12,}|[0-9A-F]{12,})$`)
	uuid  = regexp.MustCompile(`(?i)[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}`)
)

// isID says whether s is a container's or another thing's random id.
func isID(s string) bool {
	return hexID.MatchString(s) && strings.ContainsAny(s, "abcdefABCDEF") && strings.ContainsAny(s, "0123456789")
}

// maxDigits is from how many digits on a number in a name is an id of somebody: a
// customer's, an account's.
const maxDigits = 8

// pieces replaces the parts of a name that nobody knows, and leaves the others:
// acme-blocklist is name-x1y2-blocklist.
func (r *Redactor) pieces(s string, k kind) string {
	if s == "" || r.given[s].text != "" || commonName(s) || numeric(s) && len(s) < maxDigits {
		return s
	}
	s = uuid.ReplaceAllStringFunc(s, func(id string) string { return r.pseudonym(kindID, id) })
	s = r.hyphenated(s)
	var b strings.Builder
	pieces := splitPieces(s)
	for i := 0; i < len(pieces); i++ {
		p := pieces[i]
		whole := i+2 < len(pieces) && r.given[p+pieces[i+1]+pieces[i+2]].text != ""
		switch {
		case whole:
			b.WriteString(p + pieces[i+1] + pieces[i+2])
			i += 2
		case i%2 == 1, p == "", numeric(p) && len(p) < maxDigits, commonName(p):
			b.WriteString(p)
		case isID(p), numeric(p):
			b.WriteString(r.pseudonym(kindID, p))
		default:
			r.learn(k, p)
			b.WriteString(r.pseudonym(k, p))
		}
	}
	return b.String()
}

// splitPieces takes a name apart: pieces, and the separators between them.
func splitPieces(s string) []string {
	var pieces []string
	from := 0
	for i := 0; i < len(s); i++ {
		if strings.IndexByte("-_.:@/%+~$", s[i]) >= 0 {
			pieces = append(pieces, s[from:i], s[i:i+1])
			from = i + 1
		}
	}
	return append(pieces, s[from:])
}

// commonName says whether a name is known to everybody, in whatever it names.
func commonName(s string) bool {
	all := knownToAll()
	lower := strings.ToLower(s)
	return all.words[lower] || all.paths[lower] || all.extensions[lower] || all.iface.MatchString(s) || commonProgram(s)
}

func numeric(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
