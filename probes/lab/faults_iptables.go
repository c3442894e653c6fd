//go:build linux

package lab

import "fmt"

// iptablesFaults are faults of rules that iptables made, in the legacy tables
// (x_tables) and in nftables.
var iptablesFaults = []Scenario{
	{
		Name: "iptables-drop", Cause: "netfilter.drop-rule", sick: "server",
		About: "a rule of the legacy tables drops a service's port; seen from its host",
		plan: func(s *site) error {
			return s.tabled("iptables-legacy", 8447, "timeout", "-A INPUT -p tcp --dport 8447 -j DROP")
		},
	},
	{
		Name: "iptables-drop-chain", Cause: "netfilter.drop-rule", sick: "server",
		About: "a chain of its own, made by iptables-nft, drops some ports for some clients; seen from the service's host",
		plan: func(s *site) error {
			return s.tabled("iptables-nft", 9443, "timeout", "-N TENANTS",
				"-A TENANTS -p tcp -m multiport --dports 9443,9444 -m comment --comment tenants -j DROP",
				fmt.Sprintf("-A INPUT -s %s -j TENANTS", s.lan(1)))
		},
	},
	{
		Name: "iptables-drop-raw", Cause: "netfilter.drop-rule", sick: "server",
		About: "a rule of the legacy raw table drops a service's port before routing; seen from its host",
		plan: func(s *site) error {
			return s.tabled("iptables-legacy", 6514, "timeout", "-t raw -A PREROUTING -p tcp --dport 6514 -j DROP")
		},
	},
	{
		Name: "iptables-drop-random", Cause: "netfilter.drop-rule", sick: "server",
		About: "a forgotten test rule of iptables-nft drops some of a service's segments; seen from its host",
		plan: func(s *site) error {
			return s.tabled("iptables-nft", 5433, "slow", "-t mangle -A PREROUTING -p tcp --dport 5433 -m statistic --mode random --probability 0.1 -j DROP")
		},
	},
	{
		Name: "iptables-drop-ipv6", Cause: "netfilter.drop-rule", sick: "server",
		About: "a rule of the legacy IPv6 tables drops a service's port; seen from its host",
		plan: func(s *site) error {
			return s.served(true, 9201, "timeout", func() error {
				return s.server.iptables("ip6tables-legacy", "-A INPUT -p tcp --dport 9201 -j DROP")
			})
		},
	},
	{
		Name: "iptables-drop-output", Cause: "netfilter.drop-rule", sick: "client",
		About: "an output rule of iptables-nft drops what a client sends to one service; seen from the client",
		plan: func(s *site) error {
			if err := s.outbound(5673); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.client.iptables("iptables-nft", "-A OUTPUT -p tcp --dport 5673 -j DROP")
		},
	},
	{
		Name: "iptables-drop-router", Cause: "netfilter.drop-rule", sick: "router",
		About: "a forward rule of the legacy tables drops the way to one service; seen from the router",
		plan: func(s *site) error {
			if err := s.outbound(1884); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.router.iptables("iptables-legacy", "-A FORWARD -p tcp --dport 1884 -j DROP")
		},
	},
	{
		Name: "iptables-policy", Cause: "netfilter.drop-rule", sick: "server",
		About:  "a policy of the legacy tables refuses a new service's port, which was forgotten; seen from its host",
		Unseen: "without the kernel's reasons a port that was forgotten looks like a default-deny that does its work", UnseenBy: "nobody",
		plan: func(s *site) error {
			return s.tabled("iptables-legacy", 9419, "timeout",
				"-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-A INPUT -p icmp -j ACCEPT",
				fmt.Sprintf("-A INPUT -p tcp --dport %d -j ACCEPT", 8000+uint16(s.subnet)), "-P INPUT DROP")
		},
	},
	{
		Name: "iptables-reject", Cause: "netfilter.reject-rule", sick: "server",
		About: "a rule of the legacy tables rejects a service's clients with ICMP port unreachable; seen from its host",
		plan: func(s *site) error {
			return s.tabled("iptables-legacy", 2380, "refused", "-A INPUT -p tcp --dport 2380 -j REJECT")
		},
	},
	{
		Name: "iptables-reject-reset", Cause: "netfilter.reject-rule", sick: "server",
		About: "a rule of iptables-nft resets a service's clients; seen from its host",
		plan: func(s *site) error {
			return s.tabled("iptables-nft", 6380, "refused", "-A INPUT -p tcp --dport 6380 -j REJECT --reject-with tcp-reset")
		},
	},
	{
		Name: "iptables-limit", Cause: "netfilter.rate-limit", sick: "server",
		About: "iptables-nft accepts some new connections a second and drops the rest by a second rule; seen from the service's host",
		plan: func(s *site) error {
			return s.tabled("iptables-nft", 8082, "slow",
				"-A INPUT -p tcp --dport 8082 --syn -m limit --limit 5/second --limit-burst 5 -j ACCEPT",
				"-A INPUT -p tcp --dport 8082 --syn -j DROP")
		},
	},
	{
		Name: "iptables-hashlimit", Cause: "netfilter.rate-limit", sick: "server",
		About: "a hash limit of the legacy tables drops new connections of each client above a rate; seen from the service's host",
		plan: func(s *site) error {
			return s.tabled("iptables-legacy", 8083, "slow", "-A INPUT -p tcp --dport 8083 --syn"+
				" -m hashlimit --hashlimit-name perclient --hashlimit-mode srcip --hashlimit-above 4/second --hashlimit-burst 4 -j DROP")
		},
	},
	{
		Name: "iptables-recent", Cause: "netfilter.rate-limit", sick: "server",
		About: "a list of recent clients in the legacy tables drops who comes too often; seen from the service's host",
		plan: func(s *site) error {
			return s.tabled("iptables-legacy", 8085, "timeout",
				fmt.Sprintf("-A INPUT -p tcp --dport 8085 --syn -m recent --name seen%d --set", s.subnet),
				fmt.Sprintf("-A INPUT -p tcp --dport 8085 --syn -m recent --name seen%d --rcheck --seconds 3 --hitcount 15 -j DROP", s.subnet))
		},
	},
	{
		Name: "iptables-connlimit", Cause: "netfilter.rate-limit", sick: "server",
		About:  "iptables-nft refuses more than so many connections with resets; seen from the service's host",
		Unseen: "without the rules a limit looks like any other way in which packets vanish", UnseenBy: "nobody",
		plan: func(s *site) error {
			const most = 14
			err := s.tabled("iptables-nft", 7688, "refused", fmt.Sprintf("-A INPUT -p tcp --dport 7688 --syn -m connlimit --connlimit-above %d -j REJECT --reject-with tcp-reset", most))
			if err != nil {
				return err
			}
			return s.client.cast("sessions", &caller{Target: s.server.at(7688), Keep: most, Pause: 0.6, Reply: 400})
		},
	},
	{
		Name: "iptables-invalid", Cause: "netfilter.conntrack-invalid", sick: "server",
		About:  "a service's host forgets idle connections, and a rule of the legacy tables drops their packets; seen from that host",
		Unseen: "without the rules and the kernel's reasons a few invalid packets look like strays of the internet", UnseenBy: "nobody",
		plan: func(s *site) error { return s.outOfStateTabled("iptables-legacy", 5674) },
	},
	{
		Name: "iptables-invalid-nft", Cause: "netfilter.conntrack-invalid", sick: "server",
		About:  "a service's host forgets idle connections, and a rule of iptables-nft drops their packets; seen from that host",
		Unseen: "without the rules and the kernel's reasons a few invalid packets look like strays of the internet", UnseenBy: "nobody",
		plan: func(s *site) error { return s.outOfStateTabled("iptables-nft", 9043) },
	},
}

// tabled has clients of a service whose packets meet rules of iptables on its
// host; the clients' failures of that kind are the proof.
func (s *site) tabled(tool string, port uint16, kind string, rules ...string) error {
	return s.served(false, port, kind, func() error { return s.server.iptables(tool, rules...) })
}

func (s *site) outOfStateTabled(tool string, port uint16) error {
	return s.outOfState(port, func() error {
		return s.server.iptables(tool, "-A INPUT -m conntrack --ctstate INVALID -j DROP",
			"-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT")
	})
}
