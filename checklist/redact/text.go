package redact

import (
	"regexp"
	"strings"
)

// inRun says whether a byte can be part of a name or an address. Sentences are
// read run by run.
func inRun(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x80:
		return true
	}
	return strings.IndexByte("_.:%@/+~-$", c) >= 0
}

// whose says who wrote a sentence, and so what can stand in it.
type whose int

const (
	// ours is a sentence of whydrop: only addresses, hosts, interfaces and paths are
	// put into it.
	ours whose = iota
	// mixed is a text of whydrop's with others' sentences in it: any known name.
	mixed
	// theirs is a sentence of the kernel's, a program's or the operator's: every word
	// that is not known may be a name, and is taken for one.
	theirs
)

// longestBefore is how far back, in bytes, the word before another is looked for.
const longestBefore = 32

// text replaces the names in a sentence.
func (r *Redactor) text(s string, of whose) string {
	if of != ours {
		r.learnPrograms(s)
		s = r.replaceOdd(s)
	}
	if of == theirs {
		s = r.starsOf(r.numbersOf(r.hexNumbers(r.dumps(r.undisguised(withoutCutWord(s))))))
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		from := i
		for i < len(s) && inRun(s[i]) {
			i++
		}
		if i > from {
			after := ""
			if at := strings.TrimRight(s[max(0, from-longestBefore):from], " "); of != ours {
				after = at[strings.LastIndexByte(at, ' ')+1:]
			}
			b.WriteString(r.run(s[from:i], after, of))
		}
		for from = i; i < len(s) && !inRun(s[i]); i++ {
		}
		b.WriteString(s[from:i])
	}
	return b.String()
}

// learnPrograms learns the names of the processes that a sentence tells of.
func (r *Redactor) learnPrograms(s string) {
	if !strings.ContainsAny(s, "([=:") && !strings.Contains(s, "invoked") {
		return
	}
	for _, told := range knownToAll().processes {
		for _, m := range told.FindAllStringSubmatch(s, -1) {
			if _, ok := r.address(m[1]); !ok {
				r.program(m[1])
			}
		}
	}
}

// replaceOdd replaces known names that do not stand in one run.
func (r *Redactor) replaceOdd(s string) string {
	for _, odd := range r.odd {
		if strings.Contains(s, odd) {
			s = strings.ReplaceAll(s, odd, r.named(r.known[strings.ToLower(odd)]))
		}
	}
	return s
}

// run replaces what stands in a run of characters, without the punctuation around
// it. after is the word before.
func (r *Redactor) run(s, after string, of whose) string {
	if isVersion(strings.TrimRight(s, ".:"), after) {
		return s
	}
	if p, ok := r.exact(s, of); ok {
		return p
	}
	if set, is := strings.CutPrefix(s, "@"); is && of != theirs && label.MatchString(set) {
		return "@" + r.pieces(set, kindRule) // as nft names one in the place of an address
	}
	head := len(s) - len(strings.TrimLeft(s, ".:-+%@$"))
	tail := len(strings.TrimRight(s[head:], ".:-+%@$")) + head
	inner := s[head:tail]
	if inner == "" {
		return s
	}
	return s[:head] + r.word(inner, of) + s[tail:]
}

// isVersion says whether four numbers with points are a version and no address:
// when the word before says so. A leading v or a suffix does too, but makes it
// another run.
func isVersion(s, after string) bool {
	switch strings.ToLower(strings.Trim(after, ":,(")) {
	case "version", "release", "firmware", "fw", "ver":
		return strings.Trim(s, "0123456789.") == ""
	}
	return false
}

// exact replaces what is an address or a known name as it stands.
func (r *Redactor) exact(s string, of whose) (string, bool) {
	if r.given[s].text != "" {
		return s, true
	}
	if p, ok := r.address(s); ok {
		return p, true
	}
	if p, ok := r.hardware(s); ok {
		return p, true
	}
	if of == theirs {
		if p, ok := r.partOfAddress(s); ok {
			return p, true
		}
	}
	if p, ok := r.procAddress(s); ok {
		return p, true
	}
	if n, ok := r.known[strings.ToLower(s)]; ok && r.lookedFor(n, of) {
		return r.named(n), true
	}
	return "", false
}

func (r *Redactor) lookedFor(n name, of whose) bool {
	return of != ours || n.kind == kindHost || n.kind == kindDomain || n.kind == kindIface
}

var awsHost = regexp.MustCompile(`^ip-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}$`)

// word replaces the names in a run that is no sentence any more.
func (r *Redactor) word(s string, of whose) string {
	if p, ok := r.exact(s, of); ok {
		return p
	}
	if p, ok := r.whole(s, of); ok {
		return p
	}
	if p, ok := r.url(s, of); ok {
		return p
	}
	for _, separator := range []string{"/", ":"} {
		if strings.Contains(s, separator) {
			parts := strings.Split(s, separator)
			for i, p := range parts {
				if p != "" {
					parts[i] = r.run(p, "", of)
				}
			}
			return strings.Join(parts, separator)
		}
	}
	if awsHost.MatchString(strings.ToLower(s)) || hostLike(s) {
		return r.host(s)
	}
	return r.within(s, of)
}

// whole replaces a word that is one thing by its looks: a number, a setting, a path,
// an id.
func (r *Redactor) whole(s string, of whose) (string, bool) {
	switch {
	case numeric(s) && (of != theirs || !isLong(s)), r.fixed(s):
		return s, true
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "~/"):
		return r.path(s), true
	case uuid.FindString(s) == s, isID(s):
		return r.pseudonym(kindID, s), true
	case cloudID.MatchString(s):
		at := strings.LastIndexByte(s, '-')
		return s[:at] + strings.TrimPrefix(r.pseudonym(kindID, s[at+1:]), string(kindID)), true
	}
	return s, of == theirs && understood(r, s)
}

// url replaces the host, the user and the path of a URL, and of user@host.
func (r *Redactor) url(s string, of whose) (string, bool) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok && label.MatchString(scheme) {
		where, what, long := strings.Cut(rest, "/")
		if long {
			what = r.path("/" + what)
		}
		return scheme + "://" + r.urlHost(where, of) + what, true
	}
	user, where, ok := strings.Cut(s, "@")
	if !ok || user == "" || where == "" {
		return "", false
	}
	if _, ext := cutExtension(where); ext != "" {
		return r.unit(s), true
	}
	if !commonName(user) && !numeric(user) {
		user = r.pseudonym(kindUser, user)
	}
	return user + "@" + r.urlHost(where, of), true
}

// urlHost replaces a host with perhaps a port, that is one whatever it looks like.
func (r *Redactor) urlHost(s string, of whose) string {
	if p, ok := r.exact(s, of); ok {
		return p
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 { // user:password@host
		return r.pseudonym(kindUser, s[:at]) + "@" + r.urlHost(s[at+1:], of)
	}
	h, port, ported := strings.Cut(s, ":")
	if ported && port != "" && !numeric(port) {
		port = r.pseudonym(kindWord, port)
	}
	if ported {
		port = ":" + port
	}
	if h == "" {
		return port
	}
	return r.host(h) + port
}

// fixed says whether a word with points is whydrop's or the kernel's: a fact, a
// cause, a setting, a counter.
func (r *Redactor) fixed(s string) bool {
	if !strings.Contains(s, ".") {
		return false
	}
	if r.book.Facts.Fact(s) != nil || r.book.Cause(s) != nil {
		return true
	}
	table, field, _ := strings.Cut(s, ".")
	if r.book.Facts.Field(table, field) != nil {
		return true
	}
	return knownToAll().dotted.MatchString(s) && r.sysctl(s) == s
}

var label = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$`)

// hostLike says whether a word looks like a host's name with a domain: labels with
// points between them, the last of letters. File names and e.g. do not.
func hostLike(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	last := strings.ToLower(labels[len(labels)-1])
	if len(labels) < 2 || len(last) < 2 || strings.HasPrefix(last, "_") || len(labels) == 2 && knownToAll().extensions[last] {
		return false
	}
	if strings.Trim(last, "abcdefghijklmnopqrstuvwxyz") != "" && !strings.HasPrefix(last, "xn--") {
		return false
	}
	for _, l := range labels {
		if !label.MatchString(l) && !foreign(l) {
			return false
		}
	}
	return strings.Trim(labels[0], "0123456789") != "" || len(labels) > 2
}

// foreign says whether a label has letters of other scripts.
func foreign(l string) bool {
	return l != "" && strings.ContainsFunc(l, func(c rune) bool { return c >= 0x80 })
}

// packageVersion is four numbers that can only be a version: with a v before them,
// or a distribution's release behind. All others are taken for addresses.
var packageVersion = regexp.MustCompile(`^[vV]\d+(\.\d+)+|\d+(\.\d+){3}-\d+[.~+]?(el|fc|amzn|deb|ubuntu|lp)\d`)

var dotted = regexp.MustCompile(`(^|[^0-9.])(\d{1,3}(?:\.\d{1,3}){3})($|[^0-9.])`)

// within replaces known names and addresses that are pieces of a longer word,
// the longest first.
func (r *Redactor) within(s string, of whose) string {
	if strings.Contains(s, ".") && !packageVersion.MatchString(s) {
		s = dotted.ReplaceAllStringFunc(s, func(m string) string {
			g := dotted.FindStringSubmatch(m)
			if a, ok := parseAddr(g[2]); ok {
				return g[1] + r.space.of(a).String() + g[3]
			}
			return m
		})
	}
	s = r.hyphenated(s)
	pieces := splitPieces(s)
	if of != theirs && (len(r.known) == 0 || len(pieces) < 2) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(pieces); {
		used := 1
		word := pieces[i]
		if of == theirs && i%2 == 0 {
			word = r.stranger(word)
		}
		for n := min(r.parts, len(pieces)-i, 15); n > 0; n-- {
			joined := strings.Join(pieces[i:i+n], "")
			if p, ok := r.known[strings.ToLower(joined)]; ok && r.lookedFor(p, of) {
				word, used = r.named(p), n
				break
			}
		}
		b.WriteString(word)
		i += used
	}
	return b.String()
}
