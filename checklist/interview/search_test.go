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
		t.Logf("%v %s", found.Sure, tt.words)
	}
}
