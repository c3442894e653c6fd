package checklist

import (
	"maps"

	"whydrop/probes/fact"
)

// firewallReason is the kernel's reason for what netfilter takes.
const firewallReason = "NETFILTER_DROP"

// ruleDrops adds to each firewall rule what the kernel dropped for netfilter on
// its way to the port that the rule names, an estimate (dropped). A default that
// refuses the rest has what was for ports that no rule names. A rule without a
// counter is told from another one by it. Ports are known of the ends that lose
// most; of any other port it is unknown.
func ruleDrops(f *fact.Facts) []fact.Row {
	ports := map[float64]float64{}
	for _, row := range f.Tables["drop_end"] {
		port, known := row["port"].(float64)
		n, _ := row["packets"].(float64)
		if known && row["reason"] == firewallReason && row["side"] == "to" {
			ports[port] += n
		}
	}
	rules := f.Tables["rule"]
	others, told := toNoRule(rules, ports)
	rows := make([]fact.Row, len(rules))
	for i, have := range rules {
		rows[i] = have
		port, named := have["port"].(float64)
		n, known := ports[port]
		if all, _ := have["catch_all"].(bool); all && !named {
			n, known = others, told
		} else if !named {
			continue
		}
		if known {
			rows[i] = maps.Clone(have)
			rows[i]["dropped"] = n
		}
	}
	return rows
}

// toNoRule adds up what was for ports that no rule names. It is not told where a
// rule that is no default names no port: it may take anything.
func toNoRule(rules []fact.Row, ports map[float64]float64) (packets float64, told bool) {
	rest := maps.Clone(ports)
	for _, r := range rules {
		is := func(flag string) bool { set, _ := r[flag].(bool); return set }
		port, named := r["port"].(float64)
		switch {
		case named:
			delete(rest, port)
		case is("tcp") && !is("catch_all") && !is("ct_invalid"):
			return 0, false
		}
	}
	for _, n := range rest {
		packets += n
	}
	return packets, len(rest) > 0
}
