package train

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

const (
	// beyondDoubt is the probability from which a cause needs no more evidence.
	beyondDoubt = 0.9
	// worthwhile is the information, in bits, that a measurement has to promise, also
	// about the truth, to be made although the truth is named.
	worthwhile = 0.02
	// worthSupposing is the probability from which a cause is worth a hypothesis when there
	// are only answers.
	worthSupposing = 0.02
	// hardlyBeside is the probability below which a cause is given up for one that is named.
	hardlyBeside = 0.05
	// tellingAsked is how many questions whose answers point to the truth are enough.
	tellingAsked = 2
)

// wise is the step that an experienced engineer takes next: in each of the first
// groups the question that tells most, one on the network or the system, then whatever
// tells most, until the truth is certain, then what is to be seen of it beside that. It
// is nil where nothing is left to do.
func (s *Session) wise() *Step {
	d := s.diagnosis()
	if s.certain(d) {
		return s.toConfirm(d)
	}
	steps := slices.DeleteFunc(s.best(d), func(n Step) bool { return n.Kind == Asked && s.inVain(n.ID) })
	if n := s.toClarify(steps); n != nil {
		return n
	}
	steps = slices.DeleteFunc(steps, func(n Step) bool { return n.Kind == Asked && !s.answerable(n.ID) })
	solved := s.solved(d)
	for i, n := range steps {
		if s.scenario.Healthy() && d.Verdict == checklist.Healthy && !s.wanted(d, n.ID) {
			continue // only the herrings are left to refute
		}
		if !solved || n.Kind == Measured && n.Bits >= worthwhile && slices.ContainsFunc(n.separates, s.scenario.Right) {
			return &steps[i]
		}
	}
	return s.toConfirm(d)
}

// inVain says whether nobody can answer a question, and one may know it: another of its
// group has an answer, or it is none of the first groups.
func (s *Session) inVain(question string) bool {
	return !s.answerable(question) && (s.group(question).Number > clarifying || slices.ContainsFunc(s.group(question).Questions, func(q *content.Question) bool { return s.answerable(q.ID) }))
}

// answerable says whether anybody in the story can answer a question.
func (s *Session) answerable(question string) bool {
	t := s.scenario.Answers[question]
	return t != nil && !slices.Equal(t.Options, []string{content.DontKnow})
}

// toClarify is the question that is to be asked before anything is measured, nil if
// enough was asked. Of a group it is the one whose answer points to the truth, if there
// is one.
func (s *Session) toClarify(steps []Step) *Step {
	find := func(fits func(Step, *content.Group) bool) *Step {
		for i, n := range steps {
			if g := s.group(n.ID); g != nil && fits(n, g) {
				return &steps[i]
			}
		}
		return nil
	}
	points := func(n Step, _ *content.Group) bool { return s.points(n.ID) }
	late := func(_ Step, g *content.Group) bool { return g.Number > clarifying }
	if n := find(func(_ Step, g *content.Group) bool { return g.Number <= clarifying && !s.askedAbout(g) }); n != nil {
		group := s.group(n.ID)
		return cmp.Or(find(func(m Step, g *content.Group) bool { return g == group && points(m, g) }), n)
	}
	if !slices.ContainsFunc(s.book.Groups, func(g *content.Group) bool { return g.Number > clarifying && s.askedAbout(g) }) {
		if n := cmp.Or(find(func(m Step, g *content.Group) bool { return late(m, g) && points(m, g) }), find(late)); n != nil {
			return n
		}
	}
	if asked, _ := s.pointing(); asked < tellingAsked {
		return find(points)
	}
	return nil
}

// pointing counts the questions whose answers point to the truth, and those asked.
func (s *Session) pointing() (asked, could int) {
	for _, q := range s.book.Questions() {
		if s.points(q.ID) {
			could++
			if s.Asked(q.ID) {
				asked++
			}
		}
	}
	return asked, could
}

// certain says whether what is known names the truth, beyond doubt, and nothing else.
func (s *Session) certain(d *checklist.Diagnosis) bool {
	if !s.solved(d) {
		return false
	}
	for _, p := range s.belief(d) {
		if p < beyondDoubt {
			return false
		}
	}
	return true
}

// toConfirm is the measurement that shows most of what is still unseen of the truth, or
// else of what speaks against the causes it is mistaken for; nil if there is none.
func (s *Session) toConfirm(now *checklist.Diagnosis) *Step {
	all := s.wholeDiagnosis()
	worth := map[string]content.Decibans{} // by probe
	for _, truth := range s.scenario.Truth {
		had, has := now.Finding(truth), all.Finding(truth)
		least := refuted // what is weighty is to be seen, and else as much as settles it
		if measured(had) < min(enough, measured(has)) {
			least = 0
		}
		s.unseen(worth, has.Cause, had.For, has.For, least)
	}
	for _, id := range s.lookAlikes() {
		if had, has := now.Finding(id), all.Finding(id); len(worth) == 0 && !ruledOut(had, has) {
			s.unseen(worth, has.Cause, had.Against, has.Against, 0)
		}
	}
	best := Step{Kind: Measured}
	for _, probe := range s.host.Probes() {
		if worth[probe] > worth[best.ID] {
			best.ID = probe
		}
	}
	if best.ID == "" {
		return nil
	}
	for _, n := range s.best(now) {
		if n.Kind == Measured && n.ID == best.ID {
			best = n
		}
	}
	return &best
}

// unseen adds, by probe, the weight of measured reasons that are among all and not among
// those that somebody had.
func (s *Session) unseen(worth map[string]content.Decibans, c *content.Cause, had, all []checklist.Reason, least content.Decibans) {
	for _, r := range all {
		if r.Answer || r.Weight < least || slices.ContainsFunc(had, func(h checklist.Reason) bool { return h.Rule == r.Rule }) {
			continue
		}
		for _, probe := range s.unmeasured(c, r.Rule) {
			worth[probe] += r.Weight
		}
	}
}

// still is a host that shows the same observation again and again.
type still struct {
	probes []string
	facts  *fact.Facts
}

func (h still) Probes() []string                      { return h.probes }
func (h still) Look() (*fact.Facts, int, error)       { return h.facts, 0, nil }
func (h still) Again(moment int) (*fact.Facts, error) { return h.facts, nil }

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
	for i, next := range steps {
		before := ideal.diagnosis()
		step := IdealStep{Step: next, Title: s.titleOf(next), Why: ideal.whyNow(next)}
		if ideal.take(next) != nil {
			return path, false
		}
		e := ideal.events[len(ideal.events)-1]
		step.Before, step.After, step.Did = e.Before, e.After, ideal.changed(e)
		if step.Kind == Asked {
			step.Says = s.answer(step.ID).Says
		} else {
			step.Says = s.news(before, ideal.diagnosis())
		}
		last := i == len(steps)-1
		if step.Kind == Measured || last || steps[i+1].Kind == Measured {
			ideal.suppose(&step, last)
		}
		path = append(path, step)
	}
	return path, ideal.solved(ideal.diagnosis())
}

// suppose states what is likeliest by the answers, if they speak for it clearly, or named
// by what was measured, and takes back what is refuted or hardly likely beside what is
// named, in the end also what never was.
func (s *Session) suppose(step *IdealStep, last bool) {
	d := s.diagnosis()
	var ids []string
	for _, f := range d.Named() {
		ids = append(ids, f.Cause.ID)
	}
	if f := d.Findings[0]; len(s.readings) == 0 && f.Probability >= worthSupposing && s.stood(d, f.Cause.ID).spoken {
		ids = append(ids, f.Cause.ID)
	}
	if last && s.founded(d, "") {
		ids = append(ids, NothingWrong)
	}
	for _, id := range ids {
		if !slices.Contains(s.suspects, id) && s.Suspect(id) == nil {
			step.Suspect = append(step.Suspect, s.Cause(id))
		}
	}
	for _, id := range s.Suspects() {
		if !slices.Contains(ids, id) && (last || untenable(d, id)) && s.Drop(id) == nil {
			step.Drop = append(step.Drop, s.Cause(id))
		}
	}
}

// untenable says whether a hypothesis is refuted, or hardly likely beside what is named.
func untenable(d *checklist.Diagnosis, id string) bool {
	f := d.Finding(id)
	return refutation(f) != "" || f != nil && f.Probability < hardlyBeside && len(d.Named()) > 0
}

// whyNow says why a step is taken now: what a question is asked for, what a measurement
// tells apart or is still to show.
func (s *Session) whyNow(n Step) string {
	if n.Kind == Asked {
		return s.whyAsked(n.ID)
	}
	d := s.diagnosis()
	title := func(f *checklist.Finding) string {
		return fmt.Sprintf("\"%s\" (%s)", f.Cause.Title, checklist.Percent(f.Probability))
	}
	if s.certain(d) {
		return "The cause is found; this shows what else it does, and what it is not."
	}
	var apart []string
	for _, id := range n.separates {
		if f := d.Finding(id); f != nil {
			apart = append(apart, title(f))
		}
	}
	if len(apart) == 0 {
		return "Nothing else tells more by now."
	}
	return "By now it tells most of " + listed(apart) + "."
}

// whyAsked is the sentence on what a question is asked for that is nearest to its answer,
// else the first.
func (s *Session) whyAsked(id string) string {
	q := s.book.Question(id)
	if q == nil {
		return ""
	}
	answer := s.answer(id).Says
	if t := s.scenario.Answers[id]; t != nil {
		for _, o := range t.Options {
			if option := q.Option(o); option != nil {
				answer += " " + option.Label
			}
		}
	}
	said := contentWords(answer)
	why, most := "", 0.12 // of its words, so that one that is far fetched is not taken
	for sentence := range strings.SplitSeq(strings.TrimSuffix(oneLine(q.Why), "."), ". ") {
		words, near := contentWords(sentence), 0
		for _, w := range words {
			if slices.ContainsFunc(said, func(a string) bool { return sameStem(a, w) }) {
				near++
			}
		}
		if share := float64(near) / float64(max(1, len(words))); why == "" || share > most {
			why, most = sentence+".", max(most, share)
		}
	}
	return why
}

// shortened is a path without the measurements that gave no news and the questions of the
// later groups that nobody could answer, as far as it leads to the truth without them.
func (s *Session) shortened(host still, path []IdealStep) []IdealStep {
	for i := len(path) - 1; i >= 0; i-- {
		idle := path[i].Kind == Measured && path[i].Says == noNews
		if path[i].Kind == Asked {
			idle = !s.answerable(path[i].ID) && s.group(path[i].ID).Number > clarifying
		}
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
