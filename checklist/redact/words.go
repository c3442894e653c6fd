package redact

import (
	_ "embed"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"whydrop/content"
)

// words.txt is the words of the content and of manual pages, of kernel messages
// and of everyday English: what may stand in a sentence of anybody's.
//
//go:embed words.txt
var wordsData string

// dictionary reads the words once, when something is redacted.
var dictionary = sync.OnceValue(func() map[string]bool { return set(wordsData) })

// vocabulary are the words of which the names in the content are made, and those
// names themselves: of facts, as nstat spells them too, tables, fields, causes,
// drivers, drop reasons; and the words of titles.
func vocabulary(book *content.Book) map[string]bool {
	all := map[string]bool{}
	add := func(name string) {
		lower := strings.ToLower(name)
		all[lower], all[strings.ReplaceAll(lower, ".", "")] = true, true
		for _, p := range append(splitPieces(lower), strings.Split(lower, ".")...) {
			all[p] = true
		}
	}
	title := func(words string) {
		for _, w := range strings.FieldsFunc(words, func(c rune) bool { return c < 0x80 && !inRun(byte(c)) }) {
			add(strings.Trim(w, ".:-"))
		}
	}
	for _, d := range book.Facts.Facts() {
		add(d.Name)
	}
	for _, t := range book.Facts.Tables() {
		add(t.Name)
		for _, d := range t.Fields {
			add(d.Name)
		}
	}
	for _, c := range book.Causes {
		add(c.ID)
		title(c.Title)
		for _, m := range c.Remedies {
			title(m.Title)
		}
	}
	for _, n := range book.NICs {
		for _, driver := range append([]string{n.Driver}, n.Also...) {
			add(driver)
		}
	}
	for _, d := range book.DropReasons {
		add(d.Name)
	}
	return all
}

// means says whether a word means something to everybody, so that it is not looked
// for in sentences although something is called so.
func (r *Redactor) means(lower string) bool {
	return knownToAll().words[lower] || dictionary()[lower] || r.vocabulary[lower]
}

var (
	// quantity is a number with a unit, 300ms or 0x1f, or what the kernel numbers.
	quantity = regexp.MustCompile(`^(?:\d{1,10}([a-zA-Z]{1,5})?|0x[0-9a-fA-F]{1,8}|(?i:cpus?|[rt]xq?|q|queue|vec|vector|ring|irq|port|lane|node|zone|order|rfc|ipv|vf|pf|phy|fn|mii|tc|h|v)\d{1,4}[a-z]?)$`)
	// cloudID is an id that Amazon gives to a resource: eni-0123456789abcdef0, and
	// before 2018 i-01234567.
	cloudID = regexp.MustCompile(`^(?:acl|ami|asg|cgw|dopt|eipalloc|eipassoc|eni|eni-attach|fs|i|igw|lt|nat|pcx|pl|r|rtb|rtbassoc|sg|sgr|snap|subnet|tgw|tgw-attach|tgw-rtb|vgw|vol|vpc|vpce|vpn)-(?:[0-9a-f]{8}|[0-9a-f]{17})$`)
)

// understood says whether a word of somebody else's names nobody.
func understood(r *Redactor, s string) bool {
	lower := strings.ToLower(s)
	if len(s) < 2 || r.means(lower) || r.given[s].text != "" || commonName(s) || kernelRelease.MatchString(s) && len(s) < 12 {
		return true
	}
	if len(s) == 2 && strings.Trim(lower, "0123456789abcdef") == "" {
		return true // a byte, see dumps for several
	}
	if numeric(s) {
		return !isLong(s)
	}
	if len(s) == 8 && strings.Trim(lower, "0123456789abcdef") == "" {
		return false // an address, more likely than a quantity
	}
	if m := quantity.FindStringSubmatch(s); m != nil {
		return len(m[1]) < 2 || dictionary()[strings.ToLower(m[1])]
	}
	return packageVersion.MatchString(s) && strings.Trim(s, "vV0123456789.") == ""
}

// longNumber is from how many digits on a number in somebody else's sentence is an
// account's, a phone's, an address or the like, and no quantity.
const longNumber = 8

// isLong says so of a number. The places in a dump, 00000010, are none.
func isLong(s string) bool { return numeric(s) && len(strings.TrimLeft(s, "0")) >= longNumber }

// stranger replaces a piece of a word of somebody else's that is not known.
func (r *Redactor) stranger(s string) string {
	switch {
	case understood(r, s):
		return s
	case isID(s), numeric(s):
		return r.pseudonym(kindID, s)
	}
	return r.pseudonym(kindWord, strings.ToLower(s))
}

// withoutCutWord leaves out the last word of a text that was cut off: half a name
// would not be known again, and half an address is one of a network.
func withoutCutWord(s string) string {
	text, cut := strings.CutSuffix(s, "...")
	at := strings.LastIndexAny(text, " \t")
	if !cut || at < 0 || text == "" || strings.HasSuffix(text, ".") || dictionary()[strings.ToLower(text[at+1:])] {
		return s
	}
	return text[:at+1] + "..."
}

// A run of bytes, as netfilter's LOG (MAC=) and the kernel's dumps of headers write
// it: an Ethernet header begins with two addresses.
var (
	dumped   = regexp.MustCompile(`\b(?:[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){3,}|[0-9a-fA-F]{2}(?:[ -][0-9a-fA-F]{2}){5,})\b`)
	pointed  = regexp.MustCompile(`\b[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\b`)
	procAddr = regexp.MustCompile(`^([0-9A-F]{8})(:[0-9A-F]{4})$`)
	fourWith = regexp.MustCompile(`(^|[^0-9])(\d{1,3})([-_])(\d{1,3})[-_](\d{1,3})[-_](\d{1,3})($|[^0-9])`)
)

// dumps replaces hardware addresses in dumps of bytes, and those with points
// (Cisco).
func (r *Redactor) dumps(s string) string {
	s = dumped.ReplaceAllStringFunc(s, r.dump)
	return pointed.ReplaceAllStringFunc(s, func(m string) string {
		digits := strings.ReplaceAll(m, ".", "")
		p := r.enx(digits)
		p = strings.NewReplacer(":", "", "-", "").Replace(p)
		return p[:4] + "." + p[4:8] + "." + p[8:]
	})
}

func (r *Redactor) dump(s string) string {
	if _, ok := r.hardware(s); ok && len(s) < 18 {
		return s // replaced as a word
	}
	separator := s[2:3]
	groups := strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(" :-", c) })
	for i := 0; i < len(groups); i += 6 {
		six := groups[i:min(i+6, len(groups))]
		if len(six) < 6 {
			if i+2 == len(groups) && i == 12 {
				break // the type
			}
			for j := range six {
				six[j] = "xx"
			}
			break
		}
		p, _ := r.hardware(strings.Join(six, ":"))
		copy(six, strings.Split(p, ":"))
	}
	return strings.Join(groups, separator)
}

// procAddress replaces an IPv4 address with a port as /proc/net/tcp shows it: in
// hexadecimal, in the byte order of the host, which is a little-endian one mostly.
func (r *Redactor) procAddress(s string) (string, bool) {
	m := procAddr.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	v, err := strconv.ParseUint(m[1], 16, 32)
	if err != nil {
		return "", false
	}
	a := r.space.of(addr4(byte(v), byte(v>>8), byte(v>>16), byte(v>>24))).As4()
	return strings.ToUpper(hexByte(a[3])+hexByte(a[2])+hexByte(a[1])+hexByte(a[0])) + m[2], true
}

// hyphenated replaces IPv4 addresses in names, where hyphens or low lines stand for
// the points.
func (r *Redactor) hyphenated(s string) string {
	if strings.Count(s, "-")+strings.Count(s, "_") < 3 {
		return s
	}
	return fourWith.ReplaceAllStringFunc(s, func(m string) string {
		g := fourWith.FindStringSubmatch(m)
		a, ok := parseAddr(g[2] + "." + g[4] + "." + g[5] + "." + g[6])
		if !ok {
			return m
		}
		return g[1] + strings.ReplaceAll(r.space.of(a).String(), ".", g[3]) + g[7]
	})
}

// release replaces what a kernel's release says of who built it: 6.1.0-18-amd64
// stays, and of 6.1.0-acme only the number does.
func (r *Redactor) release(s string) string {
	pieces := splitPieces(s)
	for i, p := range pieces {
		if i%2 == 0 && p != "" && !numeric(p) && !builder.MatchString(p) && !commonName(p) {
			r.learn(kindName, p)
			pieces[i] = r.pseudonym(kindName, p)
		}
	}
	return strings.Join(pieces, "")
}

// releases replaces the same in a phrase, and every other name in it.
func (r *Redactor) releases(s string) string {
	words := strings.Split(s, " ")
	var done []string
	from := 0
	others := func(to int) {
		if from < to {
			done = append(done, r.text(strings.Join(words[from:to], " "), theirs))
		}
		from = to + 1
	}
	for i, w := range words {
		bare := strings.TrimRight(w, ",:")
		if _, isAddress := r.exact(bare, theirs); !isAddress && kernelRelease.MatchString(bare) && !hostLike(bare) {
			others(i)
			done = append(done, r.release(w))
		}
	}
	others(len(words))
	return strings.Join(done, " ")
}

// builder is what distributions and architectures put into a kernel's release.
var builder = regexp.MustCompile(`^(?i:(?:el|fc|amzn|rc|rt|arch|zen|deb|bpo|lp|pve|v|u|uek|wsl|mga|oe|r|pre)\d*|deb\d+u\d+|x86|amd64|arm64|armv\d+l?|aarch64|i[3-6]86|ppc64le|ppc64el|ppc64|s390x|riscv64|loongarch64|generic|aws|azure|gcp|gke|eks|oracle|kvm|virt|cloud|lowlatency|default|lts|longterm|hardened|microsoft|standard|linuxkit|flatcar|coreos|talos|cos|xanmod|liquorix|raspi|rpi|pv|server|desktop|debug|smp|preempt|nixos|gentoo|alma|rocky|centos|plus|hwe|fips|realtime|dirty)$`)
