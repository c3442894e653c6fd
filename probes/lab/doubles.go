//go:build linux

package lab

import (
	"cmp"
	"slices"
)

// doubleFaults are benches with two faults at once, both to be named. The first
// builds the network.
func doubleFaults() []Scenario {
	return []Scenario{
		both(appFaults, "slow-reader", filterFaults, "drop-rule"),
		both(listenFaults, "accept-queue-full", filterFaults, "reject-rule-reset"),
		// Loss on the path beside something local that must not explain it away.
		both(pathFaults, "path-loss-sender", appFaults, "slow-reader"),
		both(pathFaults, "path-loss-sender", listenFaults, "accept-queue-full"),
		both(pathFaults, "path-loss-sender", filterFaults, "drop-rule"),
		both(pathFaults, "path-loss-both-ways", peerFaults, "peer-refused"),
		both(wireFaults, "loss-long-path", tcpFaults, "port-closed"),
		both(wireFaults, "reordering", listenFaults, "accept-queue-full"),
		both(wireFaults, "corruption", filterFaults, "reject-rule-reset"),
		both(wireFaults, "duplication", appFaults, "app-aborts"),
		// Neighbouring hops of one host.
		both(listenFaults, "accept-queue-full", tcpFaults, "port-closed"),
		both(listenFaults, "accept-queue-full", tcpFaults, "timewait-overflow"),
		both(filterFaults, "drop-rule", filterFaults, "rate-limit-packets"),
		both(appFaults, "app-aborts", tcpFaults, "timewait-overflow"),
		both(queueFaults, "shaper", listenFaults, "accept-queue-full"),
		both(ipFaults, "blackhole-route", filterFaults, "reject-rule-icmp"),
		// Failing calls of several kinds from one client.
		both(peerFaults, "peer-refused", ipFaults, "no-route"),
		both(peerFaults, "peer-refused", pathFaults, "path-filtered"),
		both(peerFaults, "peer-slow-reader", filterFaults, "drop-rule-output"),
		both(pathFaults, "path-unreachable", peerFaults, "peer-resets"),
		// Faults of the lower hops beside one that is far above or next to them.
		both(bpfFaults, "xdp-drop", listenFaults, "accept-queue-full"),
		both(bpfFaults, "tc-drop-clsact", tcpFaults, "port-closed"),
		both(bpfFaults, "cgroup-drop", peerFaults, "peer-refused"),
		both(bpfFaults, "cgroup-drop-ingress", iptablesFaults, "iptables-drop"),
		both(conntrackFaults, "conntrack-invalid", bpfFaults, "tc-drop"),
		both(iptablesFaults, "iptables-hashlimit", ipFaults, "no-route-back"),
		both(ipFaults, "rp-filter", filterFaults, "reject-rule-icmp"),
		both(ipFaults, "reassembly-tcp", listenFaults, "accept-queue-full"),
		both(neighFaults, "neigh-dead-host", filterFaults, "rate-limit"),
		both(neighFaults, "neigh-router", filterFaults, "drop-rule-router"),
		both(queueFaults, "queue-overflow", tcpFaults, "port-closed"),
		both(queueFaults, "queue-overflow-router", filterFaults, "rate-limit-router"),
		both(linkFaults, "link-flap", filterFaults, "drop-rule"),
		both(linkFaults, "mtu-mismatch-small", filterFaults, "reject-rule-reset"),
	}
}

// both builds the network of the first scenario and brings up the fault of the
// second on it, too.
func both(some []Scenario, first string, others []Scenario, second string) Scenario {
	a := some[slices.IndexFunc(some, func(s Scenario) bool { return s.Name == first })]
	b := others[slices.IndexFunc(others, func(s Scenario) bool { return s.Name == second })]
	needs := a.Needs
	if b.Needs != "" {
		needs = b.Needs
	}
	return Scenario{
		Name: "two-" + a.Name + "+" + b.Name, Cause: a.Cause, And: b.Cause,
		Also: slices.Concat(a.Also, b.Also), sick: a.sick, Needs: needs,
		Settings: slices.Concat(a.Settings, b.Settings), Alone: cmp.Or(a.Alone, b.Alone),
		Unseen: cmp.Or(a.Unseen, b.Unseen), UnseenBy: cmp.Or(a.UnseenBy, b.UnseenBy),
		About: a.About + "; and " + b.About,
		plan: func(s *site) error {
			if err := a.plan(s); err != nil {
				return err
			}
			return b.plan(s)
		},
	}
}
