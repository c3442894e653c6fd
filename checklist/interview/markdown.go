package interview

import (
	"fmt"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/checklist/train"
	"whydrop/content"
)

// page writes markdown (CommonMark).
type page struct{ strings.Builder }

// md escapes a text for markdown.
func md(text string) string { return checklist.Markdown(text) }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) heading(title string) { p.line("\n## %s\n", title) }

// Clock is a time from the beginning as a clock shows it.
func Clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	sign := ""
	if s < 0 {
		sign, s = "-", -s
	}
	return fmt.Sprintf("%s%d:%02d", sign, s/60, s%60)
}

func clockOf(seconds float64) string { return Clock(time.Duration(seconds * float64(time.Second))) }

// Scorecard writes the card as markdown, always the same for the same card. Texts of
// people and of hosts are escaped.
func (n *Interview) Scorecard() string {
	c, p := n.Card(), &page{}
	p.line("# Interview: %s\n", md(c.Title))
	if c.Candidate != "" {
		p.line("- Candidate: %s", md(c.Candidate))
	}
	p.line("- Scenario: %s, level %d", md(c.Scenario), c.Level)
	if !n.begun.IsZero() {
		p.line("- Begun: %s; %s on the clock, %s", c.Begun.Format("2006-01-02 15:04 UTC"), clockOf(c.Seconds), StepsTaken(len(c.Path)))
	}
	n.cardLevels(p, c)
	for _, s := range c.Sections {
		n.sectionPart(p, s)
	}
	conclusionPart(p, c)
	pathPart(p, c)
	timelinePart(p, c)
	if len(c.Notes) > 0 {
		p.heading("All notes")
		for _, note := range c.Notes {
			p.line("- %s", noteText(note))
		}
	}
	return p.String()
}

func noteText(note CardNote) string {
	about := ""
	if note.About != "" {
		about = " (" + md(note.About) + ")"
	}
	return clockOf(note.Seconds) + " " + md(note.Text) + about
}

// StepsTaken counts questions and measurements in words.
func StepsTaken(n int) string {
	if n == 1 {
		return "1 question or measurement"
	}
	return fmt.Sprintf("%d questions and measurements", n)
}

// cardLevels writes the level of the whole and of each section.
func (n *Interview) cardLevels(p *page, c *Card) {
	p.heading("Level")
	if c.Whole.Decided != "" {
		p.line("- **Decided by the interviewer: %s**", md(n.LevelTitle(c.Whole.Decided)))
	} else {
		p.line("- Not decided yet by the interviewer")
	}
	p.line("- Suggested by the rule: %s (%s)", md(n.LevelTitle(c.Whole.Suggested)), md(c.Whole.Why))
	p.line("- The rule: %s Of a section that the interviewer decided, that level counts.", md(c.Rule))
	for _, l := range n.rubric.Levels {
		p.line("- %s: %s", md(l.Title), md(l.Means))
	}
	p.line("\n| Section | Decided | Suggested | Why |\n| --- | --- | --- | --- |")
	for _, s := range c.Sections {
		p.line("| %s | %s | %s | %s |", cell(s.Title), cell(n.LevelTitle(s.Decided)), cell(n.LevelTitle(s.Suggested)), cell(s.Why))
	}
}

// cell escapes a text for a table.
func cell(text string) string { return strings.ReplaceAll(md(text), "|", "\\|") }

func (n *Interview) sectionPart(p *page, s CardSection) {
	level := n.LevelTitle(s.Suggested)
	if s.Decided != "" {
		level = n.LevelTitle(s.Decided) + ", decided"
	}
	p.line("\n### %s: %s\n", md(s.Title), md(strings.ToLower(level)))
	if len(s.Heard) == 0 {
		p.line("%s.\n", md(strings.ToUpper(s.Why[:1])+s.Why[1:]))
		if len(s.Notes) == 0 && s.Suggested == Unjudged {
			return
		}
	}
	for _, l := range s.Heard {
		by := ""
		if l.By != "" {
			by = ", by " + md(ByWords(l.By))
		}
		p.line("- %s %s (%s%s)", clockOf(*l.Seconds), md(l.Says), md(strings.ToLower(n.LevelTitle(l.Level))), by)
	}
	for _, note := range s.Notes {
		p.line("- Note: %s", noteText(note))
	}
	for _, l := range s.Missing {
		p.line("- Not heard: %s (%s)", md(l.Says), md(strings.ToLower(n.LevelTitle(l.Level))))
	}
}

func conclusionPart(p *page, c *Card) {
	p.heading("Conclusion and plan")
	if len(c.Truth) == 0 {
		p.line("- What it was: nothing is wrong on this host, the alarm was")
	}
	for _, t := range c.Truth {
		p.line("- What it was: %s", md(t))
	}
	if c.Conclusion == nil {
		p.line("- In the end there was no conclusion")
	} else {
		for _, v := range c.Conclusion.Causes {
			if v.Named {
				p.line("- In the end they named: %s: %s", md(v.Says), md(v.Why))
			} else {
				p.line("- They did not name: %s", md(v.Says))
			}
		}
	}
	for _, l := range c.RuledOut {
		p.line("- %s Ruled out: %s", clockOf(*l.Seconds), md(l.Says))
	}
	for _, l := range c.Points {
		if l.Seconds == nil {
			p.line("- %s: %s", md(l.Why), md(l.Says))
			continue
		}
		p.line("- %s Explained: %s", clockOf(*l.Seconds), md(l.Says))
	}
	for _, l := range c.Plan {
		p.line("- %s Proposed: %s. %s: %s", clockOf(*l.Seconds), md(l.Says), md(l.Judged), md(l.Why))
	}
}

func pathPart(p *page, c *Card) {
	p.heading("What was asked and measured")
	p.line("Bits are the information that a step was expected to give, by what was known at its moment.\n")
	for i, s := range c.Path {
		best := ""
		if s.Best != "" {
			best = fmt.Sprintf("; best then %s, %.3f", md(s.Best), s.BestBits)
		}
		p.line("%d. %s %s %s (%.3f bits%s)", i+1, clockOf(s.Seconds), md(s.ID), md(s.Says), s.Bits, best)
	}
	for _, l := range c.Asides {
		p.line("- %s Also wanted: %s", clockOf(*l.Seconds), md(l.Says))
	}
	for _, h := range c.Hints {
		p.line("- %s Hint given: %s (costs: %s)", clockOf(h.Seconds), md(h.Says), md(h.Costs))
	}
}

// timelinePart writes all that was heard and done, in its order.
func timelinePart(p *page, c *Card) {
	p.heading("What was heard, and when")
	if len(c.Timeline) == 0 {
		p.line("Nothing.")
	}
	for _, m := range c.Timeline {
		at := ""
		if m.Ticked != nil {
			at = " (ticked at " + clockOf(*m.Ticked) + ")"
		}
		p.line("- %s %s: %s%s", clockOf(m.Seconds), md(strings.ToUpper(m.What[:1])+m.What[1:]), md(m.Says), at)
	}
}

// Paper writes the whole script as markdown, to be printed and ticked by hand.
func (n *Interview) Paper() string {
	p := &page{}
	p.line("# Interviewer's script: %s\n", md(n.scenario.Title))
	p.line("Scenario %s, level %d. Candidate: ____________ Date: ____________", md(n.scenario.ID), n.scenario.Level)
	if len(n.rubric.Pacing) > 0 {
		p.heading(fmt.Sprintf("Pacing: %s minutes", content.Show(n.rubric.Minutes)))
		for _, part := range n.rubric.Pacing {
			p.line("- until %s: **%s**. %s", content.Show(part.Until), md(part.Title), md(part.Says))
		}
	}
	head := ""
	for _, e := range n.script {
		if e.Head != head {
			head = e.Head
			p.heading(md(head))
			n.paperHead(p, e)
		}
		n.paperLine(p, e)
	}
	p.heading("Level")
	p.line("%s\n", md(Rule))
	for _, l := range n.rubric.Levels {
		p.line("- [ ] %s: %s", md(l.Title), md(l.Means))
	}
	return p.String()
}

// paperHead writes what holds for all lines under a heading.
func (n *Interview) paperHead(p *page, e *Entry) {
	if e.Key.Kind() != Item {
		return
	}
	s := n.rubric.Section(n.sectionOf(e.Key))
	if s.Looks != "" {
		p.line("%s\n", md(s.Looks))
	}
	p.line("Weak: %s\n", md(s.Weak))
}

func (n *Interview) paperLine(p *page, e *Entry) {
	box := "- [ ] "
	if !e.Tickable() {
		box = "- "
	}
	label := ""
	if e.Label != "" {
		label = md(e.Label) + ": "
	}
	if e.Key.Kind() == Remark {
		p.line("%s%s%s: \"%s\"", box, label, md(e.From), md(e.Title))
	} else {
		p.line("%s%s**%s**", box, label, md(e.Title))
	}
	if e.Key.Kind() == Item {
		return
	}
	if e.Key.Kind() != Remark {
		for _, say := range e.Say {
			from := ""
			if e.From != "" {
				from = ", from the " + md(e.From)
			}
			p.line("  - Say%s: \"%s\"", from, md(say))
		}
	}
	if e.Reading != nil {
		paperFigures(p, n.ReadOut(e, ""))
	}
	for _, shows := range e.Shows {
		p.line("  - **%s**", md(shows))
	}
	for _, know := range e.Know {
		p.line("  - %s", md(know))
	}
	if e.Reading != nil {
		p.line("  - All that was measured:")
		paperFigures(p, e.Reading.Lines(false))
	}
	if e.Key.Kind() == Hint {
		n.paperHint(p, n.rubric.Hint(e.Key.ID()))
	}
}

func paperFigures(p *page, figures []train.TextLine) {
	for _, l := range figures {
		indent := "    - "
		if l.Kind == train.Heading {
			indent = "  - "
		}
		p.line("%s%s", indent, md(l.Text))
	}
}

// paperHint writes a hint, for each step of the good way what depends on it.
func (n *Interview) paperHint(p *page, h *content.RubricHint) {
	if !strings.Contains(h.Says, "{") {
		p.line("  - Say: \"%s\"", md(h.Says))
		return
	}
	p.line("  - Say, of the first of these that they have not asked or measured:")
	for _, s := range n.ideal {
		if e := n.idealEntry(s); e != nil {
			p.line("    - \"%s\"", md(hintText(h, e, s.Says)))
		}
	}
}
