package checklist

import (
	"strings"
	"testing"
)

// quietENA is what the driver of an instance within its allowances counts.
const quietENA = "bw_in_allowance_exceeded, bw_out_allowance_exceeded, pps_allowance_exceeded, conntrack_allowance_exceeded, linklocal_allowance_exceeded, queue_0_rx_cnt 200000"

// What stands between an instance and its peers leaves no counter on the instance: by
// what is measured none of it is sure, and what the operator knows singles it out.
func TestCloudIsToldByTheOperator(t *testing.T) {
	for _, c := range []struct {
		cause, lab string
		answers    map[string]string
	}{
		{"aws.security-group", "nic/path-filtered", map[string]string{
			"Q1b": "sudden-constant", "Q2a": "connect-timeout", "Q3b": "new-only", "Q4a": "firewall", "Q5a": "aws", "Q7a": "cloud-rules", "Q7b": "default-deny",
		}},
		{"aws.network-acl", "nic/path-filtered", map[string]string{
			"Q1a": "one-segment", "Q2a": "connect-timeout", "Q4a": "firewall", "Q5a": "aws", "Q7a": "cloud-rules", "Q7b": "stateless-acl",
		}},
		{"aws.lb-idle-timeout", "lab/idle-timeout", map[string]string{
			"Q1b": "after-idle", "Q2a": "idle-dies", "Q3b": "idle-only", "Q5a": "load-balancer", "Q9a": "no-keepalive",
		}},
		{"aws.nat-gateway", "nic/path-filtered", map[string]string{
			"Q1a": "many-systems", "Q2b": "many-outbound", "Q3a": "outgoing", "Q4a": "more-traffic", "Q4b": "ports", "Q5a": "nat", "Q9a": "no-pooling",
		}},
		{"aws.mtu", "lab/pmtu-blackhole", map[string]string{
			"Q2a": "large-stalls", "Q3b": "large-only", "Q5a": "aws", "Q7b": "icmp-blocked", "Q10a": "full-size-lost",
		}},
	} {
		t.Run(c.cause, func(t *testing.T) {
			cs := newCase(t, "")
			r := &reading{Driver: "ena", Before: lines(quietENA), After: lines("queue_0_rx_cnt 390000")}
			before := r.diagnosed(t, cs, recordedHost(t, "../"+c.lab))
			for _, f := range before.Findings {
				if strings.HasPrefix(f.Cause.ID, "aws.") && f.Probability >= 0.9 {
					t.Errorf("%s is sure by measurement alone%s", f.Cause.ID, leading(before))
				}
			}
			for q, option := range c.answers {
				if err := cs.Answer(q, Answer{Options: []string{option}}); err != nil {
					t.Error(err)
				}
			}
			after := cs.Diagnose()
			told := after.Finding(c.cause)
			if told.Probability <= before.Finding(c.cause).Probability {
				t.Errorf("the answers make %s no likelier%s", c.cause, leading(after))
			}
			for _, f := range after.Findings {
				if strings.HasPrefix(f.Cause.ID, "aws.") && f.Probability > told.Probability {
					t.Errorf("the answers lead to %s rather than to %s%s", f.Cause.ID, c.cause, leading(after))
				}
			}
		})
	}
}

// lines is what ethtool -S prints of "NAME NUMBER, NAME NUMBER".
func lines(dump string) string {
	var b strings.Builder
	for _, s := range strings.Split(dump, ", ") {
		name, number, found := strings.Cut(s, " ")
		if !found {
			number = "0"
		}
		b.WriteString(name + ": " + number + "\n")
	}
	return b.String()
}
