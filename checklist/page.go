package checklist

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"whydrop/content"
	"whydrop/probes/fact"
)

// pageWidth is how wide the page is set: it still reads well in a ticket.
const pageWidth = 96

// observedBy says which host was observed, when and for how long, as far as that is
// known: texts of other tools do not always tell.
func observedBy(f *fact.Facts) string {
	s := cmp.Or(f.Host, "a host that is not named")
	if f.Kernel != "" {
		s += ", kernel " + f.Kernel
	}
	if f.Seconds > 0 {
		s += fmt.Sprintf(", observed for %.1f s", f.Seconds)
	}
	if !f.Start.IsZero() {
		s += " from " + f.Start.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return s
}

// WritePage writes the diagnosis as plain text for people: the verdict first,
// then the causes with their reasons, the ledger, what to do first, and what
// could not be seen.
func (c *Case) WritePage(w io.Writer, d *Diagnosis) error {
	p := &page{w: bufio.NewWriter(w)}
	f := c.Facts
	if f == nil {
		f = fact.New(c.Started, 0)
	}
	p.line("", "%s", c.Headline(d))
	p.line("", "%s", content.Show(observedBy(f)))
	p.signs(d)
	p.causes("Causes", d.Named())
	if d.Verdict != Healthy {
		p.causes("Considered, not named", d.Suspects(3))
	}
	p.ledger(d)
	p.notes(d)
	p.plan(c.Plan(d))
	p.blind(f)
	p.next(c, d)
	return p.w.Flush()
}

// Headline is the verdict in one sentence.
func (c *Case) Headline(d *Diagnosis) string {
	named := d.Named()
	ended, _ := d.Ended()
	switch {
	case d.Verdict == Healthy && ended != "":
		return "HEALTHY: no sign of trouble during the observation; " + ended
	case d.Verdict == Healthy:
		return "HEALTHY: nothing that loses packets was at work during the observation"
	case len(named) == 0:
		return "INCONCLUSIVE: no cause could be named with confidence"
	case len(named) == 1:
		return fmt.Sprintf("FAULT: %s (%s)", named[0].Cause.Title, Percent(named[0].Probability))
	default:
		return fmt.Sprintf("FAULT: %s (%s), and %d more", named[0].Cause.Title, Percent(named[0].Probability), len(named)-1)
	}
}

type page struct{ w *bufio.Writer }

// line writes text, wrapped; lines after the first begin with indent.
func (p *page) line(indent, format string, args ...any) {
	for i, l := range Wrap(fmt.Sprintf(format, args...), pageWidth-len(indent)) {
		if i > 0 {
			l = indent + l
		}
		fmt.Fprintln(p.w, l)
	}
}

func (p *page) heading(s string) { fmt.Fprintf(p.w, "\n%s\n", s) }

func (p *page) signs(d *Diagnosis) {
	if len(d.Symptoms)+len(d.Doubts) == 0 {
		return
	}
	p.heading("Signs")
	for _, s := range d.Symptoms {
		p.line("    ", "  - %s", s)
	}
	for _, s := range d.Doubts {
		p.line("    ", "  ? %s", s)
	}
}

func (p *page) causes(title string, findings []*Finding) {
	if len(findings) == 0 {
		return
	}
	p.heading(title)
	for i, f := range findings {
		p.line("     ", "  %d. %s  %s  [%s]", i+1, f.Cause.Title, Percent(f.Probability), f.Cause.ID)
		for _, r := range f.For {
			p.line("       ", "     + %s", r.Says)
		}
		for _, r := range f.Against {
			p.line("       ", "     - %s", r.Says)
		}
	}
}

func (p *page) ledger(d *Diagnosis) {
	var lost, maybe []LedgerEntry
	for _, e := range d.Ledger {
		if e.Loss {
			lost = append(lost, e)
		} else {
			maybe = append(maybe, e)
		}
	}
	p.entries("Lost on this host during the observation", lost)
	if d.Balance.Worth() {
		p.line("    ", "  %s", d.Balance)
	}
	p.entries("Also counted; not every such packet is missed by anybody", maybe)
}

func (p *page) notes(d *Diagnosis) {
	if len(d.Notes) == 0 {
		return
	}
	p.heading("Worth knowing")
	for _, n := range d.Notes {
		p.line("    ", "  - %s", n)
	}
}

func (p *page) entries(title string, entries []LedgerEntry) {
	if len(entries) == 0 {
		return
	}
	p.heading(title)
	for _, e := range entries {
		p.line("                  ", "  %-9s %-3s  %s  (%s)", e.Hop, e.Direction, Counted(e.Drops, e.Unit), e.Counter)
	}
}

func (p *page) plan(steps []PlanStep) {
	if len(steps) == 0 {
		return
	}
	p.heading("What to do")
	for i, s := range steps {
		p.line("     ", "  %d. %s", i+1, s.Remedy.Title)
		p.line("     ", "     %s", s.Change)
		if s.Runtime != "" {
			p.line("       ", "     $ %s", s.Runtime)
		}
		if s.Rollback != "" {
			p.line("       ", "     take back: %s", s.Rollback)
		}
	}
}

func (p *page) blind(f *fact.Facts) {
	var lines []string
	for _, b := range f.Blind {
		l := content.Show(b.What)
		if b.Needs != "" {
			l += ": needs " + content.Show(b.Needs)
		}
		lines = append(lines, l)
	}
	for _, s := range f.Probes {
		switch {
		case s.Status != "ok":
			lines = append(lines, fmt.Sprintf("probe %s %s: %s", s.Name, s.Status, content.Show(WhyNot(s))))
		case s.Adapted != "":
			lines = append(lines, fmt.Sprintf("probe %s in between: %s", s.Name, content.Show(s.Adapted)))
		}
	}
	if len(lines) == 0 {
		return
	}
	p.heading("Could not be seen")
	for _, l := range lines {
		p.line("    ", "  - %s", l)
	}
}

// suspicious is what a step has to tell, in bits, to be suggested although the
// host looks healthy: something may be at work that could not be seen.
const suspicious = 0.25

func (p *page) next(c *Case, d *Diagnosis) {
	if len(d.Next) == 0 || d.Verdict == Healthy && d.Next[0].Bits < suspicious {
		return
	}
	p.heading("What would tell most next")
	for i, s := range d.Next {
		if i == 3 {
			break
		}
		p.line("    ", "  - %s%s", c.stepTitle(s), s.separates())
	}
}

// Wrap breaks text into lines of at most width characters at spaces. Leading
// spaces of the text stay. A word longer than a line is cut.
func Wrap(text string, width int) []string {
	width = max(width, 8)
	body := strings.TrimLeft(text, " ")
	line := text[:len(text)-len(body)]
	count := utf8.RuneCountInString(line)
	empty := true
	var lines []string
	for _, word := range strings.Fields(body) {
		n := utf8.RuneCountInString(word)
		if !empty && count+1+n > width {
			lines = append(lines, line)
			line, count, empty = "", 0, true
		}
		if !empty {
			line, count = line+" ", count+1
		}
		for n > width {
			cut := string([]rune(word)[:max(1, width-count)])
			lines = append(lines, line+cut)
			word, line, count = word[len(cut):], "", 0
			n = utf8.RuneCountInString(word)
		}
		line, count, empty = line+word, count+n, false
	}
	return append(lines, line)
}
