package changes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// first marks the first network namespace.
const first = "proc/sys/net/core/netdev_max_backlog"

func TestSettings(t *testing.T) {
	const conf = "proc/sys/net/ipv4/conf/"
	for _, c := range []struct {
		name     string
		files    map[string]string
		defaults map[string]string
		want     []string
	}{
		{"the later name wins", map[string]string{
			"etc/sysctl.d/10-a.conf": "net.core.somaxconn = 100\n", "usr/lib/sysctl.d/50-b.conf": "net.core.somaxconn=4096\n",
			"proc/sys/net/core/somaxconn": "100\n",
		}, nil, []string{"?|sysctl|net.core.somaxconn|is 100, the file says 4096"}},
		{"the same name masks", map[string]string{
			"etc/sysctl.d/50-b.conf": "# nothing\n; nothing\n\nnonsense\n", "usr/lib/sysctl.d/50-b.conf": "net.core.somaxconn=4096\n",
			"proc/sys/net/core/somaxconn": "100\n",
		}, nil, nil},
		{"run comes before usr", map[string]string{
			"run/sysctl.d/50-b.conf": "net.core.somaxconn=1\n", "lib/sysctl.d/50-b.conf": "net.core.somaxconn=2\n",
			"proc/sys/net/core/somaxconn": "2\n",
		}, nil, []string{"?|sysctl|net.core.somaxconn|is 2, the file says 1"}},
		{"only names that end in .conf", map[string]string{
			"etc/sysctl.d/50-b.conf.dpkg-old": "net.core.somaxconn=1\n", "proc/sys/net/core/somaxconn": "2\n",
		}, nil, nil},
		{"sysctl.conf is read last without systemd", map[string]string{
			"etc/sysctl.d/99-z.conf": "net.core.somaxconn=1\n", "etc/sysctl.conf": "net.core.somaxconn=2\n", "proc/sys/net/core/somaxconn": "1\n",
		}, nil, []string{"?|sysctl|net.core.somaxconn|is 1, the file says 2"}},
		{"and not at all with it", map[string]string{
			"run/systemd/system/x": "", "etc/sysctl.conf": "net.core.somaxconn=2\n", "proc/sys/net/core/somaxconn": "1\n",
		}, nil, nil},
		{"points and slashes", map[string]string{
			"etc/sysctl.d/a.conf":       "net.ipv4.conf.eth0/100.rp_filter=1\nnet/ipv4/conf/eth0.200/rp_filter = 1\n",
			conf + "eth0.100/rp_filter": "2\n", conf + "eth0.200/rp_filter": "2\n",
		}, nil, []string{"?|sysctl|net.ipv4.conf.eth0/100.rp_filter|is 2, the file says 1", "?|sysctl|net.ipv4.conf.eth0/200.rp_filter|is 2, the file says 1"}},
		{"patterns, but not for what is named or excluded", map[string]string{
			"etc/sysctl.d/a.conf": "net.ipv4.conf.a.rp_filter=1\n-net.ipv4.conf.b.rp_filter\nnet.ipv4.conf.*.rp_filter=2\n",
			conf + "a/rp_filter":  "0\n", conf + "b/rp_filter": "0\n", conf + "c/rp_filter": "0\n", conf + "d/other": "0\n",
		}, nil, []string{"?|sysctl|net.ipv4.conf.a.rp_filter|is 0, the file says 1", "?|sysctl|net.ipv4.conf.c.rp_filter|is 0, the file says 2"}},
		{"a dash before an assignment only forgives errors", map[string]string{
			"etc/sysctl.d/a.conf": "-net.core.somaxconn = 1\n", "proc/sys/net/core/somaxconn": "2\n",
		}, nil, []string{"?|sysctl|net.core.somaxconn|is 2, the file says 1"}},
		{"the same in other words", map[string]string{
			"etc/sysctl.d/a.conf":        "net.ipv4.tcp_rmem = 4096  131072 6291456\nnet.ipv4.tcp_sack=0x1\nnet.ipv4.route.flush=1\nkernel.sysrq=1\nnet.core.gone=1\n",
			"proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456\n", "proc/sys/net/ipv4/tcp_sack": "1\n",
			"proc/sys/net/ipv4/route/flush": "0\n", "proc/sys/kernel/sysrq": "0\n",
		}, nil, nil},
		{"names that lead out", map[string]string{
			"etc/sysctl.d/a.conf": "net/../../../etc/passwd=1\n../x=1\n/=1\n=1\nnet//core=1\n", "etc/passwd": "x",
		}, nil, nil},
		{"defaults", map[string]string{
			"etc/sysctl.d/a.conf": "net.ipv4.tcp_sack=0\nnet.core.somaxconn=9\n", "proc/sys/net/ipv4/tcp_sack": "0\n",
			"proc/sys/net/core/somaxconn": "8\n", "proc/sys/net/ipv4/tcp_dsack": "0\n", "proc/sys/net/ipv4/tcp_ecn": "2\n",
		}, map[string]string{"net.ipv4.tcp_sack": "1", "net.core.somaxconn": "4096", "net.ipv4.tcp_dsack": "1", "net.ipv4.tcp_ecn": "2", "net.ipv4.absent": "1"}, []string{
			"?|sysctl|net.core.somaxconn|is 8, the file says 9",
			"?|sysctl|net.ipv4.tcp_dsack|is 0, this kernel's default is 1",
			"?|sysctl|net.ipv4.tcp_sack|is 0, this kernel's default is 1, set by /etc/sysctl.d/a.conf",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.files[first] = "1000\n"
			s := At(host(t, c.files), now)
			s.defaults = c.defaults
			compare(t, lines(see(t, s), Setting), c.want...)
		})
	}
}

func TestMaskedByNull(t *testing.T) {
	root := host(t, map[string]string{first: "1\n", "usr/lib/sysctl.d/a.conf": "net.core.somaxconn=1\n", "proc/sys/net/core/somaxconn": "2\n", "etc/sysctl.d/z.conf": ""})
	if err := os.Mkdir(filepath.Join(root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, link := range [][2]string{{"../../dev", "etc/sysctl.d/a.conf"}, {"y.conf", "etc/sysctl.d/x.conf"}, {"x.conf", "etc/sysctl.d/y.conf"}} {
		if err := os.Symlink(link[0], filepath.Join(root, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	r := see(t, At(root, now))
	compare(t, lines(r, Setting))
	if *r.Differing != 0 {
		t.Errorf("%d differ", *r.Differing)
	}
}

func TestOtherNamespace(t *testing.T) {
	s := At(host(t, map[string]string{"etc/sysctl.d/a.conf": "net.core.somaxconn=1\n", "proc/sys/net/core/somaxconn": "2\n"}), now)
	r := see(t, s)
	if r.Differing != nil || len(lines(r, Setting)) != 0 || len(r.Blind) == 0 {
		t.Errorf("differing %v, %v, blind %v: files do not set this namespace", r.Differing, r.Changes, r.Blind)
	}
}

func FuzzSysctl(f *testing.F) {
	f.Add("net.ipv4.tcp_sack = 1\n-net.a\n# c\n;c\na/b.c=d\n")
	f.Add("net.*.x=1\n..=1\n=\n-\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range parseSysctl(text, "x.conf") {
			if p := filepath.Join("/proc/sys", a.key); a.key == "" || !strings.HasPrefix(p, "/proc/sys/") {
				t.Errorf("%q leads to %s", a.key, p)
			}
		}
		same(text, text)
	})
}

func TestRulesets(t *testing.T) {
	for _, c := range []struct {
		name, text string
		count      func(string) (int, bool)
		rules      int
		ok         bool
	}{
		{"iptables-save", "# Generated\n*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n[1:60] -A INPUT -p tcp -j DROP\nCOMMIT\n", iptablesRules, 2, true},
		{"a script", "*filter\n-I INPUT -j DROP\nCOMMIT\n", iptablesRules, 0, false},
		{"nothing", "", iptablesRules, 0, true},
		{"Debian's nftables.conf", `#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
	}
	chain forward {
		type filter hook forward priority filter;
	}
}
`, nftRules, 0, true},
		{"rules and sets", `table inet filter {
	set blocked {
		type ipv4_addr; flags interval
		elements = { 10.0.0.0/8,
			192.0.2.1 }
	}
	chain input {
		type filter hook input priority filter; policy drop;
		iif "lo" accept
		ct state vmap { established : accept, related : accept,
			invalid : drop }
		tcp dport { 22, 80 } accept; tcp dport 443 \
			accept
		ip saddr @blocked log prefix "a { b } ;#" drop # why
		# a comment
	}
}
table ip nat
{
	chain post
	{
		masquerade
	}
}
`, nftRules, 6, true},
		{"an include", "include \"/etc/nftables.d/*.nft\"\n", nftRules, 0, false},
		{"an include in a chain", "table ip a {\nchain b {\ninclude \"x\"\n}\n}\n", nftRules, 0, false},
		{"a definition", "define wan = eth0\n", nftRules, 0, false},
		{"a variable", "table ip a {\nchain b {\niif $wan drop\n}\n}\n", nftRules, 0, false},
		{"commands", "add rule ip filter input drop\n", nftRules, 0, false},
		{"cut off", "table ip a {\nchain b {\ndrop\n", nftRules, 1, false},
		{"a brace too many", "}\n", nftRules, 0, false},
	} {
		if n, ok := c.count(c.text); n != c.rules && ok || ok != c.ok {
			t.Errorf("%s: %d rules, %v; want %d, %v", c.name, n, ok, c.rules, c.ok)
		}
	}
}

func TestSavedRuleset(t *testing.T) {
	files := map[string]string{
		"etc/nftables.conf": "table ip a {\nchain b {\ndrop\n}\n}\n", "etc/iptables/rules.v4": "-A INPUT -j DROP\n",
		"etc/systemd/system/sysinit.target.wants/nftables.service": "",
	}
	s := At(host(t, files), now)
	if r := see(t, s); r.Saved == nil || r.Saved.Rules != 1 || len(r.Saved.Files) != 1 {
		t.Errorf("saved %+v, want the one rule of the file that a service loads", r.Saved)
	}
	files["etc/nftables.conf"] = "include \"x\"\n"
	if r := see(t, At(host(t, files), now)); r.Saved != nil || len(r.Blind) == 0 {
		t.Errorf("saved %+v, blind %v", r.Saved, r.Blind)
	}
	delete(files, "etc/systemd/system/sysinit.target.wants/nftables.service")
	if r := see(t, At(host(t, files), now)); r.Saved != nil {
		t.Errorf("saved %+v although no service loads it", r.Saved)
	}
}

func FuzzRuleset(f *testing.F) {
	f.Add("table ip a {\nchain b {\ntype filter hook input priority 0; policy drop;\ntcp dport { 1, 2 } drop\n}\n}\n")
	f.Add("[1:2] -A INPUT -j DROP\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + strings.Count(text, ";") + strings.Count(text, "}") + 1
		if n, _ := nftRules(text); n > lines {
			t.Errorf("%d rules in %d lines", n, lines)
		}
		if n, _ := iptablesRules(text); n > lines {
			t.Errorf("%d rules in %d lines", n, lines)
		}
	})
}
