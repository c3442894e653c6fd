package train

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Debrief is what an incident was and how it is found.
type Debrief struct {
	Scenario *content.Scenario
	Truth    []*content.Cause // none: nothing is wrong on the host
	// Ideal is the way of an experienced engineer, until the truth is certain: a
	// question of each of the first four groups, one on the network or the system, then
	// what tells most at each step.
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
	// Says is the answer, or the weightiest evidence that the measurement adds.
	Says          string
	Before, After map[string]float64 // as in Event
}

// Debrief returns what the incident was; nil before the commit. It takes the time of
// some dozen diagnoses: work it out beside the screen.
func (s *Session) Debrief() *Debrief {
	if s.concluded == nil {
		return nil
	}
	d := &Debrief{Scenario: s.scenario, Plan: s.truePlan()}
	for _, id := range s.scenario.Truth {
		cause := s.book.Cause(id)
		d.Truth = append(d.Truth, cause)
		d.Pages = append(d.Pages, checklist.Explain(s.book, content.Entry{Kind: content.KindCause, Name: cause.ID, Title: cause.Title}))
	}
	d.Ideal, d.Founded = s.ideal()
	return d
}

// ModelStep is the step of the plan that the candidate's own words are laid beside: the
// best right one; empty where the plan has none.
func (d *Debrief) ModelStep() checklist.PlanStep {
	for _, id := range d.Scenario.Fix {
		for _, s := range d.Plan {
			if s.Cause.ID+"/"+s.Remedy.ID == id {
				return s
			}
		}
	}
	if len(d.Plan) > 0 {
		return d.Plan[0]
	}
	return checklist.PlanStep{}
}

// still is a host that shows the same observation again and again.
type still struct {
	probes []string
	facts  *fact.Facts
}

func (h still) Probes() []string                      { return h.probes }
func (h still) Look() (*fact.Facts, int, error)       { return h.facts, 0, nil }
func (h still) Again(moment int) (*fact.Facts, error) { return h.facts, nil }

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

// ideal is the ideal path, worked out once.
func (s *Session) ideal() (path []IdealStep, founded bool) {
	if s.idealSteps == nil {
		s.idealSteps, s.idealFounded = s.idealPath()
	}
	return s.idealSteps, s.idealFounded
}

// idealPath takes the wise step until there is none, and leaves out measurements that
// tell nothing by which the truth is found. It is told by what the candidate saw, where
// that shows the truth.
func (s *Session) idealPath() (path []IdealStep, founded bool) {
	for _, whole := range []*fact.Facts{s.wholeAsSeen(), s.wholeHost()} {
		if whole == nil {
			return nil, false
		}
		host := still{s.host.Probes(), whole}
		ideal := New(s.book, s.scenario, host)
		var steps []Step
		for next := ideal.wise(); next != nil; next = ideal.wise() {
			if ideal.take(*next) != nil {
				break
			}
			steps = append(steps, *next)
		}
		if path, founded = s.walk(host, steps); founded {
			return s.shortened(host, path), true
		}
	}
	return path, false
}

// take asks or measures.
func (s *Session) take(n Step) error {
	if n.Kind == Asked {
		return errOnly(s.Ask(n.ID))
	}
	return errOnly(s.Measure(n.ID))
}

func errOnly[T any](_ T, err error) error { return err }

// walk takes steps on a host and tells what each gave, and whether the truth is founded in
// the end.
func (s *Session) walk(host still, steps []Step) (path []IdealStep, founded bool) {
	ideal := New(s.book, s.scenario, host)
	for _, next := range steps {
		before := ideal.diagnosis()
		step := IdealStep{Step: next, Title: s.titleOf(next)}
		if ideal.take(next) != nil {
			return path, false
		}
		if step.Kind == Asked {
			step.Says = s.answer(step.ID).Says
		} else {
			step.Says = s.news(before, ideal.diagnosis())
		}
		e := ideal.events[len(ideal.events)-1]
		step.Before, step.After = e.Before, e.After
		path = append(path, step)
	}
	return path, ideal.solved(ideal.diagnosis())
}

// shortened is a path without the measurements that gave no news and the questions that
// nobody could answer, as far as it leads to the truth without them.
func (s *Session) shortened(host still, path []IdealStep) []IdealStep {
	for i := len(path) - 1; i >= 0; i-- {
		idle := path[i].Kind == Measured && path[i].Says == noNews || path[i].Kind == Asked && !s.answerable(path[i].ID)
		if !idle {
			continue
		}
		var steps []Step
		for j, p := range path {
			if j != i {
				steps = append(steps, p.Step)
			}
		}
		if without, founded := s.walk(host, steps); founded {
			path = without
		}
	}
	return path
}

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
