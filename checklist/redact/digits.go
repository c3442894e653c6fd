package redact

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// What people write into notes in several groups of digits: telephone numbers with a
// country's or an area's code, in brackets too, and numbers of cards, bank accounts
// (IBAN) and accounts of clouds in groups of four.
var grouped = regexp.MustCompile(`(?:(?:\+|00)[1-9]\d{0,3}(?: ?\(\d{1,5}\)[ ./-]?\d{1,8})?(?:[ /-]\d{1,8}){1,8}` +
	`|\+\d{8,15}|\+\d{1,4}(?:\.\d{2,8}){1,8}` +
	`|\(0?\d{2,5}\)[ ./-]?\d{3,9}(?:[ ./-]\d{2,9}){0,8}` +
	`|0\d{1,5}[ /-]\d{3,9}(?:[ -]\d{2,9}){0,8}` +
	`|(?:1[ .-])?(?:\d{3} \d{3} \d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4})` +
	`|\d{4}(?:[ -]\d{4}){2,8}(?:[ -]\d{1,4})?)\b`)

// pointedNumber is an address, or the beginning of one, between such numbers.
var pointedNumber = regexp.MustCompile(`\d{1,4}(?:\.\d{1,4}){3}|\d{1,3}\.\d{1,3}\.(?:\d{1,3}\b|[xX*])`)

// fewestDigits is from how many digits on such groups are one number.
const fewestDigits = 8

// numbersOf replaces such numbers. However one is written it has one pseudonym.
func (r *Redactor) numbersOf(s string) string {
	var b strings.Builder
	from := 0
	for _, at := range pointedNumber.FindAllStringIndex(s, -1) {
		b.WriteString(r.groups(s[from:at[0]]) + s[at[0]:at[1]])
		from = at[1]
	}
	return b.String() + r.groups(s[from:])
}

func (r *Redactor) groups(s string) string {
	var b strings.Builder
	for from := 0; ; {
		at := grouped.FindStringIndex(s[from:])
		if at == nil {
			return b.String() + s[from:]
		}
		begin, end := from+at[0], from+at[1]
		for end < len(s) && inNumber(s[end]) && s[end] != '.' { // its last group is of something else
			if end = begin + strings.LastIndexAny(s[begin:end], " ./()-"); end <= begin {
				end = begin
				break
			}
		}
		digits := strings.Map(onlyDigit, s[begin:end])
		if len(digits) < fewestDigits || begin > 0 && inNumber(s[begin-1]) {
			b.WriteString(s[from : begin+1]) // another may begin within it
			from = begin + 1
			continue
		}
		b.WriteString(s[from:begin] + r.pseudonym(kindID, strings.TrimLeft(digits, "0")))
		from = end
	}
}

func onlyDigit(c rune) rune {
	if c >= '0' && c <= '9' {
		return c
	}
	return -1
}

// inNumber says whether a byte beside a number makes it a part of something else.
func inNumber(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '_'
}

// hexNumber is a number that may be an IPv4 address, or several of its bytes and more.
var hexNumber = regexp.MustCompile(`0x[0-9a-fA-F]{7,}`)

// hexNumbers replaces what may be an address in hexadecimal, also inside of
// expressions.
func (r *Redactor) hexNumbers(s string) string {
	if !strings.Contains(s, "0x") {
		return s
	}
	return hexNumber.ReplaceAllStringFunc(s, r.hexAddress)
}

func (r *Redactor) hexAddress(s string) string {
	digits := s[len("0x"):]
	if len(digits) <= 8 {
		v, _ := strconv.ParseUint(digits, 16, 32) // it is one
		a := r.space.of(addr4(byte(v>>24), byte(v>>16), byte(v>>8), byte(v))).As4()
		return "0x" + strings.TrimPrefix(hex.EncodeToString(a[:]), "0")
	}
	if strings.Trim(digits, "0fF") == "" {
		return s // a mask
	}
	if b, err := hex.DecodeString(strings.Repeat("0", max(0, 32-len(digits))) + digits); err == nil && len(b) == 16 && len(digits) > 24 {
		a := r.space.of(netip.AddrFrom16([16]byte(b))).As16()
		return "0x" + strings.TrimPrefix(hex.EncodeToString(a[:]), "0")
	}
	return r.pseudonym(kindID, strings.ToLower(digits))
}

// cutAddress is an IPv4 address of which the last numbers are left out, 10.3.4.x or
// 10.3.*.*; twoParts is one that inet_aton(3) understands, 10.197637.
var (
	cutAddress = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3}|[xX*])\.(\d{1,3}|[xX*])\.?([xX*])?$`)
	twoParts   = regexp.MustCompile(`^\d{1,3}\.\d{7,8}$`)
)

// starred is an address cut short with stars, which end a word.
var starred = regexp.MustCompile(`\b\d{1,3}\.\d{1,3}(?:\.\d{1,3})?(?:\.\*){1,2}`)

// starsOf replaces those.
func (r *Redactor) starsOf(s string) string {
	if !strings.Contains(s, ".*") {
		return s
	}
	return starred.ReplaceAllStringFunc(s, func(m string) string {
		p, ok := r.partOfAddress(strings.ReplaceAll(m, "*", "x"))
		if !ok {
			return m
		}
		return strings.ReplaceAll(p, "x", "*")
	})
}

// partOfAddress replaces an address that is cut short, so that it still has the prefix
// of the others of its network. Three numbers may be a version: they are replaced if an
// address that begins so was seen.
func (r *Redactor) partOfAddress(s string) (string, bool) {
	if twoParts.MatchString(s) {
		return r.pseudonym(kindID, s), true
	}
	m := cutAddress.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	var b [4]byte
	known := 0
	for i, part := range m[1:4] {
		v, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			break
		}
		b[i], known = byte(v), i+1
	}
	prefix := netip.PrefixFrom(netip.AddrFrom4(b), 8*known)
	left := strings.TrimLeft(s, "0123456789.")
	if known < 2 || left == "" && (known < 3 || !r.seenIn(prefix)) {
		return "", false
	}
	p := r.space.of(prefix.Addr()).As4()
	var out []string
	for _, v := range p[:known] {
		out = append(out, strconv.Itoa(int(v)))
	}
	end := ""
	if left != "" || strings.HasSuffix(s, ".") {
		end = "." + left
	}
	return strings.Join(out, ".") + end, true
}

// seenIn says whether an address with a prefix was seen.
func (r *Redactor) seenIn(p netip.Prefix) bool {
	for a := range r.space.seen {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
