package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/record"
)

// verdictLine is always to be seen: what is known at this moment. Where there
// is no room for all of it, the cause's title is cut, never the verdict.
func (m *model) verdictLine(w int) string {
	t, d := m.theme, m.diagnosis
	if d == nil || d.facts == nil {
		return m.unkeptHead(w) + "measuring: the first result takes a second"
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
		if m.stale() {
			head, style = "HEALTHY: ", t.warn
		}
	default:
		head, texts = "INCONCLUSIVE: ", []string{"no cause can be named yet"}
		if len(d.Symptoms) > 0 {
			head, texts = "UNEXPLAINED: ", []string{content.Show(d.Symptoms[0])}
		}
	}
	if m.stale() {
		head = "AS OF " + clock(record.EndOf(d.facts)) + ": " + head
	}
	if m.held() {
		head = "PAUSED. " + head
	}
	if unkept := m.unkeptHead(w); unkept != "" {
		head, style = unkept+head, t.bad
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

// stale says whether nothing newer comes from another machine than what is judged.
func (m *model) stale() bool { return m.amiss != "" }

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
	if ended == "" && m.stale() {
		return []string{fmt.Sprintf("nothing lost packets in the %.0f s until then", m.window()), fmt.Sprintf("no loss in %.0f s", m.window())}
	}
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
		e.text, e.short = m.diagnosis.Ended()
	}
	return m.endings.text, m.endings.short
}

// endings is what ended by one judgement: the ledger may be long, and the verdict is
// drawn with every key.
type endings struct {
	of          *judgement
	text, short string
}
