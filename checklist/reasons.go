package checklist

import (
	"sort"

	"whydrop/content"
)

// skew is the share by which the kernel's drop reasons may exceed the counters
// of the same packets only because they were not read at the same moment.
const skew = 0.02

// reasonLines returns what the kernel's drop reasons show beyond the counters:
// the same packets are freed under a reason and counted by a place, and must not
// stand in the ledger twice.
func reasonLines(book *content.Book, facts *scene, counted []*line) []*line {
	rows, looked := facts.table("drop")
	if !looked {
		return nil
	}
	drops := map[string]float64{} // by reason
	byReason := map[string][]*line{}
	for _, env := range rows {
		l := reasonLine(book, env)
		if l == nil {
			continue
		}
		why, _ := env.Value("drop.why")
		name, _ := why.(string)
		drops[name] += l.Drops
		byReason[name] = append(byReason[name], l)
	}
	var lines []*line
	for _, group := range sharing(book.Ledger, drops) {
		left, sum := 0.0, 0.0
		var members []*line
		for reason := range group.reasons {
			sum += drops[reason]
			members = append(members, byReason[reason]...)
		}
		left = sum - countedBy(counted, group.lines)
		if left <= skew*sum {
			continue
		}
		sort.SliceStable(members, func(i, j int) bool {
			a, b := members[i], members[j]
			return a.Drops > b.Drops || a.Drops == b.Drops && a.Counter < b.Counter
		})
		lines = append(lines, take(members, left)...)
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].Counter < lines[j].Counter })
	return lines
}

// reasonLine makes a ledger line of one row of drops. Nil if the kernel freed
// nothing under it, or nothing that anybody misses.
func reasonLine(book *content.Book, env *content.Env) *line {
	text := func(field string) string {
		v, _ := env.Value("drop." + field)
		s, _ := v.(string)
		return s
	}
	number := func(field string) float64 {
		v, _ := env.Value("drop." + field)
		n, _ := v.(float64)
		return n
	}
	packets := number("packets")
	if packets <= 0 || text("loss") == "no" || text("hop") == "" {
		return nil
	}
	counter := "kfree_skb " + text("why")
	if at := text("location"); at != "" {
		counter += " in " + at
	}
	l := &line{tcp: number("tcp_packets"), LedgerEntry: LedgerEntry{
		Hop: text("hop"), Direction: text("direction"), Counter: counter,
		Drops: packets, Unit: "packets", Loss: text("loss") == "yes",
	}}
	if r := book.DropReason(text("reason"), text("location")); r != nil {
		l.causes = r.Causes
	}
	return l
}

// group is reasons and places that see the same packets.
type group struct {
	reasons map[string]bool
	lines   map[*content.LedgerLine]bool
}

// sharing groups the reasons that occurred with the places that count the same
// packets: a place can stand for several reasons, a reason for several places.
func sharing(ledger []*content.LedgerLine, drops map[string]float64) []*group {
	of := map[string]*group{}
	for reason := range drops {
		of[reason] = &group{reasons: map[string]bool{reason: true}, lines: map[*content.LedgerLine]bool{}}
	}
	for _, ll := range ledger {
		var first *group
		for _, reason := range ll.Reasons {
			g := of[reason]
			if g == nil {
				continue
			}
			g.lines[ll] = true
			if first == nil {
				first = g
				continue
			}
			first.join(g)
			for r := range g.reasons {
				of[r] = first
			}
		}
	}
	var groups []*group
	seen := map[*group]bool{}
	for _, reason := range sortedKeys(drops) {
		if g := of[reason]; !seen[g] {
			seen[g] = true
			groups = append(groups, g)
		}
	}
	return groups
}

func (g *group) join(other *group) {
	for r := range other.reasons {
		g.reasons[r] = true
	}
	for ll := range other.lines {
		g.lines[ll] = true
	}
}

// countedBy adds up what places counted already.
func countedBy(counted []*line, places map[*content.LedgerLine]bool) float64 {
	sum := 0.0
	for _, l := range counted {
		if places[l.from] && l.from.Within == "" {
			sum += l.Drops
		}
	}
	return sum
}

// take returns the lines that make up a number of packets, the largest first;
// the last one in part.
func take(lines []*line, packets float64) []*line {
	var taken []*line
	for _, l := range lines {
		if packets <= 0 {
			break
		}
		n := min(l.Drops, packets)
		l.tcp *= n / l.Drops
		packets -= n
		if n < l.Drops {
			l.Counter += ", beyond the counters"
		}
		l.Drops = n
		taken = append(taken, l)
	}
	return taken
}
