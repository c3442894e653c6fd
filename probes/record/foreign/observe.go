package foreign

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// slot names what can be sampled again: the same output of the same thing.
func (p *piece) slot() string {
	name := p.kind.name
	switch name {
	case "ss":
		name += " " + ssView(p.text)
	case "iptables -L", "ip6tables -L":
		for i, w := range p.command {
			if w == "-t" && i+1 < len(p.command) {
				name += " " + p.command[i+1]
			}
		}
	}
	if p.device != "" {
		name += " " + p.device
	}
	return name
}

// look is one moment of a host: a piece for each slot that was sampled then.
type look map[string]*piece

// rounds are the samples of each slot in order, and whether they can be compared.
type rounds struct {
	slots map[string][]*piece
	order []string // slots, as they came
}

func (e *evidence) rounds() *rounds {
	r := &rounds{slots: map[string][]*piece{}}
	for i := range e.pieces {
		p := &e.pieces[i]
		s := p.slot()
		if r.slots[s] == nil {
			r.order = append(r.order, s)
		}
		r.slots[s] = append(r.slots[s], p)
	}
	for s, all := range r.slots {
		if n := len(all); n > maxSamples {
			e.noteOnce("%s: only the last %d of %d samples were read", s, maxSamples, n)
			r.slots[s] = all[n-maxSamples:]
		}
	}
	return r
}

// maxSamples bounds the samples of one thing: each pair is kept as an observation.
const maxSamples = 600

// last is the newest sample of each slot.
func (r *rounds) last() look {
	l := look{}
	for s, all := range r.slots {
		l[s] = all[len(all)-1]
	}
	return l
}

// pairs are the looks between which growth is known: neighbours where all slots
// with several samples have as many, else the first and the last of each.
func (r *rounds) pairs() [][2]look {
	n, same := 0, true
	for _, all := range r.slots {
		if len(all) > 1 {
			same = same && (n == 0 || n == len(all))
			n = max(n, len(all))
		}
	}
	if n < 2 {
		return nil
	}
	pick := func(from, to func(n int) int) [2]look {
		pair := [2]look{{}, {}}
		for s, all := range r.slots {
			if len(all) > 1 {
				pair[0][s], pair[1][s] = all[from(len(all))], all[to(len(all))]
			}
		}
		return pair
	}
	if !same {
		return [][2]look{pick(func(int) int { return 0 }, func(n int) int { return n - 1 })}
	}
	var all [][2]look
	for i := 1; i < n; i++ {
		all = append(all, pick(func(int) int { return i - 1 }, func(int) int { return i }))
	}
	return all
}

// between is how many seconds lie between two looks, as far as a slot that both
// have tells the times of both. It is false where none does, and where the slots
// tell different times: no rate would be right for all of them.
func between(a, b look) (seconds float64, known bool) {
	least := math.Inf(1)
	for s, p := range a {
		q := b[s]
		if q == nil || p.relative != q.relative || p.at.IsZero() || q.at.IsZero() || p.relative && p.from != q.from {
			continue
		}
		if d := q.at.Sub(p.at).Seconds(); d > 0 {
			seconds, least = max(seconds, d), min(least, d)
		}
	}
	if known = seconds > 0 && least >= 0.8*seconds; !known {
		return 0, false
	}
	return seconds, true
}

// observations are the facts of all pairs of looks; of a single sample, its
// history. The notes say which it is.
func (e *evidence) observations() (all []*fact.Facts, notes []string) {
	r := e.rounds()
	e.restarted(r)
	pairs := e.once(r, r.pairs())
	history := e.history(r.last(), e.moment())
	for i, pair := range pairs {
		base := history
		if i < len(pairs)-1 { // an earlier one: its own totals, with what was read once
			last := r.last()
			maps.Copy(last, pair[1])
			base = e.history(last, e.moment())
		}
		all = append(all, e.observation(base, pair, i, len(pairs)))
	}
	notes = e.tellRounds(r, all)
	if len(all) == 0 {
		history.CannotSee("counters", "what grows now: there is one sample of each thing", "a second sample, some seconds later")
		all = append(all, history)
	}
	for _, f := range all {
		tellMissing(f)
		f.CannotSee("drops", "the kernel's own drop reasons, and what BPF counts: no tool prints them", "whydrop on the host itself")
		f.CannotSee(fact.Texts, "what else is to be seen on the host: texts of tools show a part of it", "whydrop on the host itself")
	}
	return all, notes
}

// tellMissing says which output would tell what the others begin to tell.
func tellMissing(f *fact.Facts) {
	if n, known := f.Num("conntrack.drop"); known && n > 0 && f.Values["conntrack.share"].Now == nil {
		f.CannotSee("filters", "whether connection tracking drops because its table is full", "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max")
	}
	for _, row := range f.Tables["flow"] {
		waiting, _ := row["recv_queue_min"].(float64)
		if _, known := row["rcvbuf"]; waiting > 0 && !known {
			f.CannotSee("sockets", "how large the receive buffers are in which bytes wait to be read", "ss -tinm")
			return
		}
	}
}

// moment is when the newest sample was taken, as well as it is known: a time in
// the texts, else when the file was last changed.
func (e *evidence) moment() time.Time {
	last := e.hosts[len(e.hosts)-1]
	newest := last.taken
	for i := range e.pieces {
		if p := &e.pieces[i]; !p.relative && p.at.After(newest) {
			newest = p.at
		}
	}
	if newest.IsZero() {
		newest = last.modified
	}
	if newest.IsZero() {
		newest = time.Now()
	}
	return newest.UTC()
}

// history is what single samples show: gauges, tables, and totals without growth.
func (e *evidence) history(l look, at time.Time) *fact.Facts {
	f := blank(at, 0)
	for _, p := range probes {
		reading, known := p.read(e, []look{l})
		if len(reading) == 0 && p.extra {
			continue
		}
		if len(reading) == 0 {
			f.Probes = append(f.Probes, fact.Status{Name: p.source.Name(), Status: "skipped", Why: "not among what was collected"})
			continue
		}
		f.Probes = append(f.Probes, fact.Status{Name: p.source.Name(), Status: "ok"})
		one := p.facts(reading, []time.Time{at}, known)
		// Read twice, a counter that did not grow tells its total.
		two := p.facts([]any{reading[0], reading[0]}, []time.Time{at, at}, known)
		merge(f, totals(one, two))
	}
	return f
}

// totals adds to what one reading shows the totals that take two to be told. The
// growth from a reading to itself is no growth.
func totals(one, two *fact.Facts) *fact.Facts {
	for name, v := range two.Values {
		if v.Total != nil {
			one.Values[name] = fact.Value{Total: v.Total}
		}
	}
	for table, rows := range two.Tables {
		known := one.Tables[table]
		if len(known) == 0 {
			known = make([]fact.Row, len(rows))
			for i, row := range rows {
				known[i] = fact.Row{"name": row["name"]}
			}
			if onlyTotals[table] {
				one.Tables[table] = known
			}
		}
		for _, row := range rows {
			into := named(known, row["name"])
			for field, v := range row {
				if _, have := into[field]; into != nil && !have && strings.HasSuffix(field, "_total") {
					into[field] = v
				}
			}
		}
	}
	return one
}

// onlyTotals are the tables whose rows take two looks although they hold totals.
var onlyTotals = map[string]bool{"cpu": true}

func named(rows []fact.Row, name any) fact.Row {
	for _, row := range rows {
		if row["name"] == name {
			return row
		}
	}
	return nil
}

// observation is what grew between two looks, with the history beside it.
func (e *evidence) observation(history *fact.Facts, pair [2]look, i, n int) *fact.Facts {
	seconds, known := between(pair[0], pair[1])
	end := e.moment()
	if n > 1 { // each ends where the next begins, as far as that is known
		for _, p := range pair[1] {
			if !p.relative && !p.at.IsZero() {
				end = p.at.UTC()
			}
		}
		if _, absolute := between(pair[0], pair[1]); !absolute {
			end = end.Add(time.Duration(i-n+1) * time.Second) // in order, for who goes through them
		}
	}
	f := blank(end.Add(-time.Duration(seconds*float64(time.Second))), seconds)
	if !known {
		f = blank(end, 0)
	}
	merge(f, history)
	f.Probes, f.Blind = slices.Clone(history.Probes), slices.Clone(history.Blind)
	times := []time.Time{end.Add(-time.Duration(seconds * float64(time.Second))), end}
	for _, p := range probes {
		if p.once {
			continue
		}
		readings, have := p.read(e, pair[:])
		if len(readings) == 2 {
			merge(f, p.facts(readings, times, have))
		}
	}
	return f
}

// merge lays facts over others: what both know is told as the second know it,
// rows by their names, field by field.
func merge(into, from *fact.Facts) {
	for name, v := range from.Values {
		if name != "window.seconds" {
			into.Values[name] = v
		}
	}
	for table, rows := range from.Tables {
		if len(into.Tables[table]) == 0 || !byName(rows) {
			into.Tables[table] = append([]fact.Row{}, rows...)
			continue
		}
		have := slices.Clone(into.Tables[table])
		places := map[any]int{}
		for i, row := range have {
			places[row["name"]] = i
		}
		for _, row := range rows {
			at, known := places[row["name"]]
			if !known {
				places[row["name"]] = len(have)
				have = append(have, maps.Clone(row))
				continue
			}
			with := maps.Clone(have[at])
			maps.Copy(with, row)
			have[at] = with
		}
		into.Tables[table] = have
	}
	for _, b := range from.Blind {
		into.CannotSee(b.Probe, b.What, b.Needs)
	}
}

// byName tells whether rows can be told apart by their names: messages of a log and
// changes can't.
func byName(rows []fact.Row) bool {
	seen := map[any]bool{}
	for _, row := range rows {
		if seen[row["name"]] {
			return false
		}
		seen[row["name"]] = true
	}
	return true
}

// finite takes numbers out of rows that are none, such as a rate over no time.
func finite(f *fact.Facts) {
	for _, rows := range f.Tables {
		for _, row := range rows {
			for field, v := range row {
				if n, ok := v.(float64); ok && (math.IsNaN(n) || math.IsInf(n, 0)) {
					delete(row, field)
				}
			}
		}
	}
}

// tellRounds says of each slot whether it is history or an observation.
func (e *evidence) tellRounds(r *rounds, all []*fact.Facts) []string {
	var single, several []string
	for _, s := range r.order {
		n := len(r.slots[s])
		what := s + e.size(r.slots[s][n-1])
		switch {
		case about[r.slots[s][0].kind.name]:
		case n > 1:
			several = append(several, fmt.Sprintf("%s (%d samples)", what, n))
		default:
			single = append(single, what)
		}
	}
	var notes []string
	switch {
	case len(single)+len(several) == 0:
		notes = append(notes, "it tells of its host and nothing of the network")
	case len(all) == 0:
		notes = append(notes, "one sample of each: history only; nothing is known of what grows now. A second sample, some seconds later, makes an observation")
	case all[0].Seconds == 0:
		notes = append(notes, "an observation of unknown length: the samples tell no time, or different ones, so rates are not known (date before each of them would tell)")
	default:
		notes = append(notes, fmt.Sprintf("%s: %s", counted(len(all), "observation"), seconds(all)))
	}
	if len(several) > 0 {
		notes = append(notes, "observed: "+shorten(several))
	}
	if len(single) > 0 {
		notes = append(notes, "one sample, so history only: "+shorten(single))
	}
	return notes
}

// about are kinds that say something about the host or the time and count nothing.
var about = map[string]bool{"date": true, "uptime": true, "uname": true, "hostname": true, "hostnamectl": true, "/etc/os-release": true, "/etc/machine-id": true, "/etc/redhat-release": true, "lsb_release": true, "timedatectl": true, "/proc/uptime": true}

func seconds(all []*fact.Facts) string {
	least, most := all[0].Seconds, all[0].Seconds
	for _, f := range all {
		least, most = min(least, f.Seconds), max(most, f.Seconds)
	}
	if least == most {
		return fmt.Sprintf("%g s", least)
	}
	return fmt.Sprintf("%g to %g s each", least, most)
}

func counted(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func shorten(names []string) string {
	if len(names) > 12 {
		names = append(names[:12:12], fmt.Sprintf("%d more", len(names)-12))
	}
	return strings.Join(names, ", ")
}

// size says how much a sample holds, where that tells something.
func (e *evidence) size(p *piece) string {
	if s, ok := e.parsed[p].(*printedSockets); ok && s != nil {
		return fmt.Sprintf(": %d sockets", len(s.all))
	}
	return ""
}
