package interview

import (
	"slices"
	"strings"
	"testing"
)

// said are things that candidates say, and what they mean: the first that is found, or
// among the first three where two are as right. A step is meant by words of its title.
var said = []struct{ scenario, words, want string }{
	{"", "so who is affected by this?", "question:Q1a"},
	{"", "is it all customers or just one?", "question:Q1a"},
	{"", "since when has this been happening", "question:Q1b"},
	{"", "when did this start", "question:Q1b"},
	{"", "is it constant or does it come and go", "question:Q1b"},
	{"", "how long does the connect take", "question:Q2a"},
	{"", "do they get a timeout or a connection refused?", "question:Q2a"},
	{"", "what exactly are the symptoms", "question:Q2a"},
	{"", "what kind of service is it", "question:Q2b"},
	{"", "which ports are affected", "question:Q3a"},
	{"", "is it inbound or outbound traffic", "question:Q3a"},
	{"", "can you reproduce it", "question:Q3b"},
	{"", "does it correlate with load", "question:Q3b"},
	{"", "did anything change recently", "question:Q4a"},
	{"", "were there any deployments yesterday?", "question:Q4a"},
	{"", "how does cpu and memory look on the dashboards", "question:Q4b"},
	{"", "is there a load balancer in between", "question:Q5a"},
	{"", "what does the network team say about the switch", "question:Q5b"},
	{"", "how many requests per second do we get", "question:Q6a"},
	{"", "are both ends in the same region", "question:Q6b"},
	{"", "is there any firewall on the way?", "question:Q7a"},
	{"", "could a rate limit be blocking us", "question:Q7b"},
	{"", "which kernel version is that", "question:Q8a"},
	{"", "has anybody tuned sysctls on that box", "question:Q8b"},
	{"", "do they use connection pooling", "question:Q9a"},
	{"", "what's in the application logs", "question:Q9b"},
	{"", "what have you looked at already", "question:Q10a"},
	{"", "what's the business impact", "item:clarifying.impact"},
	{"", "do you have a baseline from a good day", "item:10.baseline"},
	{"", "show me ss -ltn", "probe:sockets"},
	{"", "I'd run ss -tinp on the server", "probe:sockets"},
	{"", "ss -s", "probe:sockets"},
	{"", "what's the accept queue doing, Recv-Q and Send-Q", "probe:sockets"},
	{"", "nstat -az | grep -i listen", "probe:counters"},
	{"", "netstat -s", "probe:counters"},
	{"", "cat /proc/net/netstat", "probe:counters"},
	{"", "cat /proc/net/snmp", "probe:counters"},
	{"", "cat /proc/net/softnet_stat", "probe:counters"},
	{"", "is TcpExtListenOverflows going up", "probe:counters"},
	{"", "ethtool -S eth0", "probe:links"},
	{"", "how big are the rx rings, ethtool -g", "probe:links"},
	{"", "ip -s link show", "probe:links"},
	{"", "iptables -L -n -v", "probe:filters"},
	{"", "is the conntrack table full", "probe:filters"},
	{"", "tc -s qdisc show", "probe:links"},
	{"", "ip route get 10.0.0.1", "probe:routes"},
	{"", "arp table", "probe:routes"},
	{"", "top, is a core busy with softirq", "probe:resources"},
	{"", "sysctl net.core.somaxconn", "probe:settings"},
	{"", "cat /proc/sys/net/ipv4/tcp_rmem", "probe:settings"},
	{"", "dmesg", "question:Q10b"}, // the recording has no kernel log
	{"", "dropwatch or the kfree_skb tracepoint", "probe:drops"},
	{"", "I would take a packet capture", "aside:capture"},
	{"", "tcpdump -ni any port 443", "aside:capture"},
	{"", "nc -vz server 443", "aside:probing"},
	{"", "traceroute to the client", "aside:probing"},
	{"", "can I see the other side", "aside:other-end"},
	{"", "strace -p on the process", "aside:process"},
	{"", "I'd restart it", "aside:experiment"},
	{"", "I'd increase the backlog", "larger backlog"},
	{"", "raise somaxconn", "larger backlog"},
	{"", "have more workers so the application accepts faster, I'd say", "accept faster"},
	{"", "hand over to the payment provider", "step:hand-over"},
	{"", "let's escalate this to whoever owns the path", "step:hand-over"},
	{"three-million", "nothing wrong", "cause:healthy"},
	{"three-million", "I think it's a false alarm", "cause:healthy"},
	{"three-million", "the host is healthy", "cause:healthy"},
	{"three-million", "ethtool -S, the allowance counters", "probe:links"},
	{"premiere-night", "I'd make the conntrack table bigger", "Make the table larger"},
	{"lobby-logins", "raise the ulimit for file descriptors", "Raise the descriptor limit"},

	// Who looks, verifies or watches proposes nothing.
	{"quotes-at-noon", "I'd look at the listen backlog with ss", "probe:sockets"},
	{"quotes-at-noon", "is the kernel dropping packets somewhere, I'd use dropwatch", "probe:drops"},
	{"quotes-at-noon", "I'd look at whether SYN cookies are on", "probe:settings"},
	{"quotes-at-noon", "I would set up an alarm on nr_throttled", "item:plan.again"},
	{"quotes-at-noon", "are there any OOM kills", "probe:resources"},
	{"flat-floor", "then I'd check that the drops stop", "item:plan.verify"},
	{"flat-floor", "I'd set up monitoring for that", "item:plan.again"},
	{"", "I'd put an alert on the counter", "item:plan.again"},
	{"", "check whether the overflows stopped growing", "item:plan.verify"},
	{"", "I'd watch the counter under the same load and see it go flat", "item:plan.verify"},
	{"", "add an alarm when ListenOverflows moves", "item:plan.again"},
	{"", "let's see if the queue is full with ss -ltn", "probe:sockets"},
	{"three-million", "I'd leave it alone and fix the alert's threshold", "step:nothing"},
	{"", "set up a packet capture on both ends", "item:10.both"},
	{"", "I'd turn off the firewall to test", "aside:experiment"},
	{"", "let me check if the NIC drops", "probe:links"},
	// Plans without "I'd".
	{"second-uplink", "sysctl -w net.ipv4.conf.all.rp_filter=2", "loose mode"},
	{"premiere-night", "set nf_conntrack_max higher and monitor the count", "Make the table larger"},
	{"volume-hiccups", "replace the cable", "step:link.errors/replace"},
	{"second-uplink", "set rp_filter to loose", "loose mode"},
	{"second-uplink", "I'd put rp_filter to 2 on that interface", "loose mode"},
	{"reports-never-finish", "enable tcp_mtu_probing", "Let TCP find the size"},
	{"reports-never-finish", "allow ICMP frag needed", "fragmentation-needed through"},
	{"reports-never-finish", "let ICMP through", "fragmentation-needed through"},
	{"reports-never-finish", "clamp the MSS on the router", "Clamp the MSS"},
	{"reports-never-finish", "we should unblock ICMP type 3 on the firewall", "fragmentation-needed through"},
	{"statements-before-six", "enable tcp_tw_reuse", "TIME-WAIT ports"},
	{"statements-before-six", "widen ip_local_port_range", "Widen"},
	{"statements-before-six", "use a connection pool", "Reuse connections"},
	{"quotes-at-noon", "raise the cpu limit of the container", "Give the cgroup enough CPU"},
	{"quotes-at-noon", "then give the cgroup more CPU", "Give the cgroup enough CPU"},
	{"slides-crawl", "raise the rate of the shaper", "Raise the rate"},
	{"greenhouse-four", "remove the prohibit route", "refusing route"},
	{"premiere-night", "double nf_conntrack_max", "Make the table larger"},
	// Questions and what is by the way.
	{"", "sar -n DEV 1", "probe:links"},
	{"", "is anything else on the same box broken", "item:1.neighbour"},
	{"", "to sum up, what we know is", "item:communication.sums"},
	{"", "I'm fairly sure, ninety percent", "item:conclusion.sure"},
	{"", "my next step halves the problem", "item:reasoning.halves"},
	{"", "ip6tables -L -n -v", "probe:filters"},
	{"", "iostat -x 1", "probe:resources"},
	{"", "has the certificate expired", "question:Q4a"},
	{"", "how long is the round trip", "question:Q6b"},
	{"", "who closes the connection first", "item:5.ends"},
	{"", "how big are the payloads", "question:Q6a"},
	{"", "cat /proc/net/sockstat", "probe:counters"},
	{"", "ss -tm", "probe:sockets"},
	{"", "uptime", "probe:resources"},
	{"", "ip rule show", "probe:routes"},
	{"", "did anybody restart the service", "question:Q4a"},
	{"", "could we see the switch port counters", "question:Q5b"},
	{"", "who else uses this server", "question:Q1a"},
	{"", "does it only happen to new connections", "question:Q3b"},
	{"", "what would I expect to see if I am right", "item:measuring.predicts"},
	{"", "how would we roll that back, what's the risk", "item:plan.risk"},
	{"", "I don't know that one, I'd have to look it up", "item:communication.unknown"},
	{"", "journalctl -k --since today", "question:Q10b"},
	{"", "is there a proxy in front", "question:Q5a"},
	// Causes, with and without "I think".
	{"reports-never-finish", "it could be the MTU", "cause:path.pmtu-blackhole"},
	{"quotes-at-noon", "it is CPU throttling", "cause:app.cpu-throttled"},
	{"quotes-at-noon", "so the pricing container is throttled", "cause:app.cpu-throttled"},
	{"", "I think the accept queue is too small", "cause:listen.accept-queue-full"},
	{"flat-floor", "neighbour table is full", "cause:neigh.table-full"},
	{"flat-floor", "the arp table overflows", "cause:neigh.table-full"},
	{"premiere-night", "the connection tracking table is full", "cause:netfilter.conntrack-full"},
	{"", "we ran out of file descriptors", "cause:app.fd-exhausted"},
	{"", "I think it's a firewall on the path", "cause:path.filtered"},
	{"", "a blackhole route is swallowing them", "cause:ip.blackhole-route"},
	{"", "sounds like a SYN flood", "cause:listen.syn-queue-full"},
	{"", "it's the reverse path filter", "cause:ip.rp-filter"},
	{"", "because the ring buffer overflows", "cause:nic.rx-ring-overflow"},
	{"", "the NAT forgets idle connections, it's an idle timeout", "cause:path.idle-timeout"},
	{"statements-before-six", "the client ran out of ports", "cause:tcp.port-exhaustion"},
}

// TestSaid finds what candidates mean.
func TestSaid(t *testing.T) {
	for _, tt := range said {
		id := tt.scenario
		if id == "" {
			id = queueScenario
		}
		n := sit(t, id)
		found := n.Search(tt.words)
		is := func(e *Entry) bool { return string(e.Key) == tt.want || strings.Contains(e.Title, tt.want) }
		at := slices.IndexFunc(found.Entries, is)
		if at != 0 {
			var keys []Key
			for _, e := range found.Entries[:min(4, len(found.Entries))] {
				keys = append(keys, e.Key)
			}
			t.Errorf("%q finds %v, want %s (it is %d)", tt.words, keys, tt.want, at)
		}
		if found.Sure && found.Entries[0].unwise() {
			t.Errorf("%q ticks %s by one enter", tt.words, found.Entries[0].Title)
		}
	}
}

// lookedAt is said by who proposes no step.
var lookedAt = []string{
	"I'd look at the listen backlog with ss", "check the ring size", "let's see whether somaxconn is raised", "is there a rule that drops",
	"then I'd check that the drops stop", "I'd verify that the cgroup has enough CPU", "I'd set up monitoring on netdev_max_backlog",
	"put an alarm on the conntrack table", "are SYN cookies on?", "should we hand over?", "which route does it take, is it the right one",
	"I'd watch whether the table fills up again", "see if the MSS is clamped", "what is the descriptor limit", "does anybody restart the service",
	"look at the receive ring and the socket buffers", "confirm that the shaper no longer drops", "how large is the neighbour table", "was the rule corrected",
}

// TestWhoLooksProposesNothing finds no step first where somebody looks, verifies, asks or
// watches, neither before the conclusion nor after it, and ticks none at once.
func TestWhoLooksProposesNothing(t *testing.T) {
	for _, id := range []string{queueScenario, "quotes-at-noon", "flat-floor", "premiere-night", "slides-crawl"} {
		n := sit(t, id)
		for range 2 {
			for _, words := range lookedAt {
				found := n.Search(words)
				if len(found.Entries) > 0 && found.Entries[0].Key.Kind() == Step || found.Sure && found.Entries[0].unwise() {
					t.Errorf("%s: %q finds %s", id, words, found.Entries[0].Key)
				}
			}
			must(t, n.Conclude(Verdict{Causes: n.Scenario().Truth}))
		}
	}
}

// TestNothingUnwiseAtOnce has each step that does not help ticked after a second look
// only, be it said by its own title or name.
func TestNothingUnwiseAtOnce(t *testing.T) {
	n := sit(t, queueScenario)
	for _, e := range n.Script(PageClose) {
		for _, words := range []string{e.Title, "I'd " + e.Title, string(e.Key)} {
			if found := n.Search(words); e.unwise() && found.Sure && found.Entries[0].unwise() {
				t.Errorf("%q ticks %s by one enter", words, found.Entries[0].Key)
			}
		}
	}
}

// TestSearch finds what candidates say.
func TestSearch(t *testing.T) {
	n := sit(t, queueScenario)
	for _, tt := range []struct {
		words string
		want  Key
	}{
		{"what changed", "question:Q4a"},
		{"ss", "probe:sockets"},
		{"nstat", "probe:counters"},
		{"ethtool -S", "probe:links"},
		{"tcpdump -i any", "aside:capture"},
		{"traceroute", "aside:probing"},
		{"firewall", "question:Q7a"},
		{"since when", "question:Q1b"},
		{"baseline", "item:10.baseline"},
		{"way back", "item:5.back"},
	} {
		found := n.Search(tt.words).Entries
		if at := slices.IndexFunc(found, func(e *Entry) bool { return e.Key == tt.want }); at < 0 || at > 2 && tt.want.Kind() != Item {
			var keys []Key
			for _, e := range found {
				keys = append(keys, e.Key)
			}
			t.Errorf("%q finds %v, want %s", tt.words, keys, tt.want)
		}
	}
	must(t, n.Conclude(Verdict{Causes: n.Scenario().Truth}))
	if found := n.Search("backlog").Entries; len(found) == 0 || found[0].Key.Kind() != Step {
		t.Errorf("after the conclusion a backlog is no step: %v", found[0].Key)
	}
	if len(n.Search("").Entries) != 0 || len(n.Search("zzzzqq").Entries) != 0 {
		t.Error("nothing finds something")
	}
}
