package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// verdictLine is always to be seen: what is known at this moment. Where there
// is no room for all of it, the cause's title is cut, never the verdict.
func (m *model) verdictLine(w int) string {
	t, d := m.theme, m.diagnosis
	if d == nil || d.facts == nil {
		return "measuring: the first result takes a second"
	}
	var texts []string // the longest first
	head, odds, more, style := "", "", 0, t.warn
	switch d.Verdict {
	case checklist.Fault:
		named := d.Named()
		head, texts, style = "FAULT: ", []string{named[0].Cause.Title}, t.bad
		odds, more = fmt.Sprintf(" (%s)", checklist.Percent(named[0].Probability)), len(named)-1
	case checklist.Healthy:
		head, texts, style = "HEALTHY so far: ", m.calm(), t.bold
	default:
		head, texts = "INCONCLUSIVE: ", []string{"no cause can be named yet"}
		if len(d.Symptoms) > 0 {
			head, texts = "UNEXPLAINED: ", []string{content.Show(d.Symptoms[0])}
		}
	}
	if m.paused {
		head = "PAUSED. " + head
	}
	tails := m.verdictTails(odds, more)
	if d.Verdict == checklist.Healthy {
		tails = append(tails, "") // what ended goes before what is new
	}
	for _, text := range texts {
		for _, tail := range tails {
			if line := head + text + tail; ansi.StringWidth(line) <= w {
				return style.Render(line)
			}
		}
	}
	text, tail := texts[len(texts)-1], tails[len(tails)-1]
	return style.Render(head + t.clip(text, w-ansi.StringWidth(head+tail)) + tail)
}

// verdictTails are what may stand behind the title of the cause, the longest
// first: how likely it is, how many more are named, and what is new.
func (m *model) verdictTails(odds string, more int) []string {
	long, brief := odds, odds
	if more > 0 {
		long, brief = fmt.Sprintf("%s, and %d more", odds, more), fmt.Sprintf("%s, +%d", odds, more)
	}
	if named := m.diagnosis.Named(); len(named) > 0 && m.ofTrial(named[0].Cause.ID) {
		return []string{long + " [perhaps by your own trial]", long + " [by your trial?]", brief + " [by trial?]"}
	}
	if m.news.text == "" || !m.now().Before(m.news.until) {
		return []string{long, brief}
	}
	text := content.Show(m.news.text)
	at, _, _ := strings.Cut(text, ": ")
	word, _, _ := strings.Cut(text, " ")
	if word == "gone" && odds != "" {
		at, word = "another is "+at, "another is gone"
	}
	return []string{long + " [" + text + "]", long + " [" + at + "]", long + " [" + word + "]", brief + " [" + word + "]"}
}

// calm says of a host without a sign of trouble what ended on it all the same, the
// longest text first.
func (m *model) calm() []string {
	ended, short := m.ended()
	if ended == "" {
		return []string{fmt.Sprintf("nothing lost packets in the last %.0f s", m.window()), fmt.Sprintf("no loss in %.0f s", m.window())}
	}
	way := " (" + m.keys.key(actJourney) + ")"
	return []string{
		"no sign of trouble; " + ended + way,
		"no sign of trouble; " + ended,
		ended, short,
	}
}

// ended says in a few words what ended at places of this host, or must have been
// lost elsewhere, though nothing shows that anybody misses it; and the same in
// still fewer. Both are empty if nothing did.
func (m *model) ended() (text, short string) {
	if e := &m.endings; e.of != m.diagnosis {
		e.of = m.diagnosis
		e.text, e.short = endedBy(m.diagnosis.Diagnosis)
	}
	return m.endings.text, m.endings.short
}

// endings is what ended by one judgement: the ledger may be long, and the verdict is
// drawn with every key.
type endings struct {
	of          *judgement
	text, short string
}

func endedBy(d *checklist.Diagnosis) (text, short string) {
	if places := placesOf(d.Ledger, true); len(places) > 0 {
		return toldEnded(places, "ended")
	}
	if b := d.Balance; b.Worth() && b.Unlocated > 0 {
		text = counted(b.Unlocated, "segments") + " got lost elsewhere"
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
func placesOf(entries []checklist.LedgerEntry, sure bool) []ending {
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
		return counted(p.n, p.unit) + " " + ended + " at " + content.Show(p.hop), content.Show(p.n) + " " + ended + " at " + content.Show(p.hop)
	}
	all := ending{unit: places[0].unit}
	for _, p := range places {
		all.n, all.unit = all.n+p.n, commonUnit(all.unit, p.unit)
	}
	where := fmt.Sprintf(" %s at %d places", ended, len(places))
	return counted(all.n, all.unit) + where, content.Show(all.n) + where
}

// counted is an amount with its unit, which content gives in the plural.
func counted(n float64, unit string) string {
	if n == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return content.Show(n) + " " + content.Show(unit)
}
