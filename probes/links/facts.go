package links

import (
	"fmt"
	"slices"

	"whydrop/probes/fact"
)

const (
	maxQueueRows   = 256 // rows of the table qdisc
	maxNicstatRows = 256 // rows of the table nicstat
)

// Facts derives the tables link, nic, nicstat and qdisc. Links and queues that are
// gone at the last look are left out; one that came during the window counts
// from its first look.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	var looks []*Reading
	var at []fact.Reading
	for _, r := range readings {
		if d, ok := r.Data.(*Reading); ok && d != nil {
			looks, at = append(looks, d), append(at, r)
		}
	}
	if len(looks) == 0 {
		return
	}
	last := looks[len(looks)-1]
	if last.Silent != "" {
		f.CannotSee(probe, "driver statistics and settings: the driver of "+last.Silent+" does not answer", "")
	}
	if last.Unasked > 0 && last.Silent == "" {
		f.CannotSee(probe, fmt.Sprintf("driver statistics and settings of %d links at every look: their drivers are too slow", last.Unasked), "")
	}
	if last.Cut {
		f.CannotSee(probe, fmt.Sprintf("links beyond the first %d or queues beyond the first %d", maxLinks, maxQueues), "")
	}
	for _, d := range disciplines {
		f.Flag("qdisc.lacks_"+d, slices.Contains(last.Lacks, d))
	}
	runs := nicRuns(looks)
	linkFacts(looks, runs, f)
	nicFacts(last.Links, runs, f)
	queueFacts(looks, at[len(at)-1].At.Sub(at[0].At).Seconds(), f)
}

// linkKey tells links apart: an index is given again after a while.
type linkKey struct {
	index int
	name  string
}

// grown is what a link's counters gained from look to look.
type grown struct {
	last     *Link
	looks    int
	changes  float64
	failures float64 // of a bond's member
	stats    []float64
}

func (g *grown) add(l *Link) {
	if g.last != nil {
		if l.Changes != nil && g.last.Changes != nil {
			n, _ := fact.Growth(uint64(*g.last.Changes), uint64(*l.Changes), 32)
			g.changes += float64(n)
		}
		if l.Port.Failures != nil && g.last.Port.Failures != nil {
			g.failures += growth(uint64(*g.last.Port.Failures), uint64(*l.Port.Failures))
		}
		if g.stats == nil {
			g.stats = make([]float64, len(l.Stats))
		}
		for i := range min(len(l.Stats), len(g.last.Stats), len(g.stats)) {
			g.stats[i] += growth(g.last.Stats[i], l.Stats[i])
		}
	}
	g.last = l
	g.looks++
}

func linkFacts(looks []*Reading, runs map[linkKey]*run, f *fact.Facts) {
	sums := map[linkKey]*grown{}
	for _, r := range looks {
		for i := range r.Links {
			l := &r.Links[i]
			k := linkKey{l.Index, l.Name}
			if sums[k] == nil {
				sums[k] = &grown{}
			}
			sums[k].add(l)
		}
	}
	f.Table("link")
	last := looks[len(looks)-1]
	names, ports := map[int]string{}, map[int]int{}
	for _, l := range last.Links {
		names[l.Index] = l.Name
		if l.Master != 0 && l.Up {
			ports[l.Master]++
		}
	}
	changes, total, known := 0.0, 0.0, false
	uses := map[string]float64{}
	for i := range last.Links {
		l := &last.Links[i]
		g := sums[linkKey{l.Index, l.Name}]
		row := linkRow(l, g)
		row["master"] = names[l.Master] // "" for none
		runs[linkKey{l.Index, l.Name}].overrun(row)
		use := use(l, ports[l.Index])
		row["down_in_use"], row["off_in_use"] = use == useDown, use == useOff
		uses[use]++
		if l.Changes != nil {
			known = true
			changes += g.changes
			total += float64(*l.Changes)
		}
		f.Add("link", row)
	}
	f.Gauge("link.down_with_routes", uses[useDown])
	f.Gauge("link.off_with_addresses", uses[useOff])
	f.Gauge("link.usable", uses[useUp])
	if known && len(looks) > 1 {
		f.Count("link.carrier_changes", changes, total)
	}
}

// How a link stands to the host's traffic.
const (
	useUp   = "up"   // carries it
	useDown = "down" // should carry it and has no carrier
	useOff  = "off"  // carried it and was switched off
)

// use tells whether a link that does not work is missed. A bridge that nothing
// is plugged into (the idle bridge of a container engine) has no carrier by
// nature. The addresses of a link stay on it when it is switched off; one that
// never sent anything was never in use.
func use(l *Link, ports int) string {
	wanted := l.Routed || l.Addresses > 0
	switch {
	case l.Loopback || !wanted:
		return ""
	case l.Up && l.Carrier:
		return useUp
	case l.Up && (l.Kind != "bridge" || ports > 0):
		return useDown
	case !l.Up && l.Addresses > 0 && len(l.Stats) > 1 && l.Stats[1] > 0:
		return useOff
	}
	return ""
}

func linkRow(l *Link, g *grown) fact.Row {
	row := make(fact.Row, 96) // room for all fields: a host can have a thousand links
	row["name"], row["kind"], row["hardware"] = l.Name, l.kind(), l.device()
	row["up"], row["carrier"], row["xdp"] = l.Up, l.Carrier, l.XDP
	row["addresses"], row["routed"] = float64(l.Addresses), l.Routed
	row["mtu"], row["txqueuelen"] = float64(l.MTU), float64(l.TxQLen)
	if l.Qdisc != "" {
		row["qdisc"] = l.Qdisc
	}
	for k, v := range l.Settings {
		row[k] = v
	}
	if driver, ok := row["driver"].(string); ok {
		row["ena"] = driver == "ena"
	}
	if l.Port.State != "" {
		row["port_state"] = l.Port.State
	}
	if l.Port.MII != nil {
		row["mii_up"] = *l.Port.MII
	}
	compared := g.looks > 1
	count := func(name string, growth float64, total uint64) {
		row[name+"_total"] = float64(total)
		if compared {
			row[name] = growth
		}
	}
	if l.Changes != nil {
		count("carrier_changes", g.changes, uint64(*l.Changes))
	}
	if l.Port.Failures != nil {
		count("link_failures", g.failures, uint64(*l.Port.Failures))
	}
	for i, total := range l.Stats {
		if name := statNames[i]; name != "" {
			n := 0.0
			if i < len(g.stats) {
				n = g.stats[i]
			}
			count(name, n, total)
		}
	}
	return row
}

// kind names the link's kind; a device of a driver has none of its own.
func (l *Link) kind() string {
	switch {
	case l.Loopback:
		return "loopback"
	case l.Kind != "":
		return l.Kind
	}
	return "device"
}
