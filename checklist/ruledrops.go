package checklist

import (
	"maps"

	"whydrop/probes/fact"
)

// firewallReason is the kernel's reason for what netfilter takes.
const firewallReason = "NETFILTER_DROP"

// ruleDrops adds to each firewall rule that names a destination port what the
// kernel dropped for netfilter on its way to that port, an estimate (dropped). A
// rule without a counter is told from another one by it. Ports are known of the
// ends that lose most; of any other port it is unknown.
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
	rows := make([]fact.Row, len(rules))
	for i, have := range rules {
		rows[i] = have
		port, named := have["port"].(float64)
		if n, ok := ports[port]; named && ok {
			rows[i] = maps.Clone(have)
			rows[i]["dropped"] = n
		}
	}
	return rows
}
