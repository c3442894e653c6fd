package ui

import (
	"fmt"
	"math"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// promise says what whydrop does to the host.
func (m *model) promise() string {
	if m.options.Apply == nil {
		return "It only reads: it changes nothing and sends nothing."
	}
	return fmt.Sprintf("It only reads, and sends nothing. Only %s in the plan, confirmed, sets a value.", m.keys.key(actApply))
}

// drawWelcome is the first screen: what this is, what it will and will not do,
// and the first question, which is there before anything is loaded.
func (m *model) drawWelcome(w int) []string {
	t := m.theme
	if m.failed != nil {
		return m.drawFailure(w)
	}
	var lines []string
	add := func(s string) { lines = append(lines, wrap(s, min(w, 78), "")...) }
	lines = append(lines, styled(wrap("Why does this host drop TCP packets, and what to do about it?", w, ""), t.bold.Render)...)
	about := []string{
		"One question at a time; beside it stands what this host shows right now.",
		"Both narrow down the causes; then a plan and a report. Nothing typed is lost.",
		m.promise(),
	}
	if m.layout.bodyHeight < 10 {
		about = []string{about[2], about[0], about[1]} // first what must be known before a key is pressed
	}
	for _, text := range about {
		add(text)
	}
	if m.options.Note != "" {
		lines = append(lines, styled(wrap(m.options.Note, w, ""), t.warn.Render)...)
	}
	if q := m.options.First; q != nil {
		lines = append(lines, "", t.dim.Render("The first question"))
		lines = append(lines, styled(wrap(q.Ask, min(w, 78), ""), t.bold.Render)...)
		for _, o := range q.Options {
			lines = append(lines, wrap("  "+unticked+" "+o.Label, min(w, 78), "      ")...)
		}
	}
	lines = append(lines, "", t.bold.Render(m.keys.key(actEnter))+" starts.")
	if m.layout.tabbed() {
		lines = append(lines, wrap(fmt.Sprintf("The keys above go straight to a screen, %s comes back.", m.keys.key(actBack)), min(w, 78), "")...)
	}
	lines = append(lines, "")
	return append(lines, m.blindIn(min(w, 78), m.layout.bodyHeight-len(lines))...)
}

func (m *model) drawFailure(w int) []string {
	lines := []string{m.theme.bad.Render("The content could not be loaded:"), ""}
	for _, l := range strings.Split(m.failed.Error(), "\n") {
		lines = append(lines, wrap(content.Show(l), w, "  ")...)
	}
	if room := max(1, m.layout.bodyHeight-6); len(lines) > room {
		lines = append(lines[:room], fmt.Sprintf("and %d lines more", len(lines)-room))
	}
	return append(lines, "", "Mend it, or start without --content. "+m.keys.key(actLeave)+" leaves.")
}

// blindLines says what could not be seen and what would let it.
func (m *model) blindLines(w int) []string { return m.blindIn(w, math.MaxInt) }

// blindIn says it in at most h lines. None of it is cut in two; what has no room
// is counted.
func (m *model) blindIn(w, h int) []string {
	if m.facts == nil {
		return nil
	}
	lacks, things := lacking(m.facts)
	lines, told := []string{m.theme.bold.Render("Cannot be seen")}, 0
	for i, l := range lacks {
		left := 0 // a line for how many have no room
		if i < len(lacks)-1 {
			left = 1
		}
		says := wrap("? "+l.says(), w, "  ")
		if len(lines)+len(says)+left > h {
			lines = append(lines, m.theme.dim.Render(fmt.Sprintf("  and %d more", things-told)))
			break
		}
		lines, told = append(lines, says...), told+len(l.what)
	}
	switch {
	case things == 0:
		return nil
	case len(lines) > h || told == 0:
		return wrap(fmt.Sprintf("%d things cannot be seen here: %s (%s) names them.", things, tabs[causesID].title, m.keys.key(actCauses)), w, "")[:min(1, max(0, h))]
	}
	return lines
}

// lack is what cannot be seen for want of the same thing.
type lack struct {
	needs string // "" where nothing would help
	what  []string
}

// lacking is what could not be seen, by what would let it, and how much it is.
func lacking(f *fact.Facts) (lacks []*lack, things int) {
	add := func(what, needs string) {
		things++
		for _, l := range lacks {
			if needs != "" && l.needs == needs {
				l.what = append(l.what, what)
				return
			}
		}
		lacks = append(lacks, &lack{needs, []string{what}})
	}
	for _, b := range f.Blind {
		add(content.Show(b.What), content.Show(b.Needs))
	}
	for _, s := range f.Probes {
		if s.Status != "ok" {
			what, needs, _ := strings.Cut(skipped(s), needing)
			add(what, needs)
		}
	}
	return lacks, things
}

// needing stands between what cannot be seen and what would let it.
const needing = ": needs "

func (l *lack) says() string {
	if len(l.what) == 1 && l.needs != "" {
		return l.what[0] + needing + l.needs
	}
	text := strings.Join(l.what, "; ")
	if l.needs != "" {
		return "needs " + l.needs + ": " + text
	}
	return text
}

func unseen(b fact.Blind) string {
	s := content.Show(b.What)
	if b.Needs != "" {
		s += needing + content.Show(b.Needs)
	}
	return s
}

// skipped says why a probe could not look.
func skipped(s fact.Status) string {
	return s.Name + " (" + s.Status + "): " + content.Show(checklist.WhyNot(s))
}
