package redact

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// What people write in disguise, or cut short, and still names something. Each is either
// spelled as the rest of this package knows it, or replaced.
var (
	// bracketed is a point that makes an address or a name no link: 192[.]0[.]2[.]1.
	bracketed = regexp.MustCompile(`(?i)[\[({<] ?(?:\.|dot) ?[\])}>]`)
	// beginning is the first numbers of an address written so.
	beginning = regexp.MustCompile(`(?i)\b\d{1,3}(?:[\[({<] ?(?:\.|dot) ?[\])}>]\d{1,3}){1,2}`)
	// apart is an address with blanks beside the points, or words in their place.
	apart = regexp.MustCompile(`(?i)\b(\d{1,3})(?: *\. +| +\. *| +dot +)(\d{1,3})(?: *\. *| +dot +)(\d{1,3})(?: *\. *| +dot +)(\d{1,3})\b`)
	// dashed is an IPv6 address as Windows and names of hosts write it.
	dashed = regexp.MustCompile(`\b[0-9a-fA-F]{1,4}(?:--?[0-9a-fA-F]{1,4}){2,7}\b`)
	// halves are of a hardware address; vendor is the first of them alone.
	halves     = regexp.MustCompile(`\b([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})[-:.]([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})\b`)
	vendor     = regexp.MustCompile(`\b[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}\b`)
	joinedHalf = regexp.MustCompile(`\b[0-9a-fA-F]{6}\b`)
	// elided is a name of which the middle is left out.
	elided = regexp.MustCompile(`[\p{L}\d_.:-]*[\p{L}\d_:-](?:…|\.{3}|\*{1,3})[\p{L}\d_:-][\p{L}\d_.:-]*`)
	// ticket is a number of a system that keeps them, identity one of a user or process.
	ticket   = regexp.MustCompile(`\b([A-Z][A-Z0-9]{1,9})-(\d{2,})\b`)
	called   = regexp.MustCompile(`(?i)\b((?:ticket|case|incident|inc|chg|ritm|prb)(?: no\.?| number)?(?: #|[:#=-] ?| ))(\d{3,})\b`)
	identity = regexp.MustCompile(`(?i)\b((?:[aegrs]|fs)?[ug]id|t?g?pid|ppid|tid|tgid)( ?[=:#] ?| )([1-9]\d*)\b`)
)

// standards are what has numbers with a hyphen before them that name nobody.
var standards = set("RFC CVE HTTP HTTPS PORT TCP UDP CPU AES SHA ISO UTF UTC GMT IEEE IPV")

// undisguised does so with a sentence of somebody else's.
func (r *Redactor) undisguised(s string) string {
	s = beginning.ReplaceAllStringFunc(s, func(m string) string {
		numbers := strings.Split(bracketed.ReplaceAllString(m, "."), ".")
		return strings.Join(numbers, ".") + strings.Repeat(".x", 4-len(numbers)) + cutMark
	})
	// Where all four were there, the fourth stands behind the mark.
	s = strings.ReplaceAll(wholeAgain.ReplaceAllString(s, ".$1"), cutMark, "")
	s = bracketed.ReplaceAllString(s, ".")
	s = apart.ReplaceAllStringFunc(s, func(m string) string {
		joined := strings.Join(apart.FindStringSubmatch(m)[1:], ".")
		if _, ok := parseAddr(joined); !ok {
			return m
		}
		return joined
	})
	s = r.elisions(dashes(s))
	s = halves.ReplaceAllStringFunc(s, func(m string) string {
		if !strings.ContainsAny(m, "abcdefABCDEF") {
			return m
		}
		return strings.Join(halves.FindStringSubmatch(m)[1:], ":")
	})
	return r.tickets(r.vendors(s))
}

// cutMark stands behind the beginning of an address until it is known whether the end
// follows.
const cutMark = "\x00"

var wholeAgain = regexp.MustCompile(`(?i)\.x\x00[\[({<] ?(?:\.|dot) ?[\])}>](\d{1,3})\b`)

// dashes spells IPv6 addresses with colons.
func dashes(s string) string {
	var b strings.Builder
	from := 0
	for _, at := range dashed.FindAllStringIndex(s, -1) {
		a, err := netip.ParseAddr(strings.ReplaceAll(s[at[0]:at[1]], "-", ":"))
		alone := (at[0] == 0 || !inNumber(s[at[0]-1])) && (at[1] == len(s) || !inNumber(s[at[1]]))
		if err == nil && alone {
			b.WriteString(s[from:at[0]] + a.String())
			from = at[1]
		}
	}
	return b.String() + s[from:]
}

// elisions replaces names whose middle is left out. Words and numbers with points between
// them (10...20) are none.
func (r *Redactor) elisions(s string) string {
	return elided.ReplaceAllStringFunc(s, func(m string) string {
		letters := strings.ContainsFunc(m, func(c rune) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c > 0xff && c != '…' })
		if strings.ContainsAny(m, "-_") || letters && strings.ContainsAny(m, "0123456789:") {
			return r.pseudonym(kindWord, strings.ToLower(m))
		}
		return m
	})
}

// vendors replaces halves of hardware addresses. What can be the time of a day is that.
func (r *Redactor) vendors(s string) string {
	var b strings.Builder
	from := 0
	for _, at := range vendor.FindAllStringIndex(s, -1) {
		m := s[at[0]:at[1]]
		separator := m[2:3]
		letters := strings.ContainsAny(m, "abcdefABCDEF")
		longer := at[0] > 0 && strings.IndexByte(":-.", s[at[0]-1]) >= 0 || at[1] < len(s) && strings.IndexByte(":-", s[at[1]]) >= 0
		if m[5:6] == separator && !longer && (letters || separator == ":" && !isTime(m)) {
			b.WriteString(s[from:at[0]] + strings.Join([]string{"xx", "xx", "xx"}, separator))
			from = at[1]
		}
	}
	return joinedHalf.ReplaceAllStringFunc(b.String()+s[from:], func(m string) string {
		digits := len(strings.Map(onlyDigit, m))
		if digits == 0 || digits > 4 || r.means(strings.ToLower(m)) {
			return m
		}
		return r.pseudonym(kindID, strings.ToLower(m))
	})
}

// isTime says whether two colons are those of a time of day.
func isTime(s string) bool {
	for i, most := range []int{23, 59, 60} {
		n, err := strconv.Atoi(s[3*i : 3*i+2])
		if err != nil || n > most {
			return false
		}
	}
	return true
}

// tickets replaces numbers that lead to somebody: of tickets, users and processes. The
// superuser is the same everywhere.
func (r *Redactor) tickets(s string) string {
	s = ticket.ReplaceAllStringFunc(s, func(m string) string {
		word, digits, _ := strings.Cut(m, "-")
		lower := strings.ToLower(word)
		_, known := r.known[strings.ToLower(m)]
		if known || standards[lower] || len(digits) < 4 && r.means(lower) {
			return m
		}
		return r.pseudonym(kindID, m)
	})
	for _, numbered := range []*regexp.Regexp{called, identity} {
		s = numbered.ReplaceAllStringFunc(s, func(m string) string {
			digits := strings.TrimLeft(m[strings.LastIndexFunc(m, func(c rune) bool { return c < '0' || c > '9' })+1:], " ")
			return m[:len(m)-len(digits)] + r.pseudonym(kindID, digits)
		})
	}
	return s
}
