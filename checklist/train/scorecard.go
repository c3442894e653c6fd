package train

import (
	"fmt"
	"strings"
	"time"

	"whydrop/checklist"
)

// Scorecard writes the feedback and the ideal path as markdown (CommonMark), always the
// same for the same session; "" before the commit. Texts from outside are escaped.
func (s *Session) Scorecard() string {
	f := s.Feedback()
	if f == nil {
		return ""
	}
	w := &cardWriter{session: s, feedback: f}
	w.head()
	w.marks()
	w.steps()
	w.groups()
	w.reasoning()
	w.conclusion()
	w.debrief(s.Debrief())
	return w.String()
}

// cardWriter writes a scorecard.
type cardWriter struct {
	strings.Builder
	session  *Session
	feedback *Feedback
}

// md escapes a text for markdown.
func md(text string) string { return checklist.Markdown(text) }

func (w *cardWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *cardWriter) heading(title string) { w.line("\n## %s\n", title) }

func (w *cardWriter) head() {
	s, f := w.session, w.feedback
	w.line("# Scorecard: %s\n", md(s.scenario.Title))
	w.line("- Scenario: %s, level %d", md(s.scenario.ID), s.scenario.Level)
	w.line("- Begun: %s; %s in %s", s.Begun().UTC().Format("2006-01-02 15:04 UTC"), counted(len(f.Steps), "step"), s.Elapsed().Round(time.Second))
	w.line("- Total: %s of %s, the sum of the marks below", Points(f.Total), Points(f.Of))
	if f.Repeat {
		w.line("- A repeat: the end of this incident was seen before. It is practice, and says little about how the next one goes")
	}
	if !f.Checked {
		w.line("- The candidate's own words are not judged yet: they count nothing so far")
	}
}

// areaTitles are the areas as headings.
var areaTitles = map[Area]string{
	Clarifying: "Clarifying", Measuring: "Measuring", Reasoning: "Reasoning",
	Concluding: "Conclusion", Planning: "Plan", Economizing: "Economy",
}

// Title is the area in words.
func (a Area) Title() string { return areaTitles[a] }

func (w *cardWriter) marks() {
	w.heading("Marks")
	for _, m := range w.feedback.Marks {
		w.line("- **%s: %s of %d**", m.Area.Title(), Points(m.Points), MostPoints)
		for _, r := range m.Reasons {
			self := ""
			if r.SelfAssessed {
				self = " (self-assessed)"
			}
			w.line("  - %s: %s%s", Signed(r.Points), md(r.Says), self)
		}
	}
}

func (w *cardWriter) steps() {
	w.heading("Step by step")
	w.line("Bits are the information that a step was expected to give, by what was known at its moment.\n")
	for i, v := range w.feedback.Steps {
		e := v.Event
		w.line("%d. %s **%s** (%s bits%s)", i+1, verb(e.Kind), md(v.Title), bits(e.Bits), md(w.bestThen(v)))
		if v.Says != "" {
			w.line("   - Answer: %s", md(v.Says))
		}
		w.line("   - %s", md(v.Told))
		if v.Wasted {
			w.line("   - Worth nearly nothing: %s", md(v.Why))
		}
	}
}

func verb(k Kind) string {
	if k == Asked {
		return "Asked:"
	}
	return "Measured:"
}

// bits is information as text.
func bits(v float64) string { return fmt.Sprintf("%.3f", v) }

func (w *cardWriter) bestThen(v StepReview) string {
	b := v.Event.Best
	if b == nil || b.ID == v.Event.ID {
		return ""
	}
	return fmt.Sprintf("; best then: %s, %s bits", shortTitle(w.session, *b), bits(b.Bits))
}

func (w *cardWriter) groups() {
	w.heading("Coverage of the checklist")
	for _, g := range w.feedback.Groups {
		asked := "not asked"
		if len(g.Asked) > 0 {
			asked = fmt.Sprintf("%s, first at step %d", strings.Join(g.Asked, ", "), g.First)
		}
		if g.Telling {
			asked += "; an answer here points to the truth"
		}
		w.line("- %d %s: %s", g.Group.Number, md(g.Group.Title), asked)
	}
}

func (w *cardWriter) reasoning() {
	f := w.feedback
	if len(f.WrongTurns) > 0 {
		w.heading("Wrong turns")
		for _, t := range f.WrongTurns {
			w.line("- After %s: %s, though %s", counted(t.Step, "step"), md(t.Cause.Title), md(t.Why))
		}
	}
	if len(f.Overlooked) > 0 {
		w.heading("Evidence overlooked")
		for _, o := range f.Overlooked {
			w.line("- %s (measure %s)", md(o.Says), md(strings.Join(o.Probes, ", ")))
		}
	}
	if notes := w.session.Notes(); len(notes) > 0 {
		w.heading("Notes of the candidate")
		for _, n := range notes {
			w.line("- %s", md(n))
		}
	}
}

func (w *cardWriter) conclusion() {
	f, c := w.feedback, w.session.concluded
	w.heading("Conclusion")
	for _, v := range f.Causes {
		name, what := "Nothing is wrong on this host", "wrong"
		if v.Cause != nil {
			name = v.Cause.Title
		}
		switch {
		case !v.Named:
			what = "missed"
		case v.Founded:
			what = "right and founded"
		case v.Right:
			what = "right, but not founded"
		}
		w.line("- %s: %s. %s", md(name), what, md(v.Why))
	}
	w.heading("Plan")
	for _, v := range f.Plan {
		w.line("- %s: %s", md(v.Choice.Title), md(v.Why))
	}
	for _, m := range f.Missed {
		w.line("- Not chosen: %s", md(m.Title))
	}
	for _, m := range f.AlsoRight {
		w.line("- Also right: %s", md(m.Title))
	}
	for _, said := range []struct{ what, text string }{{"Risk", c.Risk}, {"Rollback", c.Rollback}, {"Verification", c.Verify}, {"Explanation", c.Explanation}} {
		if said.text != "" {
			w.line("- %s, in the candidate's words: %s", said.what, md(said.text))
		}
	}
}

func (w *cardWriter) debrief(d *Debrief) {
	s := w.session
	w.heading("What it was")
	if len(d.Truth) == 0 {
		w.line("- Nothing is wrong on this host: the alarm was.")
	}
	for _, c := range d.Truth {
		w.line("- %s (%s). %s", md(c.Title), md(c.ID), md(c.Happens))
	}
	for _, p := range s.scenario.KeyPoints {
		w.line("- %s", md(p))
	}
	w.heading("The ideal path")
	for i, p := range d.Ideal {
		w.line("%d. %s **%s** %s", i+1, verb(p.Kind), md(p.Title), md(p.Says))
		for _, part := range p.Parts() {
			w.line("   - %s", md(part))
		}
	}
	for _, p := range d.Plan {
		w.line("- Then: %s. %s", md(p.Remedy.Title), md(p.Change))
	}
	if len(s.scenario.Herrings) > 0 {
		w.heading("What it was not")
		for _, h := range s.scenario.Herrings {
			w.line("- %s: %s", md(s.book.Cause(h.Cause).Title), md(h.Refuted))
		}
	}
	if len(s.scenario.Timeline) > 0 {
		w.heading("Timeline")
		for _, m := range s.scenario.Timeline {
			w.line("- %s %s", md(m.At), md(m.Says))
		}
	}
}
