package train

import (
	"slices"
	"strings"
	"unicode"

	"whydrop/checklist"
	"whydrop/content"
)

// OwnWordsRule says, before somebody writes, what their own words must have to count.
const OwnWordsRule = "A few words are enough. They count if they speak of this incident: name the rule, the counter, the setting, the command or the program that you mean. You judge them yourself, beside what they should say."

// Said says whether own words speak of the incident: only then are they judged. What
// they mean is left to the candidate.
func (s *Session) Said(text string) bool {
	return s.shared(text) > 0 || denies(text) && denies(modelStep(s.scenario, s.truePlan()).Risk)
}

// denies says whether a text says that there is none of it.
func denies(text string) bool {
	words := strings.Fields(strings.ToLower(text))
	return len(words) > 0 && len(words) < 4 && slices.Contains([]string{"no", "none", "nothing"}, strings.Trim(words[0], ".,;"))
}

// shared counts the different words of a text that the incident has, too, without those
// of any incident. The opening says them to everybody: to copy it says nothing.
func (s *Session) shared(text string) int {
	if s.words == nil {
		s.generic = genericWords(s.book)
		s.words = s.incidentWords()
	}
	opening := contentWords(s.scenario.Opening)
	var shared []string
	said, copied := 0, 0
	for _, w := range tokens(text) {
		said++
		if slices.Contains(opening, w) || len(w) < 3 {
			copied++
		}
		if !s.generic[w] && !slices.Contains(shared, w) && slices.ContainsFunc(s.words, func(have string) bool { return sameStem(w, have) }) {
			shared = append(shared, w)
		}
	}
	if said >= 6 && 10*copied >= 9*said {
		return 0
	}
	return len(shared)
}

// sameStem says whether two words are forms of one: spoofed, spoofing. Short ones are
// commands, such as ss, and are the same or not.
func sameStem(a, b string) bool {
	if a == b || len(a) < 3 || len(b) < 3 {
		return a == b
	}
	const begins, ends = 5, 3
	short := min(len(a), len(b))
	return alike(a, b) >= 0.8 || short >= begins && a[:begins] == b[:begins] && max(len(a), len(b)) <= short+ends && short <= begins+ends
}

// contentWords are the words of a text that say something: no numbers, none of two
// letters.
func contentWords(text string) []string {
	return slices.DeleteFunc(tokens(text), func(w string) bool {
		return len(w) < 3 || !slices.ContainsFunc([]rune(w), unicode.IsLetter)
	})
}

// incidentWords are the words of what the incident was, of what shows it and what was to
// be done, and the names of facts and settings; none that many causes have.
func (s *Session) incidentWords() []string {
	var all []string
	tools := toolsOf(s.book)
	add := func(texts ...string) {
		for _, text := range texts {
			for _, w := range tokens(text) {
				if said := len(contentWords(w)) > 0; said && !s.generic[w] || !said && tools[w] {
					all = append(all, w)
				}
			}
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

// genericWords are those that more than a sixth of all causes have: they speak of none.
func genericWords(book *content.Book) map[string]bool {
	causes := map[string]int{}
	for _, c := range book.Causes {
		words := contentWords(c.Title + " " + c.Happens)
		slices.Sort(words)
		for _, w := range slices.Compact(words) {
			causes[w]++
		}
	}
	generic := map[string]bool{}
	for w, n := range causes {
		generic[w] = n > len(book.Causes)/6
	}
	return generic
}

// toolsOf are the commands by which the facts are read by hand.
func toolsOf(book *content.Book) map[string]bool {
	tools := map[string]bool{}
	for _, f := range book.Facts.Facts() {
		for _, command := range strings.FieldsFunc(f.ByHand, func(r rune) bool { return strings.ContainsRune(";|&", r) }) {
			if words := strings.Fields(command); len(words) > 0 {
				tools[words[0]] = true
			}
		}
	}
	return tools
}

// modelStep is the step of the plan that the candidate's own words are laid beside: the
// best right one; empty where the plan has none.
func modelStep(sc *content.Scenario, plan []checklist.PlanStep) checklist.PlanStep {
	for _, id := range sc.Fix {
		for _, p := range plan {
			if p.Cause.ID+"/"+p.Remedy.ID == id {
				return withWayBack(p)
			}
		}
	}
	if len(plan) > 0 {
		return withWayBack(plan[0])
	}
	return checklist.PlanStep{}
}

// withWayBack is a step that says how to take back what it sets: the values from before
// are always a way.
func withWayBack(p checklist.PlanStep) checklist.PlanStep {
	var settings []string
	for _, c := range p.Changes {
		if c.Knob == "sysctl" && !slices.Contains(settings, c.Of) {
			settings = append(settings, c.Of)
		}
	}
	if p.Rollback == "" && len(settings) > 0 {
		p.Rollback = "note the values before (sysctl " + strings.Join(settings, " ") + "), and set them again with sysctl -w"
	}
	return p
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
	before := map[string]string{} // what was said, and on what
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
		same := strings.Join(tokens(w.said), " ")
		first, again := before[same]
		before[same] = w.what
		switch {
		case strings.TrimSpace(w.said) == "":
			m.add(0, "nothing is said on %s", w.what)
		case again:
			m.add(0, "what you said on %s is what you said on %s: it counts once", w.what, first)
		case !s.Said(w.said):
			m.add(0, "what you said on %s has no word of this incident in it: it counts as not said", w.what)
		case w.ticked:
			m.self(0.25, "you said %s", w.what)
		default:
			m.self(0, "what you said on %s is not what it should be", w.what)
		}
	}
	if on, again := before[strings.Join(tokens(c.Explanation), " ")]; again && strings.TrimSpace(c.Explanation) != "" {
		m.add(0, "your explanation is what you said on %s: it counts once", on)
		return
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
	case strings.TrimSpace(s.concluded.Explanation) == "":
		m.add(0, "what happened is not explained")
	case shared == 0:
		m.add(0, "your explanation has no word of this incident in it: it counts as not said")
	case shared < ticked:
		m.self(most*min(1, 2*float64(has)/float64(all)), "%s of this incident cannot say %d key points: so many count", counted(shared, "word"), ticked)
	default:
		m.self(most*min(1, 2*float64(has)/float64(all)), "your explanation has %d of %d key points; half are enough", has, all)
	}
}
