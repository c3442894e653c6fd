package redact

import (
	"strings"
	"testing"
)

// TestTextStays: what looks a little like a name and is none.
func TestTextStays(t *testing.T) {
	r := New(book(t), nil)
	for _, s := range []string{
		"net.ipv4.tcp_max_syn_backlog", "net.core.somaxconn=4096", "sysctl -w net.core.somaxconn=4096", "kernel.dmesg_restrict=0", "vm.min_free_kbytes",
		"TcpExt.ListenOverflows", "TcpExtListenOverflows", "retrans.spread", "listen.accept-queue-full", "listener.queue_peak", "reason.NETFILTER_DROP",
		"kernel 6.18.44", "6.1.0-18-amd64", "5.14.0-427.13.1.el9_4.x86_64", "nginx 1.2.3.4-5.el9", "version 1.2.3.4", "v1.2.3.4", "firmware 8.30.0.1", "1.2.3",
		"at 12:34:56", "2026-11-21 09:25:21 UTC", "2026-11-21T09:25:21Z", "0000:00:05.0", "16:9", "10:1", "RFC 9293", "RFC7323", "Q1a, Q10b",
		"/proc/net/stat/arp_cache", "/proc/sys/net/ipv4/tcp_mem", "/sys/class/net/eth0/statistics", "/etc/sysctl.d/99-sysctl.conf", "/etc/sysctl.conf", "/proc/net/netstat", "/proc/net/softnet_stat", "/proc/sys/net/ipv4/conf/all/rp_filter", "/proc/1/net/tcp", "/proc/net/tcp6",
		"tcp_input.c", "nginx.conf", "sshd.service", "e.g. eth0, i.e. ens5", "43 per second", "12.5 ms, 3/s", "rx/tx kB/s", "80-90", "and so on...",
		"`ss -tinmp; ss -ltnp`", "| a | b |", "**fault**", "```mermaid", "graph TD; A-->B[x]", "a -> b => c", "", " ", "-", "::", ":", ".", "..", "@", "%", "1", "ß ü 漢字",
		"127.0.0.1:80", "[::1]:443", "169.254.169.253", "0.0.0.0/0", "the link eth0 is down", "std::string is C++", "SYN, SYN-ACK, FIN",
	} {
		if got := r.Text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// TestTextIsReplaced: names that no fact has shown before. What stands in braces
// is found again in the answer, the rest is not.
func TestTextIsReplaced(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	r.Facts(sick())
	for _, tt := range []struct{ in, secret, kept string }{
		{"ip route get 10.3.4.5", "10.3.4.5", "ip route get 10."},
		{"src=10.3.4.5,dst=10.3.4.6", "3.4.5", "src=10."},
		{"10.3.4.5->10.3.4.6:", "3.4", "->10."},
		{"(10.3.4.5).", "3.4.5", ")."},
		{"[2a02:1234::9]:443,", "2a02:1234", "]:443,"},
		{"IP 10.3.4.5.52100 > 10.3.4.6.443: Flags [S]", "3.4.5", ".52100 > 10."},
		{"MAC=00:1b:21:aa:bb:cc:", "aa:bb:cc", "MAC="},
		{"ask db1.corp.initech.io:5432 now", "initech", ":5432 now"},
		{"DB7 is slow", "DB7", " is slow"},
		{"acmepayd: worker", "acmepayd", ": worker"},
		{"pod acmepayd-7f9c", "acmepayd", "-7f9c"},
		{"ip-10-3-4-5", "10-3-4-5", "host-"},
		{"ip-10-3-4-5.eu-west-1.compute.internal", "10-3-4-5", ".example"},
		{"mail bob@initech.io", "bob", "mail user-"},
		{"postgres://app:pw@db2.initech.io/orders", "initech", "postgres://"},
		{"tail /home/bob/x.log", "bob", "tail /home/user-"},
		{"container 3f4e5d6c7b8a", "3f4e5d6c7b8a", "container id-"},
		{"pod 123e4567-e89b-12d3-a456-426614174000", "e89b-12d3", "pod id-"},
		{"fe80::abcd%vpn-acme", "vpn-acme", "fe80::"},
		{"tokio-acme w ended", "tokio", " ended"},
		{"host_10.3.4.5_x", "3.4.5", "host_10."},
		{"10.3.4.5-acct", "3.4.5", "-acct"},
		{"vip-10.3.4.5", "3.4.5", "vip-10."},
		{"bücher.example.com", "bücher", ".example"},
		{"Out of memory: Killed process 22207 (initechx) total-vm:30534660kB, anon-rss:2kB", "initechx", ") total-vm:30534660kB"},
		{"oom-kill:constraint=CONSTRAINT_NONE,task=initechy,pid=7", "initechy", ",pid=7"},
		{"CPU: 1 PID: 77 Comm: initechz Not tainted", "initechz", " Not tainted"},
		{"initechw[77]: segfault at 0", "initechw", "[77]: segfault at 0"},
		{"initechv: page allocation failure: order:0", "initechv", ": page allocation failure: order:0"},
		{"task initechu:77 blocked for more than 120 seconds", "initechu", ":77 blocked"},
		{"process initechd (17) was started", "initechd", " (17) was started"},
	} {
		got := r.Text(tt.in)
		if strings.Contains(strings.ToLower(got), strings.ToLower(tt.secret)) || !strings.Contains(got, tt.kept) {
			t.Errorf("%q became %q: %q should be gone, %q there", tt.in, got, tt.secret, tt.kept)
		}
	}
}

// TestNames: what stays of a name and what does not.
func TestNames(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	for _, tt := range []struct {
		holds, in string
		stays     bool
	}{
		{"process", "nginx", true}, {"process", "java", true}, {"process", "python3.11", true}, {"process", "php-fpm8.2", true},
		{"process", "kworker/0:1-events", true}, {"process", "systemd-resolve", true}, {"process", "nginx: worker", true},
		{"process", "acmepayd", false}, {"process", "postgres: bob orders", false}, {"process", "systemd-acme", false},
		{"interface", "eth0", true}, {"interface", "ens5", true}, {"interface", "enp0s31f6", true}, {"interface", "enp1s0f0np0", true}, {"interface", "bond0.100", true}, {"interface", "lo", true},
		{"interface", "docker0", true}, {"interface", "wg0", true}, {"interface", "cilium_host", true}, {"interface", "this host", true}, {"interface", "eth0 pfifo_fast 0:", true},
		{"interface", "retransmitted segments/s", true},
		{"interface", "vpn-acme", false}, {"interface", "veth3f4e5d6", false}, {"interface", "cali0123456789a", false}, {"interface", "br-0123456789ab", false}, {"interface", "enx001b21aabbcc", false}, {"interface", "acme0.7", false},
		{"firewall", "inet filter input handle 2", true}, {"firewall", "ip filter DOCKER-USER rule 3", true}, {"firewall", "tcp dport { 80, 443 } ct state new,established counter drop", true},
		{"firewall", "tcp flags & 0x17 0x2 limit rate over 3/second drop", true}, {"firewall", "iifname eth0 drop", true}, {"firewall", "@1,96,32 0x12 drop", true},
		{"firewall", "inet blocklist input handle 2", true},
		{"firewall", "@nh,96,32 0xa8010203 drop", false}, {"firewall", "@nh,64,128 0x2a021234000000000000000000000077 drop", false}, {"firewall", "ct mark and 0xffffff00 == 0x1 drop", true},
		{"firewall", "inet initech input handle 2", false}, {"firewall", "ip saddr @initech drop", false}, {"firewall", "oifname cafe drop", false}, {"firewall", "jump face", false},
		{"path", "/system.slice/nginx.service", true}, {"path", "/user.slice/user-1000.slice/session-3.scope", true}, {"path", "/etc/modprobe.d", true}, {"path", "kernel log", true},
		{"path", "/system.slice/initechd.service", false}, {"path", "/etc/sysctl.d/60-initech.conf", false}, {"path", "/home/bob", false},
		{"path", "/kubepods/burstable/pod123e4567-e89b-12d3-a456-426614174000", false},
		{"name", "initech_guard id 7", false}, {"host", "localhost", true}, {"host", "db1:5432", false}, {"host", "127.0.0.1:80", true},
		{"word", "whatever", true},
	} {
		if got := r.holding(tt.holds, tt.in); got == tt.in != tt.stays {
			t.Errorf("%s %q became %q", tt.holds, tt.in, got)
		}
	}
	for _, in := range []string{"enp1s0", "acme0.7", "10.1.2.3:80"} {
		if a, b := r.holding("interface", in), r.holding("interface", in); a != b {
			t.Errorf("%s became %s and %s", in, a, b)
		}
	}
	if a, b := r.host("a.initech.io"), r.host("b.initech.io"); a == b || a[strings.IndexByte(a, '.'):] != b[strings.IndexByte(b, '.'):] {
		t.Errorf("two hosts of a domain became %s and %s", a, b)
	}
	if long, short := r.host("a.initech.io"), r.host("a"); !strings.HasPrefix(long, short+".") {
		t.Errorf("a host became %s and %s", long, short)
	}
}

// FuzzText: no text brings the redactor to a halt, hides an address from it, or
// makes it touch what is the kernel's.
func FuzzText(f *testing.F) {
	r := New(book(f), []byte("fixed"))
	r.Facts(sick())
	for _, s := range []string{"", "10.1.2.3", "::ffff:1.2.3.4", "fe80::1%", "a@b@c://d/e:f", "https://x", "1.2.3.4.5.6", "host-b2c3.net-d4f5.example", strings.Repeat("a.", 200), strings.Repeat(":", 99), "\x00\xff", "//..//", "process x (1)", "enx001b21aabbcc", "-.-.-", "é%é"} {
		f.Add(s)
	}
	const kept = "TcpExt.ListenOverflows net.ipv4.tcp_max_syn_backlog 12:34:56 6.18.44 /proc/net/stat/arp_cache eth0"
	f.Fuzz(func(t *testing.T, s string) {
		r.Text(s) // to know the names in it
		r.Words(s)
		if words := r.Words(s + " \nfrom 81.2.69.77 for initechz0 on port 443"); strings.Contains(words, "from 81.2.69.77 for") || strings.Contains(words, "for initechz0 on") || !strings.HasSuffix(words, " on port 443") {
			t.Fatalf("%q became %q", s, words)
		}
		if first, again := r.Text(s), r.Text(s); again != first {
			t.Fatalf("%q became %q and %q", s, first, again)
		}
		got := r.Text(s + " from 81.2.69.77 on " + kept)
		if strings.Contains(got, "from 81.2.69.77 on") || !strings.HasSuffix(got, kept) {
			t.Fatalf("%q became %q", s, got)
		}
		for _, holds := range []string{"sentence", "interface", "process", "host", "path", "firewall", "name", "word", "text"} {
			r.holding(holds, s)
		}
	})
}
