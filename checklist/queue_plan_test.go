package checklist

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"whydrop/probes/fact"
)

// TestPlanForQueues plans for queues that drop, on kernels that have fair queues and on
// one that has none: what is proposed is there, and what the kernel made in a class is
// replaced where it can come back.
func TestPlanForQueues(t *testing.T) {
	row := func(more fact.Row) fact.Row {
		r := fact.Row{"link": "eth0", "root": false, "leaf": true, "by_default": true, "class": false, "ingress": false, "shaper": false, "under_shaper": false, "netem_loss": false,
			"drops": 50.0, "sent_packets": 5000.0, "sent_bps": 4e6, "backlog_min": 0.0, "backlog_peak": 20.0}
		maps.Copy(r, more)
		return r
	}
	root := row(fact.Row{"name": "eth0 pfifo_fast 0:", "kind": "pfifo_fast", "root": true, "limit_packets": 1000.0})
	class := row(fact.Row{"name": "eth0 htb 1:10", "handle": "1:10", "kind": "htb", "leaf": false, "by_default": false, "class": true, "shaper": true, "rate_bps": 4e6, "default_fifo_packets": 24.0})
	leaf := row(fact.Row{"name": "eth0 pfifo parent 1:10", "parent": "1:10", "kind": "pfifo", "under_shaper": true, "shaper_rate_bps": 4e6, "limit_packets": 24.0})
	owned := row(fact.Row{"name": "eth0 htb 1:10", "handle": "1:10", "kind": "htb", "leaf": false, "by_default": false, "class": true, "shaper": true, "rate_bps": 4e6, "default_fifo_packets": 0.0})
	own := row(fact.Row{"name": "eth0 pfifo 10:", "parent": "1:10", "handle": "10:", "by_default": false, "kind": "pfifo", "under_shaper": true, "shaper_rate_bps": 4e6, "limit_packets": 24.0})
	const all = "fq_codel fq sfq cake"
	for _, c := range []struct {
		name, cause, lacks string
		rows               []fact.Row
		want               string // the steps, each with what it sets
	}{
		{"a kernel with all", "qdisc.overflow", "", []fact.Row{root}, "fair-queue[ fq_codel] offer-less"},
		{"without fq_codel", "qdisc.overflow", "fq_codel cake", []fact.Row{root}, "fair-queue[ fq] offer-less"},
		{"with sfq alone", "qdisc.overflow", "fq_codel fq cake", []fact.Row{root}, "fair-queue[ sfq] offer-less"},
		{"with none", "qdisc.overflow", all, []fact.Row{root}, "offer-less get-fair-queue"},
		{"a class with a short queue", "qdisc.overflow", all, []fact.Row{class, leaf}, "longer-class-queue[1:10 leaf pfifo limit 100] offer-less get-fair-queue"},
		{"a class at its rate", "qdisc.shaper", all, []fact.Row{class, leaf}, "fit-class[1:10 ceil 32mbit][1:10 leaf pfifo limit 267] class-queue[1:10 leaf pfifo limit 34]"},
		{"the same where fq_codel is there", "qdisc.shaper", "", []fact.Row{class, leaf}, "fit-class[1:10 ceil 32mbit][1:10 leaf pfifo limit 267] class-queue[1:10 leaf pfifo limit 34] fair-class[1:10 leaf fq_codel]"},
		{"a class with a queue of somebody's", "qdisc.shaper", all, []fact.Row{owned, own}, "fit-class-ceil[1:10 ceil 32mbit] longer-leaf[10: limit 100]"},
	} {
		f := lasting(5, func(f *fact.Facts) {
			for _, d := range strings.Fields(all) {
				f.Flag("qdisc.lacks_"+d, slices.Contains(strings.Fields(c.lacks), d))
			}
			for _, r := range c.rows {
				f.Add("qdisc", r)
			}
		})
		var got []string
		p := &planner{facts: newScene(f, nil)}
		for _, s := range p.planFor(trialBook(t).Cause(c.cause)) {
			says := s.Remedy.ID
			for _, set := range s.Changes {
				says += "[" + set.Field + " " + set.To + "]"
			}
			got = append(got, says)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s:\n%s, expected\n%s", c.name, strings.Join(got, " "), c.want)
		}
	}
}
