package filters

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// rejections are reject rules as nft takes them.
const rejections = `table inet t {
	chain c {
		type filter hook input priority filter; policy accept;
		tcp dport 80 reject
		tcp dport 81 reject with tcp reset
		reject with tcp reset
		meta l4proto tcp reject with tcp reset
		reject with icmpx port-unreachable
		reject with icmpx admin-prohibited
		reject with icmpx no-route
		tcp dport 82 reject with icmpx host-unreachable
		reject with icmp port-unreachable
		reject with icmpv6 port-unreachable
		tcp dport 83 reject with icmp admin-prohibited
		tcp dport 84 reject with icmpv6 admin-prohibited
		ip saddr 10.0.0.1 reject
		ip6 saddr 2001:db8::1 reject with icmpv6 addr-unreachable
		tcp dport 85 drop
	}
}
table ip t {
	chain c {
		type filter hook input priority filter; policy accept;
		tcp dport 80 reject
		tcp dport 81 reject with tcp reset
		reject with icmp net-unreachable
		reject with icmp host-unreachable
		reject with icmp prot-unreachable
		reject with icmp port-unreachable
		reject with icmp net-prohibited
		reject with icmp host-prohibited
		reject with icmp admin-prohibited
		reject with icmp 5
	}
}
table ip6 t {
	chain c {
		type filter hook input priority filter; policy accept;
		tcp dport 80 reject
		tcp dport 81 reject with tcp reset
		reject with icmpv6 no-route
		reject with icmpv6 admin-prohibited
		reject with icmpv6 addr-unreachable
		reject with icmpv6 port-unreachable
		reject with icmpv6 policy-fail
		reject with icmpv6 reject-route
		reject with icmpv6 77
	}
}
`

// A rule that rejects is shown as nft lists it, read from the kernel or from the list.
func TestLabRejectAsListed(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("needs nft(8): ", err)
	}
	inNamespace(t)
	load := exec.Command(nft, "-f", "-")
	load.Stdin = strings.NewReader(rejections)
	if out, err := load.CombinedOutput(); err != nil {
		t.Skipf("this nft does not take the rules: %v\n%s", err, out)
	}
	listed, err := exec.Command(nft, "list", "ruleset").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(listed)) {
		if strings.Contains(line, "reject") || strings.HasSuffix(line, "drop\n") {
			want = append(want, strings.TrimSpace(line))
		}
	}
	texts := Texts{NFT: string(listed)}
	printed, _ := texts.Firewall()
	kernel := New().look().Firewall
	if kernel == nil || printed == nil {
		t.Fatalf("no rules seen: kernel %v, listing %v", kernel, printed)
	}
	for name, fw := range map[string]*Firewall{"the kernel": kernel, "the listing": printed} {
		var got []string
		for _, r := range fw.Rules {
			got = append(got, r.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

// The REJECT target of iptables: its number in the kernel, what iptables-save and
// iptables -L print, and the words that are shown.
func TestRejectTarget(t *testing.T) {
	for _, c := range []struct {
		family  string
		with    uint32
		printed string
		want    string
	}{
		{"ip", 3, "icmp-port-unreachable", ""},
		{"ip", 7, "tcp-reset", "tcp reset"},
		{"ip", 8, "icmp-admin-prohibited", "icmp admin-prohibited"},
		{"ip", 2, "icmp-proto-unreachable", "icmp prot-unreachable"},
		{"ip6", 4, "icmp6-port-unreachable", ""},
		{"ip6", 1, "icmp6-adm-prohibited", "icmpv6 admin-prohibited"},
		{"ip6", 6, "tcp-reset", "tcp reset"},
		{"ip6", 8, "icmp6-reject-route", "icmpv6 reject-route"},
	} {
		if got := xtReject(c.family, n32(c.with)); got != c.want {
			t.Errorf("%s: number %d is shown as %q, want %q", c.family, c.with, got, c.want)
		}
		for _, words := range [][]string{{"-j", "REJECT", "--reject-with", c.printed}, {"reject-with", c.printed}} {
			if got := rejectOption(words); got != c.want {
				t.Errorf("%q is shown as %q, want %q", words, got, c.want)
			}
		}
	}
	for _, info := range [][]byte{nil, {1}, n32(unix.NFT_REJECT_ICMPX_UNREACH + 1000)} {
		if got := xtReject("ip", info); got != "" {
			t.Errorf("data %v is shown as %q", info, got)
		}
	}
	if got := rejectOption([]string{"--reject-with"}); got != "" {
		t.Errorf("an option without a value is shown as %q", got)
	}
}
