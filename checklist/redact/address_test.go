package redact

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// random returns an address that often shares many bits with one of the specials.
func random(r *rand.Rand, parts []part) netip.Addr {
	b := parts[0].Addr().AsSlice()
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if r.IntN(2) == 0 {
		special := parts[r.IntN(len(parts))]
		from := special.Addr().AsSlice()
		for bit := 0; bit < r.IntN(special.Bits()+1); bit++ {
			mask := byte(0x80 >> (bit % 8))
			b[bit/8] = b[bit/8]&^mask | from[bit/8]&mask
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// cousin returns an address that shares exactly n bits with another, or is it.
func cousin(r *rand.Rand, a netip.Addr, n int) netip.Addr {
	b := a.AsSlice()
	for bit := n; bit < 8*len(b); bit++ {
		mask := byte(0x80 >> (bit % 8))
		if bit == n || r.IntN(2) == 0 {
			b[bit/8] ^= mask
		}
	}
	c, _ := netip.AddrFromSlice(b)
	return c
}

// TestPrefixesAreKept: two addresses share as many bits as their pseudonyms, and an
// address is in the same special parts as its pseudonym.
func TestPrefixesAreKept(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := New(book(t), nil).space
	embedded := []part{{nat64, false}, {sixTo, false}, {netip.MustParsePrefix("::ffff:0:0/96"), false}}
	for _, parts := range [][]part{parts4, append(parts6, embedded...)} {
		for range 20000 {
			a := random(r, parts)
			b := cousin(r, a, r.IntN(a.BitLen()+1))
			x, y := s.workOut(a), s.workOut(b)
			inside := func(a, b netip.Addr) bool { return a.Is4In6() == b.Is4In6() && nat64.Contains(a) == nat64.Contains(b) }
			if inside(a, b) && sharedBits(x, y) != sharedBits(a, b) {
				t.Fatalf("%v and %v share %d bits, %v and %v %d", a, b, sharedBits(a, b), x, y, sharedBits(x, y))
			}
			for _, p := range parts {
				if p.Contains(a) != p.Contains(x) && !a.Is4In6() {
					t.Fatalf("%v became %v: one is in %v, the other is not", a, x, p.Prefix)
				}
				if p.whole && p.Contains(a) && a != x {
					t.Fatalf("%v became %v: it names nobody", a, x)
				}
			}
		}
	}
}

func TestAddress(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	to := func(s string) string { return r.space.of(netip.MustParseAddr(s)).String() }
	four, six := to("81.2.69.142"), to("2a02:1234::77")
	tests := []struct{ in, want string }{
		{"81.2.69.142", four},
		{"81.2.69.142:443", four + ":443"},
		{"81.2.69.142.443", four + ".443"}, // tcpdump
		{"081.002.069.142", four},
		{"::ffff:81.2.69.142", "::ffff:" + four},
		{"2A02:1234:0:0:0:0:0:77", six},
		{"2a02:1234::0077", six},
		{"2a02:1234::77/128", six + "/128"},
		{"81.2.69.142-81.2.69.150", four + "-" + to("81.2.69.150")},
		{"81.2.69.142/255.255.255.255", four + "/255.255.255.255"},
		{"fe80::1%eth0", to("fe80::1") + "%eth0"},
		{"fe80::1%vpn-acme", to("fe80::1") + "%" + r.iface("vpn-acme")},
		{"127.0.0.1:8080", "127.0.0.1:8080"},
		{"::1", "::1"}, {"::", "::"}, {"0.0.0.0:22", "0.0.0.0:22"}, {"0.0.0.0/0", "0.0.0.0/0"}, {"::/0", "::/0"},
		{"169.254.169.253", "169.254.169.253"}, {"169.254.169.254:80", "169.254.169.254:80"}, {"fd00:ec2::253", "fd00:ec2::253"},
		{"255.255.255.0", "255.255.255.0"}, {"224.0.0.251", "224.0.0.251"}, {"ff02::1", "ff02::1"},
		{"198.18.0.0/15", "198.18.0.0/15"}, {"10.0.0.0/8", "10.0.0.0/8"},
	}
	for _, tt := range tests {
		if got, ok := r.address(tt.in); !ok || got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
	for _, none := range []string{"12:34:56", "1.2.3", "0000:00:05.0", "256.1.1.1", "1:1", "10.1.2.3:99999", "10.1.2.3/33", "de:ad:be:ef:00:01", "::1%", "-", "a.b.c.d", "%eth0", "1.2.3.4%"} {
		if got, ok := r.address(none); ok && none != "::1%" && none != "1.2.3.4%" {
			t.Errorf("%s is no address, and became %s", none, got)
		}
	}
	if p, _ := r.address("10.138.9.0/24"); !strings.HasSuffix(p, ".0/24") || !strings.HasPrefix(p, "10.") {
		t.Errorf("a network became %s", p)
	}
	if p, _ := r.address("10.138.9.77/24"); strings.HasSuffix(p, ".0/24") {
		t.Errorf("an address with a prefix length became %s", p)
	}
}

func TestHardware(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	p, ok := r.hardware("00:1b:21:aa:bb:cc")
	if q, _ := r.hardware("00:1b:21:aa:bb:cd"); !ok || strings.HasPrefix(p, "00:1b:21") || len(p) != 17 || p[:8] == q[:8] {
		t.Errorf("became %s, its neighbour %s", p, q)
	}
	same, _ := r.hardware("00-1B-21-AA-BB-CC")
	if strings.ReplaceAll(same, "-", ":") != p {
		t.Errorf("another spelling became %s, not %s", same, p)
	}
	for in, low := range map[string]byte{"02:00:00:00:00:01": 2, "01:00:5e:00:00:01": 1, "33:33:00:00:00:01": 3, "a8:00:00:00:00:01": 0} {
		got, ok := r.hardware(in)
		if digit := strings.IndexByte("0123456789abcdef", got[1]); !ok || byte(digit)&3 != low {
			t.Errorf("%s became %s: group and local bits changed", in, got)
		}
	}
	for _, kept := range []string{"ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"} {
		if got, ok := r.hardware(kept); !ok || got != kept {
			t.Errorf("%s became %s", kept, got)
		}
	}
	for _, none := range []string{"12:34:56", "12:34:56:78:9a", "zz:1b:21:aa:bb:cc", "00:1b:21:aa:bb:c", "1:2:3:4:5:6:7:8:9:10"} {
		if got, ok := r.hardware(none); ok {
			t.Errorf("%s is no hardware address, and became %s", none, got)
		}
	}
	if infiniband := "80:00:02:08:fe:80:00:00:00:00:00:00:f4:52:14:03:00:7b:cb:a1"; r.Text(infiniband) == infiniband {
		t.Error("an InfiniBand address stays")
	}
}
