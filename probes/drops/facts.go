package drops

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"whydrop/probes/fact"
)

// topFlows is how many flows are told for each reason.
const topFlows = 10

// Facts adds the tables drop and drop_flow. With only one reading it is known
// what was dropped since the program was attached, but not what grew.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	first, ok1 := readings[0].Data.(*Reading)
	last, ok2 := readings[len(readings)-1].Data.(*Reading)
	if !ok1 || !ok2 {
		return
	}
	f.Table("drop")
	f.Table("drop_flow")
	if len(s.flow) > 0 {
		f.Text("drops.flow", flowText(s.flow))
	}
	grew := len(readings) > 1
	before := map[key]Tally{}
	for _, c := range first.Counts {
		before[c.key()] = c.Tally
	}
	total, start := last.Others, first.Others
	packets := map[group]float64{}
	carried := dataShares(readings[1:])
	for _, c := range last.Counts {
		was := before[c.key()]
		total.add(c.Tally)
		start.add(was)
		row := fact.Row{"name": c.name(), "direction": c.Direction.String()}
		if c.Reason != "" {
			row["reason"] = c.Reason
		}
		if c.Location != "" {
			row["location"] = c.Location
		}
		count(row, "packets", was.Packets, c.Packets, grew)
		count(row, "skbs", was.SKBs, c.SKBs, grew)
		count(row, "tcp_packets", was.TCPPackets, c.TCPPackets, grew)
		if share, sampled := carried[group{c.Reason, c.Direction}]; sampled && grew {
			row["data_packets"] = math.Round(share * growth(was.TCPPackets, c.TCPPackets))
		}
		f.Add("drop", row)
		packets[group{c.Reason, c.Direction}] += growth(was.Packets, c.Packets)
	}
	addOthers(f, first.Others, last.Others, grew)
	if !grew {
		return
	}
	f.Count("drops.packets", growth(start.Packets, total.Packets), float64(total.Packets))
	if last.Reasoned {
		f.Count("drops.missed", growth(first.Missed, last.Missed), float64(last.Missed))
	}
	addFlows(f, readings[1:], packets)
}

// addOthers tells of drops at so many places that they found no slot.
func addOthers(f *fact.Facts, before, after Tally, grew bool) {
	if after.SKBs == 0 {
		return
	}
	f.CannotSee(probe, "reasons of drops beyond the first 128 reasons and places on a CPU", "")
	row := fact.Row{"name": "other reasons and places"}
	count(row, "packets", before.Packets, after.Packets, grew)
	count(row, "skbs", before.SKBs, after.SKBs, grew)
	count(row, "tcp_packets", before.TCPPackets, after.TCPPackets, grew)
	f.Add("drop", row)
}

func count(row fact.Row, field string, before, after uint64, grew bool) {
	if grew {
		row[field] = growth(before, after)
	}
	row[field+"_total"] = float64(after)
}

func growth(before, after uint64) float64 {
	g, _ := fact.Growth(before, after, 64)
	return float64(g)
}

// name is what the row is called: "NETFILTER_DROP in nf_hook_slow".
func (c *Count) name() string {
	switch {
	case c.Reason == "" && c.Location == "":
		return "dropped"
	case c.Reason == "":
		return "dropped in " + c.Location
	case c.Location == "":
		return c.Reason
	}
	return c.Reason + " in " + c.Location
}

// group is what the packets of flows are estimated within.
type group struct {
	reason    string
	direction Direction
}

// dataShares returns the shares of the sampled TCP packets that carried data: what
// is lost of them leaves a gap, as no SYN and no bare acknowledgement does.
func dataShares(readings []fact.Reading) map[group]float64 {
	all, data := map[group]float64{}, map[group]float64{}
	for _, r := range readings {
		reading, ok := r.Data.(*Reading)
		if !ok {
			continue
		}
		for _, flow := range reading.Flows {
			if flow.Protocol == "tcp" {
				all[group{flow.Reason, flow.Direction}] += float64(flow.Weight)
				data[group{flow.Reason, flow.Direction}] += float64(flow.Data)
			}
		}
	}
	for g := range all {
		data[g] /= all[g]
	}
	return data
}

// addFlows estimates each flow's packets: the share of the samples that is its,
// by weight, times the packets that were dropped.
func addFlows(f *fact.Facts, readings []fact.Reading, packets map[group]float64) {
	sums := map[FlowSample]Tally{} // SKBs: samples, Packets: weight
	weights := map[group]float64{}
	missed := uint64(0)
	var listening []uint16
	for _, r := range readings {
		reading, ok := r.Data.(*Reading)
		if !ok {
			continue
		}
		missed += reading.SamplesMissed
		if len(reading.Listening) > 0 {
			listening = reading.Listening
		}
		for _, flow := range reading.Flows {
			id := flow
			id.Samples, id.Weight, id.Data = 0, 0, 0
			sum := sums[id]
			sum.add(Tally{SKBs: flow.Samples, Packets: flow.Weight})
			sums[id] = sum
			weights[group{flow.Reason, flow.Direction}] += float64(flow.Weight)
		}
	}
	f.Gauge("drops.samples_missed", float64(missed))
	flows := make([]FlowSample, 0, len(sums))
	for flow, sum := range sums {
		flow.Samples, flow.Weight = sum.SKBs, sum.Packets
		flows = append(flows, flow)
	}
	addEnds(f, flows, packets, weights)
	addClosedPort(f, flows)
	addWanted(f, flows, listening)
	slices.SortFunc(flows, compareFlows)
	told := map[string]int{}
	for _, flow := range flows {
		g := group{flow.Reason, flow.Direction}
		estimate := math.Round(packets[g] * float64(flow.Weight) / weights[g])
		if told[flow.Reason] == topFlows || estimate == 0 {
			continue
		}
		told[flow.Reason]++
		f.Add("drop_flow", flow.row(estimate))
	}
}

// compareFlows puts the heaviest flow of each reason first.
func compareFlows(a, b FlowSample) int {
	return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(b.Weight, a.Weight),
		a.Src.Compare(b.Src), a.Dst.Compare(b.Dst), cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Link, b.Link))
}

func (s *FlowSample) row(packets float64) fact.Row {
	row := fact.Row{
		"name": s.Protocol, "direction": s.Direction.String(), "protocol": s.Protocol,
		"samples": float64(s.Samples), "packets": packets,
	}
	if s.Reason != "" {
		row["reason"] = s.Reason
	}
	if s.Link != "" {
		row["link"] = s.Link
	}
	if s.Src.IsValid() && s.Dst.IsValid() {
		row["name"] = end(s.Src) + " > " + end(s.Dst)
		row["src"], row["dst"] = s.Src.Addr().String(), s.Dst.Addr().String()
		if s.Src.Port() != 0 || s.Dst.Port() != 0 {
			row["src_port"], row["dst_port"] = float64(s.Src.Port()), float64(s.Dst.Port())
		}
	}
	return row
}

// end is an address with its port, if it has one.
func end(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}
