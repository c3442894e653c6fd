package checklist

import (
	"slices"
	"sort"

	"whydrop/content"
)

// skew is the share by which the kernel's drop reasons may exceed the counters
// of the same packets only because they were not read at the same moment.
const skew = 0.02

// freed is what the kernel freed for one reason at one place in one direction.
type freed struct {
	*line
	reason string
	left   float64 // what no counter accounts for
	most   float64 // what the line beyond counts of it
}

// reasonLines returns what the kernel's drop reasons show beyond the counters:
// the same packets are freed under a reason and counted by a place, and must not
// stand in the ledger twice.
func reasonLines(book *content.Book, facts *scene, counted []*line) []*line {
	rows, looked := facts.table(content.DropTable)
	if !looked {
		return nil
	}
	var all []*freed
	for _, env := range rows {
		if l := reasonLine(book, env); l != nil {
			why, _ := env.Value("drop.why")
			reason, _ := why.(string)
			all = append(all, &freed{line: l, reason: reason, left: l.Drops})
		}
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.Drops > b.Drops || a.Drops == b.Drops && a.Counter < b.Counter
	})
	account(counted, all)
	var lines []*line
	for _, f := range all {
		if f.left > 0 {
			lines = append(lines, f.rest())
		}
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].Counter < lines[j].Counter })
	return lines
}

// account takes off what was freed what the places counted already: first the
// places that stand for the fewest reasons, first in their own direction. A place
// that may count packets that nobody misses does not account for losses.
func account(counted []*line, all []*freed) {
	places := make([]*line, 0, len(counted))
	for _, l := range counted {
		if len(l.from.Reasons) > 0 && l.from.Within == "" {
			places = append(places, l)
		}
	}
	sort.SliceStable(places, func(i, j int) bool {
		a, b := places[i], places[j]
		if a.Loss != b.Loss {
			return a.Loss
		}
		return len(a.from.Reasons) < len(b.from.Reasons)
	})
	for _, l := range places {
		counts := l.Drops
		for _, sameWay := range []bool{true, false} {
			for _, f := range l.frees(all) {
				if (f.Direction == l.Direction) == sameWay {
					counts -= f.account(l, counts)
				}
			}
		}
	}
	for _, l := range places {
		left, sum := 0.0, 0.0
		same := l.frees(all)
		for _, f := range same {
			left, sum = left+f.left, sum+f.Drops
		}
		if left > skew*sum {
			continue
		}
		for _, f := range same {
			f.left = 0
		}
	}
}

// frees returns what was freed for the reasons that a place stands for.
func (l *line) frees(all []*freed) []*freed {
	var of []*freed
	for _, f := range all {
		if slices.Contains(l.from.Reasons, f.reason) && (l.Loss || !f.Loss) {
			of = append(of, f)
		}
	}
	return of
}

// account says that a place counted some packets, at most so many, and returns
// how many.
func (f *freed) account(l *line, packets float64) float64 {
	n := min(f.left, packets)
	f.left -= n
	if n > f.most {
		f.most, f.beyond = n, l
	}
	return n
}

// rest is the line for what no counter accounts for.
func (f *freed) rest() *line {
	if f.left < f.Drops {
		f.tcp *= f.left / f.Drops
		f.Counter += ", beyond the counters"
		f.Drops = f.left
	}
	return f.line
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
