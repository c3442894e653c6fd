package train

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// Debrief is what an incident was and how it is found.
type Debrief struct {
	Scenario *content.Scenario
	Truth    []*content.Cause // none: nothing is wrong on the host
	// Ideal is the way of an experienced engineer, told with hindsight: a question of
	// each of the first four groups, one on the network or the system, then what tells
	// most at each step until the truth is certain, then what else it rests on.
	Ideal []IdealStep
	// Founded says that the ideal way ends with the truth.
	Founded bool
	// Plan is the engine's plan for the truth on these facts.
	Plan []checklist.PlanStep
	// Pages are the articles of the causes (whydrop explain).
	Pages []*checklist.Article
}

// IdealStep is one step of the ideal path.
type IdealStep struct {
	Step
	Title string
	// Why says why one takes it then.
	Why string
	// Says is the answer, or the weightiest evidence that the measurement adds.
	Says string
	// Did says what it did to the causes that were likely.
	Did           string
	Before, After map[string]float64 // as in Event
	// Suspect are the hypotheses to state after it, Drop those to take back: causes, or
	// NothingWrong.
	Suspect, Drop []*content.Cause
}

// Debrief returns what the incident was; nil before the commit. It takes the time of
// some dozen diagnoses: work it out beside the screen.
func (s *Session) Debrief() *Debrief {
	if s.concluded == nil {
		return nil
	}
	d := &Debrief{Scenario: s.scenario}
	for _, p := range s.truePlan() {
		d.Plan = append(d.Plan, s.toldWhole(withWayBack(p)))
	}
	for _, id := range s.scenario.Truth {
		cause := s.book.Cause(id)
		d.Truth = append(d.Truth, cause)
		d.Pages = append(d.Pages, checklist.Explain(s.book, content.Entry{Kind: content.KindCause, Name: cause.ID, Title: cause.Title}))
	}
	d.Ideal, d.Founded = s.ideal()
	return d
}

// toldWhole is a step of the plan whose sentences have all their values: where one is not
// known, the remedy's own words in outline.
func (s *Session) toldWhole(p checklist.PlanStep) checklist.PlanStep {
	r := p.Remedy
	for _, part := range []struct {
		said *string
		of   *content.Text
	}{
		{&p.Change, r.Change}, {&p.Why, r.Why}, {&p.Effect, r.Effect}, {&p.Risk, r.Risk},
		{&p.Calculation, r.Calculation}, {&p.Verify, r.Verify}, {&p.Ask, r.Ask}, {&p.Keep, r.Keep},
	} {
		if strings.Contains(*part.said, content.Unknown) && part.of != nil {
			*part.said = oneLine(part.of.Outline(s.book.Facts, r.Each))
		}
	}
	return p
}

// ModelStep is the step of the plan that the candidate's own words are laid beside: the
// best right one; empty where the plan has none.
func (d *Debrief) ModelStep() checklist.PlanStep { return modelStep(d.Scenario, d.Plan) }

// Parts are why the step is taken then, what it did, and what one supposes after it: for
// people, a sentence each.
func (p IdealStep) Parts() []string {
	titles := func(causes []*content.Cause) string {
		var all []string
		for _, c := range causes {
			all = append(all, "\""+c.Title+"\"")
		}
		return listed(all)
	}
	var parts []string
	for _, part := range []struct{ head, text string }{
		{"Why: ", p.Why}, {"After it: ", p.Did}, {"Suspect now: ", titles(p.Suspect)}, {"Drop: ", titles(p.Drop)},
	} {
		if part.text != "" {
			parts = append(parts, part.head+part.text)
		}
	}
	return parts
}

// looked are the reasons of a cause that rest on something that was looked at: that a place
// was not read is no evidence.
func looked(c *content.Cause, reasons []checklist.Reason) []checklist.Reason {
	return slices.DeleteFunc(slices.Clone(reasons), func(reason checklist.Reason) bool {
		for _, r := range slices.Concat(c.For, c.Against) {
			if r.ID == reason.Rule && slices.ContainsFunc(r.When.Uses(), unread) {
				return true
			}
		}
		return false
	})
}

// unread says of a fact whether it tells that a place was not looked at.
func unread(name string) bool { return strings.HasSuffix(name, "_unread") }

// noNews is said of a measurement that changes nothing.
const noNews = "nothing that speaks for or against any cause"

// news is the weightiest measured evidence that a diagnosis has and one before had
// not: for a truth, else against a herring, else about the cause that was most
// suspected before.
func (s *Session) news(before, after *checklist.Diagnosis) string {
	for _, truth := range s.scenario.Truth {
		if r := added(before.Finding(truth), after.Finding(truth), true); r != nil {
			return r.Says
		}
	}
	for _, h := range s.scenario.Herrings {
		if r := added(before.Finding(h.Cause), after.Finding(h.Cause), false); r != nil {
			return against(s.book.Cause(h.Cause), r)
		}
	}
	for _, f := range before.Findings { // the most suspected first
		now := after.Finding(f.Cause.ID)
		if r := added(f, now, true); r != nil {
			return fmt.Sprintf("speaks for \"%s\": %s", f.Cause.Title, r.Says)
		}
		if r := added(f, now, false); r != nil {
			return against(f.Cause, r)
		}
	}
	return noNews
}

func against(c *content.Cause, r *checklist.Reason) string {
	return fmt.Sprintf("speaks against \"%s\": %s", c.Title, r.Says)
}

// added is the weightiest measured reason that a finding has and the one before had
// not, nil if there is none.
func added(before, after *checklist.Finding, positive bool) *checklist.Reason {
	had, has := before.For, after.For
	if !positive {
		had, has = before.Against, after.Against
	}
	has = looked(after.Cause, has)
	for i, r := range has { // the weightiest first
		if !r.Answer && !slices.ContainsFunc(had, func(h checklist.Reason) bool { return h.Rule == r.Rule }) {
			return &has[i]
		}
	}
	return nil
}
