package redact

import (
	"crypto/aes"
	"crypto/cipher"
	"net/netip"
	"strconv"
	"strings"
)

// part is a part of the address space whose addresses stay in it. Whole means
// that they also stay as they are: they say what they are for and not whose they
// are.
type part struct {
	netip.Prefix
	whole bool
}

func parts(whole bool, prefixes ...string) []part {
	var all []part
	for _, p := range prefixes {
		all = append(all, part{netip.MustParsePrefix(p), whole})
	}
	return all
}

// The parts of the address spaces, by the IANA special-purpose registries (RFC
// 6890), RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local), RFC
// 5771 and RFC 4291 (multicast). 255.0.0.0/8 is netmasks and the broadcast
// address. fd00:ec2::/32 is the services of Amazon EC2 at a link's other end, as
// are those of 169.254.169.0/24.
var (
	parts4 = append(
		parts(true, "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "255.0.0.0/8"),
		parts(false, "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "239.0.0.0/8", "240.0.0.0/4")...)
	parts6 = append(
		parts(true, "::/127", "fd00:ec2::/32", "ff01::/112", "ff02::/112", "ff05::/112"),
		parts(false, "2000::/3", "fc00::/8", "fd00::/8", "fe80::/64", "2002::/16", "64:ff9b::/96", "::ffff:0:0/96", "ff00::/12", "ff01::/16", "ff02::/16", "ff05::/16", "ff08::/16", "ff0e::/16", "ff02::1:ff00:0/104")...)
	nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixTo = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// maxAddresses is how many pseudonyms of addresses are kept: they follow from the
// key, so that those beyond are worked out again.
const maxAddresses = 1 << 15

// space gives addresses pseudonyms that share as long a prefix as the addresses
// do (Xu et al., Prefix-preserving IP address anonymization, ICNP 2002): each bit
// is turned or not by a pseudorandom function of the bits before it. No bit is
// turned on the way to a special part, so that an address is in the same one
// before and after.
type space struct {
	four, six cipher.Block
	seen      map[netip.Addr]netip.Addr
}

func newSpace(key [32]byte) *space {
	block := func(key []byte) cipher.Block {
		b, err := aes.NewCipher(key)
		if err != nil {
			panic(err) // 16 bytes are a key
		}
		return b
	}
	return &space{four: block(key[:16]), six: block(key[16:]), seen: map[netip.Addr]netip.Addr{}}
}

// of returns the pseudonym of an address without a zone.
func (s *space) of(a netip.Addr) netip.Addr {
	if p, ok := s.seen[a]; ok {
		return p
	}
	p := s.workOut(a)
	if len(s.seen) < maxAddresses {
		s.seen[a] = p
	}
	return p
}

func (s *space) workOut(a netip.Addr) netip.Addr {
	if a.Is4() {
		b := a.As4()
		s.turn(b[:], a, s.four, parts4)
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	switch {
	case a.Is4In6(), nat64.Contains(a):
		s.embed(b[12:])
	case sixTo.Contains(a):
		s.embed(b[2:6])
		rest := netip.AddrFrom16(b)
		turned := b
		s.turn(turned[:], rest, s.six, parts6)
		copy(b[6:], turned[6:])
	default:
		s.turn(b[:], a, s.six, parts6)
	}
	return netip.AddrFrom16(b)
}

// embed gives the IPv4 address inside another its own pseudonym.
func (s *space) embed(b []byte) {
	inner := s.of(netip.AddrFrom4([4]byte(b))).As4()
	copy(b, inner[:])
}

// turn turns the bits of an address, given as b too.
func (s *space) turn(b []byte, a netip.Addr, block cipher.Block, parts []part) {
	fixed := make([]bool, 8*len(b))
	for _, p := range parts {
		shared := min(sharedBits(a, p.Addr()), p.Bits())
		if shared == p.Bits() && p.whole {
			return
		}
		for i := 0; i <= shared && i < p.Bits(); i++ {
			fixed[i] = true
		}
	}
	before := [16]byte{}
	for i := range fixed {
		byteAt, bit := i/8, byte(0x80>>(i%8))
		original := b[byteAt] & bit
		if !fixed[i] {
			in, out := before, [16]byte{}
			in[byteAt] |= bit // the end of the bits before: an encoding of their own for each length
			block.Encrypt(out[:], in[:])
			b[byteAt] ^= bit * (out[0] & 1)
		}
		before[byteAt] |= original
	}
}

// sharedBits is how many leading bits two addresses of one family have in common.
func sharedBits(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		for bit := 0; bit < 8; bit++ {
			if (x[i]^y[i])&(0x80>>bit) != 0 {
				return 8*i + bit
			}
		}
	}
	return 8 * len(x)
}

// prefix returns the pseudonym of a prefix, whose bits beyond its length stay zero
// if they are.
func (s *space) prefix(p netip.Prefix) netip.Prefix {
	q := netip.PrefixFrom(s.of(p.Addr()), p.Bits())
	if p == p.Masked() {
		return q.Masked()
	}
	return q
}

// address replaces an address as any tool writes it: alone, with a port behind a
// colon or, as tcpdump does, behind a point, with a prefix length, with a zone, or
// two of them as a range. ok is false if s is none of these.
func (r *Redactor) address(s string) (replaced string, ok bool) {
	if len(s) < 2 || !strings.ContainsAny(s, ".:") || !strings.ContainsAny(s, "0123456789:") {
		return "", false
	}
	if at, zone, zoned := strings.Cut(s, "%"); zoned {
		zone, port, ported := strings.Cut(zone, ":")
		a, err := netip.ParseAddr(at)
		if err != nil {
			return "", false
		}
		if ported {
			port = ":" + port
		}
		return r.space.of(a).String() + "%" + r.iface(zone) + port, true
	}
	if a, ok := parseAddr(s); ok {
		return r.space.of(a).String(), true
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return r.space.prefix(p).String(), true
	}
	if a, mask, both := strings.Cut(s, "/"); both {
		from, ok1 := parseAddr(a)
		m, ok2 := parseAddr(mask)
		return r.space.of(from).String() + "/" + m.String(), ok1 && ok2
	}
	if from, to, both := strings.Cut(s, "-"); both {
		return r.addressRange(from, to)
	}
	return r.addressPort(s)
}

// addressRange replaces a range, of which the end may be a last number alone:
// 192.0.2.70-80.
func (r *Redactor) addressRange(from, to string) (string, bool) {
	x, ok1 := parseAddr(from)
	if n, err := strconv.ParseUint(to, 10, 8); err == nil && ok1 && x.Is4() {
		b := x.As4()
		last := r.space.of(addr4(b[0], b[1], b[2], byte(n))).As4()
		return r.space.of(x).String() + "-" + strconv.Itoa(int(last[3])), true
	}
	y, ok2 := parseAddr(to)
	return r.space.of(x).String() + "-" + r.space.of(y).String(), ok1 && ok2
}

func (r *Redactor) addressPort(s string) (string, bool) {
	colon := strings.LastIndexByte(s, ':')
	point := strings.LastIndexByte(s, '.')
	for _, i := range []int{colon, point} {
		if i <= 0 || i+1 == len(s) {
			continue
		}
		if _, err := strconv.ParseUint(s[i+1:], 10, 16); err != nil {
			continue
		}
		if a, ok := parseAddr(s[:i]); ok {
			return r.space.of(a).String() + s[i:], true
		}
	}
	return "", false
}

func addr4(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }

// parseAddr parses an address, also with the leading zeros that some tools write, and
// in the hexadecimal and octal numbers of inet_aton(3).
func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err == nil {
		return a, true
	}
	if strings.Count(s, ".") != 3 {
		return a, false
	}
	var b [4]byte
	for i, g := range strings.Split(s, ".") {
		v, ok := addressByte(g)
		if !ok {
			return a, false
		}
		b[i] = v
	}
	return netip.AddrFrom4(b), true
}

// addressByte reads a number of an address. With a leading zero it is octal to some
// programs and not to others; of four digits it is nothing else.
func addressByte(s string) (byte, bool) {
	base := 10
	switch digits, isHex := strings.CutPrefix(strings.ToLower(s), "0x"); {
	case isHex:
		s, base = digits, 16
	case len(s) == 4 && s[0] == '0':
		base = 8
	case len(s) > 3:
		return 0, false
	}
	v, err := strconv.ParseUint(s, base, 8)
	return byte(v), err == nil
}

// hardware replaces a hardware address: 6, 8 or 20 bytes with colons or hyphens
// between them. What says whether it is a group's or locally administered stays;
// the manufacturer does not.
func (r *Redactor) hardware(s string) (string, bool) {
	if len(s) < 17 || s[2] != ':' && s[2] != '-' {
		return "", false
	}
	groups := strings.Split(s, s[2:3])
	if n := len(groups); n != 6 && n != 8 && n != 20 {
		return "", false
	}
	address := make([]byte, len(groups))
	var all, any byte = 0xff, 0
	for i, g := range groups {
		v, err := strconv.ParseUint(g, 16, 8)
		if len(g) != 2 || err != nil {
			return "", false
		}
		address[i] = byte(v)
		all, any = all&byte(v), any|byte(v)
	}
	if all == 0xff || any == 0 {
		return s, true
	}
	sum := r.sum("hardware", strings.ToLower(strings.Join(groups, "")))
	for i := range address {
		if i == 0 {
			address[i] = address[i]&3 | sum[i]&^3
		} else {
			address[i] = sum[i]
		}
		groups[i] = hexByte(address[i])
	}
	return strings.Join(groups, s[2:3]), true
}

func hexByte(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}
