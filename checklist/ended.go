package checklist

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whydrop/content"
)

// Ended says in a few words what ended at places of this host, or must have been
// lost elsewhere, though nothing need show that anybody misses it: "99 packets ended
// at netfilter"; and the same in still fewer. Both are empty if nothing did.
func (d *Diagnosis) Ended() (text, short string) {
	if places := placesOf(d.Ledger, true); len(places) > 0 {
		return toldEnded(places, "ended")
	}
	if b := d.Balance; b.Worth() && b.Unlocated > 0 {
		text = Counted(b.Unlocated, "segments") + " got lost elsewhere"
		return text, text
	}
	return toldEnded(placesOf(d.Ledger, false), "may have ended")
}

// ending is how much ended at a hop.
type ending struct {
	hop, unit string
	n         float64
}

// placesOf are the hops at which something ended for sure, or only perhaps, those
// with most first.
func placesOf(entries []LedgerEntry, sure bool) []ending {
	var places []ending
	for _, e := range entries {
		if e.Loss != sure || e.Drops <= 0 {
			continue
		}
		i := slices.IndexFunc(places, func(p ending) bool { return p.hop == e.Hop })
		if i < 0 {
			i, places = len(places), append(places, ending{hop: e.Hop, unit: e.Unit})
		}
		places[i].n += e.Drops
		places[i].unit = commonUnit(places[i].unit, e.Unit)
	}
	slices.SortStableFunc(places, func(a, b ending) int { return cmp.Compare(b.n, a.n) })
	return places
}

// commonUnit is what two amounts are counted in together.
func commonUnit(a, b string) string {
	if a == b {
		return a
	}
	return "packets"
}

// toldEnded says what ended where.
func toldEnded(places []ending, ended string) (text, short string) {
	switch len(places) {
	case 0:
		return "", ""
	case 1:
		p := places[0]
		return Counted(p.n, p.unit) + " " + ended + " at " + content.Show(p.hop), content.Show(p.n) + " " + ended + " at " + content.Show(p.hop)
	}
	all := ending{unit: places[0].unit}
	for _, p := range places {
		all.n, all.unit = all.n+p.n, commonUnit(all.unit, p.unit)
	}
	where := fmt.Sprintf(" %s at %d places", ended, len(places))
	return Counted(all.n, all.unit) + where, content.Show(all.n) + where
}

// Counted is an amount with its unit, which content gives in the plural.
func Counted(n float64, unit string) string {
	if n == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return content.Show(n) + " " + content.Show(unit)
}
