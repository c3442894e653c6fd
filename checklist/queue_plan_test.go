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
// replaced where it can come back. A queue comes before the rate of the shaper above
// it, which is a person's decision.
func TestPlanForQueues(t *testing.T) {
	row := func(more fact.Row) fact.Row {
		r := fact.Row{"link": "eth0", "root": false, "leaf": true, "by_default": true, "class": false, "ingress": false, "shaper": false, "under_shaper": false, "netem_loss": false,
			"drops": 50.0, "sent_packets": 5000.0, "sent_bps": 4e6, "backlog_min": 0.0, "backlog_peak": 20.0, "frame_bytes": 1514.0, "packet_bytes": 65536.0}
		maps.Copy(r, more)
		return r
	}
	root := row(fact.Row{"name": "eth0 pfifo_fast 0:", "kind": "pfifo_fast", "root": true, "limit_packets": 1000.0})
	class := row(fact.Row{"name": "eth0 htb 1:10", "handle": "1:10", "kind": "htb", "leaf": false, "by_default": false, "class": true, "shaper": true, "rate_bps": 4e6, "default_fifo_packets": 24.0})
	leaf := row(fact.Row{"name": "eth0 pfifo parent 1:10", "parent": "1:10", "kind": "pfifo", "under_shaper": true, "shaper_rate_bps": 4e6, "limit_packets": 24.0})
	owned := row(fact.Row{"name": "eth0 htb 1:10", "handle": "1:10", "kind": "htb", "leaf": false, "by_default": false, "class": true, "shaper": true, "rate_bps": 4e6, "default_fifo_packets": 0.0})
	own := row(fact.Row{"name": "eth0 pfifo 10:", "parent": "1:10", "handle": "10:", "by_default": false, "kind": "pfifo", "under_shaper": true, "shaper_rate_bps": 4e6, "limit_packets": 24.0})
	with := func(r fact.Row, more fact.Row) fact.Row {
		r = maps.Clone(r)
		maps.Copy(r, more)
		return r
	}
	bytes := with(own, fact.Row{"name": "eth0 bfifo 10:", "kind": "bfifo", "limit_bytes": 4000.0})
	bucket := row(fact.Row{"name": "eth0 tbf 1:", "handle": "1:", "kind": "tbf", "root": true, "by_default": false, "shaper": true, "rate_bps": 3e7, "sent_bps": 3e7, "limit_bytes": 4000.0, "burst_bytes": 20000.0})
	const all = "fq_codel fq sfq cake"
	for _, c := range []struct {
		name, cause, lacks string
		rows               []fact.Row
		want               string // the steps, each with what it sets; ? is a decision
	}{
		{"a kernel with all", "qdisc.overflow", "", []fact.Row{root}, "fair-queue[ fq_codel] offer-less"},
		{"without fq_codel", "qdisc.overflow", "fq_codel cake", []fact.Row{root}, "fair-queue[ fq] offer-less"},
		{"with sfq alone", "qdisc.overflow", "fq_codel fq cake", []fact.Row{root}, "fair-queue[ sfq] offer-less"},
		{"with none", "qdisc.overflow", all, []fact.Row{root}, "offer-less get-fair-queue"},
		{"a class with a short queue", "qdisc.overflow", all, []fact.Row{class, leaf}, "longer-class-queue[1:10 leaf bfifo limit 500000] offer-less get-fair-queue"},
		{"a class at its rate", "qdisc.shaper", all, []fact.Row{class, leaf}, "class-queue[1:10 leaf bfifo limit 500000] fit-class?[1:10 ceil 6mbit][1:10 leaf bfifo limit 500000]"},
		{"the same where fq_codel is there", "qdisc.shaper", "", []fact.Row{class, leaf}, "class-queue[1:10 leaf bfifo limit 500000] fit-class?[1:10 ceil 6mbit][1:10 leaf bfifo limit 500000] fair-class[1:10 leaf fq_codel]"},
		{"a class with a queue of somebody's", "qdisc.shaper", all, []fact.Row{owned, own}, "longer-leaf[10: limit 100] fit-class-ceil?[1:10 ceil 6mbit]"},
		{"the same without offload", "qdisc.shaper", all, []fact.Row{owned, with(own, fact.Row{"packet_bytes": 1514.0})}, "longer-leaf[10: limit 331] fit-class-ceil?[1:10 ceil 6mbit]"},
		{"a class with a queue in bytes", "qdisc.shaper", all, []fact.Row{owned, bytes}, "longer-bfifo-leaf[10: limit 500000] fit-class-ceil?[1:10 ceil 6mbit]"},
		{"bursts for a queue in bytes", "qdisc.overflow", all, []fact.Row{owned, bytes}, "longer-bfifo-below[10: limit 500000] offer-less get-fair-queue"},
		{"a class with a long queue", "qdisc.shaper", all, []fact.Row{with(class, fact.Row{"default_fifo_packets": 1000.0})}, "fit-class-ceil?[1:10 ceil 6mbit]"},
		{"a token bucket", "qdisc.shaper", all, []fact.Row{bucket}, "longer-tbf[1: limit 1500000] fit-tbf?[1: rate 45mbit][1: limit 1500000]"},
		{"one that drops most of what it is offered", "qdisc.shaper", all, []fact.Row{with(bucket, fact.Row{"drops": 5000.0})}, "longer-tbf[1: limit 1500000] fit-tbf?[1: rate 75mbit][1: limit 1500000]"},
		{"one that is slow", "qdisc.shaper", all, []fact.Row{with(bucket, fact.Row{"rate_bps": 5e5, "sent_bps": 5e5})}, "longer-tbf[1: limit 131072] fit-tbf?[1: rate 1mbit][1: limit 131072]"},
		{"one with a long queue", "qdisc.shaper", all, []fact.Row{with(bucket, fact.Row{"limit_bytes": 1400000.0})}, "fit-tbf?[1: rate 45mbit][1: limit 1400000]"},
		{"one that no full packet fits into", "qdisc.overflow", all, []fact.Row{with(bucket, fact.Row{"burst_bytes": 1000.0, "sent_bps": 1e5})}, "wider-tbf[1: burst 37500] offer-less"},
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
			if s.Decision() {
				says += "?"
			}
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
