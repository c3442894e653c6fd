package links

import (
	"fmt"
	"sort"

	"whydrop/probes/fact"
)

const (
	maxQueueRows   = 256 // rows of the table qdisc
	maxNicstatRows = 200 // rows of the table nicstat
)

// Facts derives the tables link, nicstat and qdisc. Links and queues that are
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
	if last.Cut {
		f.CannotSee(probe, fmt.Sprintf("links beyond the first %d or queues beyond the first %d", maxLinks, maxQueues), "")
	}
	linkFacts(looks, f)
	nicstatFacts(looks, f)
	queueFacts(looks, at[len(at)-1].At.Sub(at[0].At).Seconds(), f)
}

// linkKey tells links apart: an index is given again after a while.
type linkKey struct {
	index int
	name  string
}

// grown is what a link's counters gained from look to look.
type grown struct {
	last    *Link
	looks   int
	changes float64
	stats   []float64
}

func (g *grown) add(l *Link) {
	if g.last != nil {
		if l.Changes != nil && g.last.Changes != nil {
			n, _ := fact.Growth(uint64(*g.last.Changes), uint64(*l.Changes), 32)
			g.changes += float64(n)
		}
		if g.stats == nil {
			g.stats = make([]float64, len(l.Stats))
		}
		for i := range min(len(l.Stats), len(g.last.Stats), len(g.stats)) {
			// Some drivers count in 32 bits and only show 64.
			n, _ := fact.Growth(g.last.Stats[i], l.Stats[i], 32)
			g.stats[i] += float64(n)
		}
	}
	g.last = l
	g.looks++
}

func linkFacts(looks []*Reading, f *fact.Facts) {
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
	down, changes, total, known := 0.0, 0.0, 0.0, false
	for i := range last.Links {
		l := &last.Links[i]
		g := sums[linkKey{l.Index, l.Name}]
		row := linkRow(l, g)
		row["master"] = names[l.Master] // "" for none
		inUse := downInUse(l, ports[l.Index])
		row["down_in_use"] = inUse
		if inUse {
			down++
		}
		if l.Changes != nil {
			known = true
			changes += g.changes
			total += float64(*l.Changes)
		}
		f.Add("link", row)
	}
	f.Gauge("link.down_with_routes", down)
	if known && len(looks) > 1 {
		f.Count("link.carrier_changes", changes, total)
	}
}

// downInUse tells whether a link without carrier is missed. A bridge that
// nothing is plugged into (the idle bridge of a container engine) has no
// carrier by nature.
func downInUse(l *Link, ports int) bool {
	return l.Up && !l.Carrier && (l.Routed || l.Addresses > 0) && (l.Kind != "bridge" || ports > 0)
}

func linkRow(l *Link, g *grown) fact.Row {
	row := fact.Row{
		"name": l.Name, "kind": l.kind(), "hardware": l.device(),
		"up": l.Up, "carrier": l.Carrier, "xdp": l.XDP,
		"addresses": float64(l.Addresses), "routed": l.Routed,
		"mtu": float64(l.MTU), "txqueuelen": float64(l.TxQLen),
	}
	if l.Qdisc != "" {
		row["qdisc"] = l.Qdisc
	}
	for k, v := range l.Settings {
		row[k] = v
	}
	if driver, ok := row["driver"].(string); ok {
		row["ena"] = driver == "ena"
	}
	if l.Changes != nil {
		row["carrier_changes_total"] = float64(*l.Changes)
	}
	if g.looks < 2 {
		return row
	}
	if l.Changes != nil {
		row["carrier_changes"] = g.changes
	}
	for i, n := range g.stats {
		if name := statNames[i]; name != "" {
			row[name] = n
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

// moved is what one driver statistic did during the window.
type moved struct {
	link, stat string
	growth     float64
	restarted  bool
}

// nicstatFacts compares the looks that read driver statistics. The table is
// absent when none of them could be compared.
func nicstatFacts(looks []*Reading, f *fact.Facts) {
	before := map[linkKey]map[string]uint64{}
	sums := map[linkKey]map[string]*moved{}
	for _, r := range looks {
		for i := range r.Links {
			l := &r.Links[i]
			if l.Trouble == nil {
				continue
			}
			k := linkKey{l.Index, l.Name}
			if was := before[k]; was != nil {
				if sums[k] == nil {
					sums[k] = map[string]*moved{}
				}
				compare(l.Name, was, l.Trouble, sums[k])
			}
			before[k] = l.Trouble
		}
	}
	if len(sums) > 0 {
		f.Table("nicstat")
	}
	var rows []*moved
	for _, stats := range sums {
		for _, m := range stats {
			rows = append(rows, m)
		}
	}
	sort.Slice(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		if a.growth != b.growth {
			return a.growth > b.growth
		}
		return a.link+" "+a.stat < b.link+" "+b.stat
	})
	for _, m := range rows[:min(len(rows), maxNicstatRows)] {
		f.Add("nicstat", fact.Row{
			"name": m.link + " " + m.stat, "link": m.link, "stat": m.stat,
			"growth": m.growth, "restarted": m.restarted,
		})
	}
}

// compare adds to sums what moved between two readings of one driver. A
// statistic that a reading does not hold is zero.
func compare(link string, before, after map[string]uint64, sums map[string]*moved) {
	note := func(stat string, was, is uint64) {
		if was == is {
			return
		}
		n, restarted := fact.Growth(was, is, 32)
		m := sums[stat]
		if m == nil {
			m = &moved{link: link, stat: stat}
			sums[stat] = m
		}
		m.growth += float64(n)
		m.restarted = m.restarted || restarted
	}
	for stat, is := range after {
		note(stat, before[stat], is)
	}
	for stat, was := range before {
		if _, still := after[stat]; !still {
			note(stat, was, 0)
		}
	}
}
