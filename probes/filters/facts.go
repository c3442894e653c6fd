package filters

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whydrop/probes/fact"
)

const maxRuleRows = 60 // rows of the table rule

// Facts derives the tables rule and bpf, and the facts filter.* and
// conntrack.*.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	var looks []*Reading
	for _, r := range readings {
		if d, ok := r.Data.(*Reading); ok && d != nil {
			looks = append(looks, d)
		}
	}
	if len(looks) == 0 {
		return
	}
	conntrackFacts(looks, f)
	ruleFacts(looks, f)
	programFacts(looks, f)
}

func conntrackFacts(looks []*Reading, f *fact.Facts) {
	last := looks[len(looks)-1].Conntrack
	for name, v := range map[string]*float64{
		"conntrack.count": last.Count, "conntrack.max": last.Max, "conntrack.buckets": last.Buckets,
		"conntrack.be_liberal": last.Liberal, "conntrack.timeout_established": last.Established,
	} {
		if v != nil {
			f.Gauge(name, *v)
		}
	}
	share, known := 0.0, false
	for _, l := range looks {
		if c := l.Conntrack; c.Count != nil && c.Max != nil && *c.Max > 0 {
			share, known = max(share, *c.Count / *c.Max), true
		}
	}
	if known {
		f.Gauge("conntrack.share", share)
	}
	conntrackCounters(looks, f)
}

// conntrackCounters adds up the counters CPU by CPU: each wraps by itself.
func conntrackCounters(looks []*Reading, f *fact.Facts) {
	var growth, total [len(ctColumns)]float64
	compared := false
	for i := 1; i < len(looks); i++ {
		before, after := looks[i-1].Conntrack.CPUs, looks[i].Conntrack.CPUs
		for cpu := range min(len(before), len(after)) {
			compared = true
			for k := range ctColumns {
				n, _ := fact.Growth(uint64(before[cpu][k]), uint64(after[cpu][k]), 32)
				growth[k] += float64(n)
			}
		}
	}
	last := looks[len(looks)-1].Conntrack
	if !compared || len(last.CPUs) == 0 {
		return
	}
	for k, c := range ctColumns {
		for _, cpu := range last.CPUs {
			total[k] += float64(cpu[k])
		}
		if last.Columns[k] {
			f.Count("conntrack."+c.name, growth[k], total[k])
		}
	}
}

// ruleKey tells rules apart across a change of the ruleset: a branch of a
// verdict map has its rule's name, and the text makes the difference.
type ruleKey struct{ backend, name, text string }

func (r *Rule) key() ruleKey { return ruleKey{r.Backend, r.Name, r.Text} }

// hits are what a rule matched during the window.
type hits struct {
	total  uint64
	growth float64
	looks  int
}

// tally adds up the counters over all looks that read the rules. It returns the
// last firewall, nil if there is none, and what its rules matched, in their
// order. Only where the ruleset has changed are rules told apart by their names.
func tally(looks []*Reading) (*Firewall, []hits) {
	var last *Firewall
	var sums []hits
	for _, l := range looks {
		if l.Firewall == nil {
			continue
		}
		if last == nil {
			sums = make([]hits, len(l.Firewall.Rules))
		} else if last != l.Firewall {
			sums = carry(last, l.Firewall, sums)
		}
		last = l.Firewall
		for i := range min(len(last.Rules), len(l.Packets)) {
			if !last.Rules[i].Counted {
				continue
			}
			h := &sums[i]
			if h.looks > 0 {
				n, _ := fact.Growth(h.total, l.Packets[i], 64)
				h.growth += float64(n)
			}
			h.total = l.Packets[i]
			h.looks++
		}
	}
	return last, sums
}

// carry puts what the rules of one ruleset matched in the order of the next.
func carry(from, to *Firewall, sums []hits) []hits {
	known := make(map[ruleKey]hits, len(sums))
	for i, h := range sums {
		if h.looks > 0 {
			known[from.Rules[i].key()] = h
		}
	}
	out := make([]hits, len(to.Rules))
	for i := range to.Rules {
		if to.Rules[i].Counted {
			out[i] = known[to.Rules[i].key()]
		}
	}
	return out
}

func ruleFacts(looks []*Reading, f *fact.Facts) {
	last, sums := tally(looks)
	if last == nil {
		return
	}
	readable := readability(last, f)
	if !readable && len(last.Rules) == 0 {
		return
	}
	f.Table("rule")
	f.Gauge("filter.rules", float64(last.Total))
	var silent silence
	var drops, rejects hits
	var rows [classes][]ranked
	for i := range last.Rules {
		r, h := &last.Rules[i], &sums[i]
		if h.looks == 0 {
			h = nil
		}
		switch {
		case !r.TCP:
		case h == nil || r.Verdict == verdictQueue:
			silent.add(r)
		case r.Verdict == verdictReject:
			rejects.add(h)
		default:
			drops.add(h)
		}
		if h.told() {
			row := ranked{r, h}
			rows[row.class()] = append(rows[row.class()], row)
		}
	}
	f.Gauge("filter.silent_drops", silent.all)
	f.Gauge("filter.silent_device_drops", silent.besideIP)
	f.Gauge("filter.silent_defaults", silent.defaults)
	if timesRead(looks) > 1 {
		f.Count("filter.drops", drops.growth, float64(drops.total))
		f.Count("filter.rejects", rejects.growth, float64(rejects.total))
	}
	addRules(rows, f)
}

// silence counts rules that may drop and that no counter shows.
type silence struct{ all, besideIP, defaults float64 }

func (s *silence) add(r *Rule) {
	s.all++
	if r.besideIP() {
		s.besideIP++
	}
	if r.CatchAll {
		s.defaults++
	}
}

// besideIP tells whether the rule takes packets before IP has received them or
// after it has sent them: at a device or a bridge.
func (r *Rule) besideIP() bool {
	return r.Hook == "ingress" || r.Hook == "egress" || strings.HasPrefix(r.Name, "bridge ")
}

// told says whether a rule is worth a row: it matched, or nothing tells.
func (h *hits) told() bool { return h == nil || h.growth > 0 || h.looks < 2 && h.total > 0 }

func (h *hits) add(other *hits) {
	h.growth += other.growth
	h.total += other.total
}

// readability says what of the rules could not be read, and returns whether all
// could.
func readability(fw *Firewall, f *fact.Facts) bool {
	switch len(fw.Denied) {
	case 0:
	case 1:
		f.CannotSee(probe, "firewall rules of "+fw.Denied[0], "CAP_NET_ADMIN")
	default:
		f.CannotSee(probe, "firewall rules", "CAP_NET_ADMIN")
	}
	for _, t := range fw.Trouble {
		f.CannotSee(probe, "some firewall rules: "+t, "")
	}
	readable := len(fw.Denied) == 0 && len(fw.Trouble) == 0
	f.Flag("filter.readable", readable)
	return readable
}

func timesRead(looks []*Reading) int {
	n := 0
	for _, l := range looks {
		if l.Firewall != nil {
			n++
		}
	}
	return n
}

type ranked struct {
	rule *Rule
	hits *hits
}

const classes = 4

// class orders rows: first what matched and TCP can reach, then what TCP can
// reach and nothing counts, then the rest.
func (r ranked) class() int {
	moved := r.hits != nil && r.hits.growth > 0
	switch {
	case r.rule.TCP && moved:
		return 0
	case r.rule.TCP:
		return 1
	case moved:
		return 2
	}
	return 3
}

func (r ranked) growth() float64 {
	if r.hits == nil {
		return 0
	}
	return r.hits.growth
}

// addRules adds the first 60 rows, those that matched most first.
func addRules(rows [classes][]ranked, f *fact.Facts) {
	all, shown := 0, 0
	for _, of := range rows {
		all += len(of)
		if shown < maxRuleRows && len(of) > 0 && of[0].growth() > 0 {
			slices.SortStableFunc(of, func(a, b ranked) int { return cmp.Compare(b.growth(), a.growth()) })
		}
		for _, r := range of[:min(len(of), maxRuleRows-shown)] {
			f.Add("rule", ruleRow(r.rule, r.hits))
			shown++
		}
	}
	if n := all - shown; n > 0 {
		f.CannotSee(probe, fmt.Sprintf("%d more rules that can drop: only the first %d are shown", n, maxRuleRows), "")
	}
}

func ruleRow(r *Rule, h *hits) fact.Row {
	row := fact.Row{
		"name": r.Name, "text": r.Text, "backend": r.Backend, "hook": r.Hook, "verdict": r.Verdict,
		"counted": r.Counted, "tcp": r.TCP, "limit": r.Limit, "ct_invalid": r.CTInvalid, "ct_new": r.CTNew,
		"established": r.Established, "catch_all": r.CatchAll, "random": r.Random,
	}
	if r.Limit {
		row["per_source"] = r.PerSource
		if r.Allows > 0 {
			row["allows"] = r.Allows
		}
	}
	if r.Port > 0 {
		row["port"] = float64(r.Port)
	}
	if r.Address != "" {
		row["address"] = r.Address
	}
	if r.Interface != "" {
		row["interface"] = r.Interface
	}
	if h != nil {
		row["packets_total"] = float64(h.total)
		if h.looks > 1 {
			row["packets"] = h.growth
		}
	}
	return row
}

// programKey names a program at a hook.
type programKey struct {
	id            uint32
	attach, where string
}

func programFacts(looks []*Reading, f *fact.Facts) {
	var last *Programs
	sums := map[programKey]*hits{}
	for _, l := range looks {
		if l.Programs == nil {
			continue
		}
		last = l.Programs
		for _, p := range last.List {
			if p.Drops == nil {
				continue
			}
			k := programKey{p.ID, p.Attach, p.Where}
			h := sums[k]
			if h == nil {
				h = &hits{}
				sums[k] = h
			} else {
				n, _ := fact.Growth(h.total, *p.Drops, 32)
				h.growth += float64(n)
			}
			h.total = *p.Drops
			h.looks++
		}
	}
	if last == nil {
		return
	}
	if last.Hidden {
		f.CannotSee(probe, "BPF programs at tcx and cgroup hooks", "CAP_NET_ADMIN")
	} else {
		f.Table("bpf")
	}
	for _, p := range last.List {
		name := fmt.Sprintf("%s id %d", p.Name, p.ID)
		if p.Name == "" {
			name = fmt.Sprintf("id %d", p.ID)
		}
		row := fact.Row{"name": name, "attach": p.Attach, "link": p.Where}
		if p.Tag != "" {
			row["tag"] = p.Tag
		}
		if h := sums[programKey{p.ID, p.Attach, p.Where}]; h != nil {
			row["drops_total"] = float64(h.total)
			if h.looks > 1 {
				row["drops"] = h.growth
			}
		}
		f.Add("bpf", row)
	}
}
