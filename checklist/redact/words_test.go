package redact

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// TestWordsStay: what the kernel writes and what people write about it keeps its
// words.
func TestWordsStay(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	for _, s := range []string{
		"TCP: request_sock_TCPv4: Possible SYN flooding on port 8443. Sending cookies.  Check SNMP counters.",
		"nf_conntrack: nf_conntrack: table full, dropping packet",
		"neighbour: arp_cache: neighbor table overflow!",
		"TCP: out of memory -- consider tuning tcp_mem",
		"TCP: too many orphaned sockets",
		"VFS: file-max limit 1024 reached",
		"ixgbe 0000:03:00.0 eth0: NIC Link is Up 10 Gbps, Flow Control: RX/TX",
		"mlx5_core 0000:3b:00.0 enp59s0f0np0: Link down",
		"NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out",
		"e1000e 0000:00:19.0 eth0: Detected Hardware Unit Hang:",
		"ena 0000:00:05.0 ens5: Keep alive watchdog timeout.",
		"br0: port 2(eth1) entered blocking state",
		"IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
		"Out of memory: Killed process 22207 (java) total-vm:30534660kB, anon-rss:2kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1024kB oom_score_adj:0",
		"swapper/0: page allocation failure: order:0, mode:0x20",
		"SLUB: Unable to allocate memory on node -1, gfp=0x820(GFP_ATOMIC)",
		"eth0: hw csum failure",
		"watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/0:1:77]",
		"hrtimer: interrupt took 300ms", "perf: interrupt took too long (2514 > 2500), lowering kernel.perf_event_max_sample_rate to 79000",
		"began at 14:03 after the deployment of version 1.2.3, since noon every 5 minutes, 30% of the requests time out",
		"2026-03-01 14:03:05 UTC, 14:03:05.123456, from 10 to 20 of 100 on 443, 8443 and 9000", "version 1.2.3 on 6.18.44, 1.5 or 2.75 times, 99.95 %",
		"customers in eu-west-1 see timeouts, not on port 443; nginx was restarted; see RFC 9293 and Q1a", "the database is slow, the load balancer shows 502s",
	} {
		if got := r.Words(s); got != s {
			t.Errorf("%q\nbecame\n%q", s, got)
		}
	}
}

// TestWordsOfTheContentStay: whydrop's own titles, told of what was applied, stay.
func TestWordsOfTheContentStay(t *testing.T) {
	b := book(t)
	r := New(b, []byte("fixed"))
	stays := func(s string) {
		if got := r.Words(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, c := range b.Causes {
		stays(c.Title)
		for _, m := range c.Remedies {
			stays(m.Title)
		}
	}
	for _, d := range b.Facts.Facts() {
		if d.Type != content.String {
			stays(d.Name)
		}
	}
}

// TestStrangersAreReplaced: words of somebody else's that no fact has shown.
func TestStrangersAreReplaced(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	for _, tt := range []struct{ in, secret, kept string }{
		{"initech complains since noon", "initech", " complains since noon"},
		{"DB8 and web01 are slow", "db8", " are slow"},
		{"MAC=00:1b:21:aa:bb:cc:00:1b:21:dd:ee:ff:08:00 SRC=10.3.4.5", "21:aa", ":08:00 SRC=10."},
		{"ll header: 00000000: ff ff ff ff ff ff 00 1b 21 aa bb cc 08 00", "1b 21", "00000000: ff ff ff ff ff ff "},
		{"ll header: 00000000: 00 16 31 22 33 44 00 10 21 55 66 77 08 00", "31 22 33", " 08 00"},
		{"from 001b.21aa.bbcc", "21aa", "from "},
		{"from 0x0a030405", "0a030405", "from 0x"},
		{"saddr=0x0504030a mask 0xffffff00", "0504030a", " mask 0xffffff00"},
		{"it is 168625157", "168625157", "it is "},
		{"at 0xa.0x3.0x4.0x5", "0xa.0x3", "at 10."},
		{"at 012.03.04.05 and 0121.0102.0105.0216", "0102", "at "},
		{"all of 81.2.69.x and 81.2.69.*", "81.2.69", ".x and "},
		{"81.2.69.142 of the network 81.2.69", "81.2.69", " of the network "},
		{"call +49 (0)170 1234-567", "1234", "call id-"},
		{"call 0170/1234567 or (555) 123-4567", "4567", " or "},
		{"account 1234-5678-9012 and 4111 1111 1111 1111", "1111", "account id-"},
		{"local 0104030A:01BB", "0104030A", ":01BB"},
		{"i-0123456789abcdef0 in vpc-01234567", "01234567", "i-"},
		{"initech-01234567 and eni-01234567", "initech", " and eni-"},
		{"https://initechz:secretz@initechy:9 http://initechx:secrety/", "secret", "https://"},
		{"deny-81-2-69-142", "2-69", "deny-"},
		{"arn:aws:iam::912345678901:role/initech", "912345678901", "arn:aws:"},
		{"martian source 10.3.4.5 from 81.2.69...", "81.2", " from ..."},
		{"fe80::1%initech0", "initech0", "fe80::"},
		{"Müller in Köln", "müller", " in "},
		{"4.3.2.81.in-addr.arpa", "4.3.2.81", ".example"},
	} {
		got := r.Words(tt.in)
		if strings.Contains(strings.ToLower(got), strings.ToLower(tt.secret)) || !strings.Contains(got, tt.kept) {
			t.Errorf("%q became %q: %q should be gone, %q there", tt.in, got, tt.secret, tt.kept)
		}
	}
	one, other := r.Words("initech"), r.programs("initech")
	if suffix := strings.TrimPrefix(one, "word-"); suffix == one || other != "app-"+suffix {
		t.Errorf("a word became %s and a program of its name %s", one, other)
	}
}

// TestReleases: a kernel's release tells its version and nothing of who built it.
func TestReleases(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	for _, s := range []string{"6.18.44", "6.1.0-18-amd64", "5.14.0-427.13.1.el9_4.x86_64", "6.8.0-1009-aws", "6.1.79-99.164.amzn2023.x86_64", "5.15.153.1-microsoft-standard-WSL2", "6.6.13+bpo-amd64", "6.9.1-arch1-2", "5.15.0-100-generic", "6.7.0-rc3", "6.5.13-7-pve", "4.18.0-513.el8.aarch64", ""} {
		if got := r.release(s); got != s {
			t.Errorf("%s became %s", s, got)
		}
	}
	if got := r.release("6.1.55-initech3+"); strings.Contains(got, "initech") || !strings.HasPrefix(got, "6.1.55-") {
		t.Errorf("a kernel of one's own became %s", got)
	}
}

// TestAHostThatIsAWord: a host may be called like anything, and the text about it
// stays readable.
func TestAHostThatIsAWord(t *testing.T) {
	b := book(t)
	for _, host := range []string{"drop", "tcp", "a", "lo", "segments", "ListenOverflows", "tcp_mem", "listen", "10", "packets.tcp.net", "-", "eth0", "x y", "%s", "TcpExt"} {
		r := New(b, []byte("fixed"))
		f := sick()
		f.Host = host
		f.CannotSee("links", "segments and packets of tcp on lo are a drop: TcpExt.ListenOverflows, net.ipv4.tcp_mem", "")
		g := r.Facts(f)
		if g.Host == host && host != "-" {
			t.Errorf("the host %s stays", host)
		}
		for i, was := range f.Blind {
			if is := g.Blind[i]; i > 0 && is != was {
				t.Errorf("%s: %q became %q", host, was.What, is.What)
			}
		}
		const said = "TCP: request_sock_TCP: Possible SYN flooding on port 8443; tcp_mem, TcpExtListenOverflows: segments drop"
		if got := r.Words(said); got != said {
			t.Errorf("%s: %q became %q", host, said, got)
		}
	}
}

// TestMemoryIsBounded: a long recording with many names takes no more and more, and
// what is not remembered has a pseudonym of its own all the same.
func TestMemoryIsBounded(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	given := map[string]string{}
	f := fact.New(time.Unix(0, 0), 1)
	for i := range 3 * maxNames {
		name := "initech" + strconv.Itoa(i)
		for _, p := range []string{r.holding("process", name), r.holding("interface", name)} {
			if whose := given[p]; whose != "" || p == name {
				t.Fatalf("%s and %s became %s", whose, name, p)
			}
			given[p] = name
		}
		if i%1024 == 0 {
			f.Tables = map[string][]fact.Row{}
			for j := range 4 * maxMemo / 16 {
				f.Add("listener", fact.Row{"name": "10." + strconv.Itoa(i/1024) + "." + strconv.Itoa(j%250) + "." + strconv.Itoa(j/250) + ":80"})
			}
			r.Facts(f)
		}
	}
	if a, b := r.holding("process", "initech49000"), r.holding("process", "initech49000"); a != b {
		t.Errorf("a name became %s and %s", a, b)
	}
	if len(r.names) > maxNames || len(r.given) > maxNames || len(r.known) > maxNames || len(r.space.seen) > maxAddresses {
		t.Errorf("%d names, %d pseudonyms, %d to look for, %d addresses are remembered", len(r.names), len(r.given), len(r.known), len(r.space.seen))
	}
	texts := 0
	for _, m := range r.memos.of {
		texts += len(m.young) + len(m.old)
	}
	if texts > maxMemos+2*maxMemo {
		t.Errorf("%d texts are remembered", texts)
	}
}
