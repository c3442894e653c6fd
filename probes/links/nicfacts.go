package links

import (
	"slices"

	"whydrop/probes/fact"
)

// run is what the statistics of one link's driver did from look to look.
type run struct {
	link      string
	last      *Counters
	looks     int
	growth    []float64 // of each value
	restarted []bool    // of each value: it fell
	moved     []movement
}

// add takes the next reading. Values can only be compared while the driver
// shows the same statistics: otherwise the run begins anew.
func (r *run) add(c *Counters) {
	if r.last == nil || r.last.Layout != c.Layout || len(c.Values) != len(r.growth) {
		n := len(c.Values)
		r.growth, r.restarted, r.looks = make([]float64, n), make([]bool, n), 0
	} else {
		for i, is := range c.Values {
			n, fell := fact.Growth(r.last.Values[i], is, 32)
			r.growth[i] += float64(n)
			r.restarted[i] = r.restarted[i] || fell
		}
	}
	r.last = c
	r.looks++
}

// movement is what one statistic did, over all of its queues.
type movement struct {
	growth, own     float64 // own: what no other statistic of the driver counts, too
	total, ownTotal float64
	worst           string // the queue that grew most
	worstGrowth     float64
	restarted       bool
}

// movements are what the statistics of the layout did, in its order.
func (r *run) movements() []movement {
	out := make([]movement, len(r.last.Layout.Stats))
	places := map[string]int{}
	for i := range r.last.Layout.Stats {
		k, m := &r.last.Layout.Stats[i], &out[i]
		places[k.Name] = i
		for q, queue := range k.Queues {
			at := k.First + q
			if at >= len(r.growth) {
				break
			}
			m.growth += r.growth[at]
			m.total += float64(r.last.Values[at])
			m.restarted = m.restarted || r.restarted[at]
			if r.growth[at] > m.worstGrowth {
				m.worst, m.worstGrowth = queue, r.growth[at]
			}
		}
	}
	for i := range r.last.Layout.Stats {
		m := &out[i]
		m.own, m.ownTotal = m.growth, m.total
		for _, name := range r.last.Layout.Stats[i].Sums {
			if part, there := places[name]; there {
				m.own -= out[part].growth
				m.ownTotal -= out[part].total
			}
		}
		m.own, m.ownTotal = max(0, m.own), max(0, m.ownTotal)
	}
	return out
}

// nicRuns follows the statistics of every link whose driver was asked.
func nicRuns(looks []*Reading) map[linkKey]*run {
	runs := map[linkKey]*run{}
	for _, r := range looks {
		for i := range r.Links {
			l := &r.Links[i]
			if l.Counters == nil || l.Counters.Layout == nil {
				continue
			}
			k := linkKey{l.Index, l.Name}
			if runs[k] == nil {
				runs[k] = &run{link: l.Name}
			}
			runs[k].add(l.Counters)
		}
	}
	for _, r := range runs {
		r.moved = r.movements()
	}
	return runs
}

// nicFacts derives the tables nic and nicstat for the links that are there at
// the last look. They are absent when no driver's statistics were read.
func nicFacts(links []Link, runs map[linkKey]*run, f *fact.Facts) {
	if len(runs) == 0 {
		return
	}
	f.Table("nic")
	f.Table("nicstat")
	var rows []fact.Row
	for _, l := range links {
		r := runs[linkKey{l.Index, l.Name}]
		if r == nil {
			continue
		}
		f.Add("nic", r.nicRow())
		for i := range r.moved {
			if m := &r.moved[i]; m.total > 0 || m.growth > 0 || m.restarted {
				rows = append(rows, r.statRow(&r.last.Layout.Stats[i], m))
			}
		}
	}
	slices.SortStableFunc(rows, worseRow)
	for _, row := range rows[:min(len(rows), maxNicstatRows)] {
		f.Add("nicstat", row)
	}
}

// overrun adds to a row of the table link how many frames were lost because the
// ring or the device's memory was full: by the standard counters or, where they
// tell more, by the driver's own. In the standard counters the same loss can
// stand twice (rx_fifo of igb holds rx_missed), and some drivers count events
// there that are no loss (rx_over of tg3). r may be nil.
func (r *run) overrun(row fact.Row) {
	var nic fact.Row
	if r != nil {
		nic = r.nicRow()
	}
	for _, suffix := range []string{"", "_total"} {
		most, known := 0.0, false
		for _, name := range []string{"rx_missed", "rx_fifo", "rx_over"} {
			if n, ok := row[name+suffix].(float64); ok && !r.harmless(name) {
				most, known = max(most, n), true
			}
		}
		own := 0.0
		for _, meaning := range []string{"ring_overflow", "buffer_overflow"} {
			n, ok := nic[meaning+suffix].(float64)
			own, known = own+n, known || ok
		}
		if known {
			row["overrun"+suffix] = max(most, own)
		}
	}
}

// harmless tells whether a standard counter shows only what the driver says is
// no proof of loss. r may be nil.
func (r *run) harmless(field string) bool {
	told := false
	if r != nil {
		for i := range r.last.Layout.Stats {
			k := &r.last.Layout.Stats[i]
			if k.Link == field && k.Loss == "yes" {
				return false
			}
			told = told || k.Link == field
		}
	}
	return told
}

// worseRow puts first what grew most, then what counted most before.
func worseRow(a, b fact.Row) int {
	for _, field := range []string{"growth", "growth_total"} {
		x, _ := a[field].(float64)
		y, _ := b[field].(float64)
		if x != y {
			if x > y {
				return -1
			}
			return 1
		}
	}
	return 0
}

func (r *run) statRow(k *Known, m *movement) fact.Row {
	row := fact.Row{
		"name": r.link + " " + k.Shown, "link": r.link, "driver": r.last.Layout.Driver, "stat": k.Shown,
		"meaning": k.Meaning, "means": k.Means, "hop": k.Hop, "direction": k.Direction, "loss": k.Loss,
		"guess": k.Guess, "standard": k.Link, "growth_total": m.total, "own_total": m.ownTotal,
	}
	if len(k.Queues) > 1 {
		row["queues"] = float64(len(k.Queues))
	}
	if r.looks < 2 {
		return row
	}
	row["growth"], row["own"], row["restarted"] = m.growth, m.own, m.restarted
	row["part"] = m.growth > 0 && m.own == 0
	if len(k.Queues) > 1 && m.worstGrowth > 0 {
		row["worst_queue"], row["worst_growth"] = m.worst, m.worstGrowth
	}
	return row
}

// nicRow adds up by meaning. A meaning that the driver has no statistic for is
// absent: unknown, not zero. What is only guessed is left out.
func (r *run) nicRow() fact.Row {
	row := fact.Row{"name": r.link, "driver": r.last.Layout.Driver}
	known, restarted := false, false
	sum := func(field string, n float64) {
		was, _ := row[field].(float64)
		row[field] = was + n
	}
	for i, k := range r.last.Layout.Stats {
		if k.Guess {
			continue
		}
		known = true
		restarted = restarted || r.moved[i].restarted
		sum(k.Meaning+"_total", r.moved[i].ownTotal)
		if r.looks > 1 {
			sum(k.Meaning, r.moved[i].own)
		}
	}
	row["known"] = known
	if r.looks > 1 {
		row["restarted"] = restarted
	}
	return row
}
