package train

import (
	"slices"
	"unicode"

	"whydrop/checklist"
	"whydrop/content"
)

// OwnWordsRule says, before somebody writes, what their own words must have to count.
const OwnWordsRule = "A few words are enough. They count if they speak of this incident: name the rule, the counter, the setting, the command or the program that you mean. You judge them yourself, beside what they should say."

// Said says whether own words speak of the incident: only then are they judged. What
// they mean is left to the candidate.
func (s *Session) Said(text string) bool { return s.shared(text) > 0 }

// shared counts the different words of a text that the incident has, too.
func (s *Session) shared(text string) int {
	if s.words == nil {
		s.words = s.incidentWords()
	}
	var shared []string
	for _, w := range contentWords(text) {
		if !slices.Contains(shared, w) && slices.ContainsFunc(s.words, func(have string) bool { return alike(w, have) >= 0.8 }) {
			shared = append(shared, w)
		}
	}
	return len(shared)
}

// contentWords are the words of a text that say something: no numbers, none of two
// letters.
func contentWords(text string) []string {
	return slices.DeleteFunc(tokens(text), func(w string) bool {
		return len(w) < 3 || !slices.ContainsFunc([]rune(w), unicode.IsLetter)
	})
}

// incidentWords are the words of what the incident was, of what shows it and what was to
// be done, and the names of facts and settings.
func (s *Session) incidentWords() []string {
	var all []string
	add := func(texts ...string) {
		for _, text := range texts {
			all = append(all, contentWords(text)...)
		}
	}
	add(s.scenario.KeyPoints...)
	add(s.scenario.Service, s.scenario.Opening, nothingWrong.Title)
	for _, c := range s.Menu() {
		add(c.Title, c.Command)
	}
	for _, p := range s.truePlan() {
		add(p.Change, p.Why, p.Effect, p.Risk, p.Verify, p.Rollback, p.Keep)
	}
	whole := s.wholeDiagnosis()
	for _, id := range slices.Concat(s.scenario.Truth, s.lookAlikes()) {
		add(s.book.Cause(id).Title, s.book.Cause(id).Happens)
		if f := whole.Finding(id); f != nil {
			for _, r := range slices.Concat(f.For, f.Against) {
				add(r.Says)
			}
		}
	}
	for _, f := range s.book.Facts.Facts() {
		add(f.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// modelStep is the step of the plan that the candidate's own words are laid beside: the
// best right one; empty where the plan has none.
func modelStep(sc *content.Scenario, plan []checklist.PlanStep) checklist.PlanStep {
	for _, id := range sc.Fix {
		for _, p := range plan {
			if p.Cause.ID+"/"+p.Remedy.ID == id {
				return p
			}
		}
	}
	if len(plan) > 0 {
		return plan[0]
	}
	return checklist.PlanStep{}
}

// words marks the candidate's own words, as they judged them: together a point. Where
// nothing is to be changed there is no risk to name, and the explanation is all of it.
func (r *reviewer) words(m *marker) {
	s := r.session
	c, check := s.concluded, s.checked
	if check == nil {
		m.add(0, "your own words are not judged yet")
		return
	}
	model, most := modelStep(s.scenario, s.truePlan()), 1.0
	for _, w := range []struct {
		what, said, model string
		ticked            bool
	}{
		{"the risk", c.Risk, model.Risk, check.Risk},
		{"how to take it back", c.Rollback, model.Rollback, check.Rollback},
		{"how to verify it", c.Verify, model.Verify, check.Verify},
	} {
		if w.model == "" {
			continue
		}
		most -= 0.25
		switch {
		case len(contentWords(w.said)) == 0:
			m.add(0, "nothing is said on %s", w.what)
		case !s.Said(w.said):
			m.add(0, "what you said on %s has no word of this incident in it: it counts as not said", w.what)
		case w.ticked:
			m.self(0.25, "you said %s", w.what)
		default:
			m.self(0, "what you said on %s is not what it should be", w.what)
		}
	}
	r.explanation(m, most)
}

// explanation marks the explanation, as the candidate judged it: a word of the incident
// for each key point at least, and half of the points are enough.
func (r *reviewer) explanation(m *marker, most float64) {
	s := r.session
	all := len(s.scenario.KeyPoints)
	ticked := len(slices.Compact(slices.Sorted(slices.Values(s.checked.KeyPoints))))
	shared := s.shared(s.concluded.Explanation)
	switch has := min(ticked, shared); {
	case all == 0:
	case len(contentWords(s.concluded.Explanation)) == 0:
		m.add(0, "what happened is not explained")
	case shared == 0:
		m.add(0, "your explanation has no word of this incident in it: it counts as not said")
	case shared < ticked:
		m.self(most*min(1, 2*float64(has)/float64(all)), "%d words of this incident cannot say %d key points: %d count", shared, ticked, has)
	default:
		m.self(most*min(1, 2*float64(has)/float64(all)), "your explanation has %d of %d key points; half are enough", has, all)
	}
}
