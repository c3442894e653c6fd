package train

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// best returns the steps that the candidate could take, the one that is expected to
// tell most first.
func (s *Session) best(d *checklist.Diagnosis) []Step {
	var steps []Step
	for _, n := range d.Next {
		switch {
		case n.Kind == "question" && !s.Asked(n.ID):
			steps = append(steps, Step{Asked, n.ID, n.Bits, n.Separates})
		case n.Kind == "probe" && slices.Contains(s.host.Probes(), n.ID) && !s.seen.measured(n.ID):
			steps = append(steps, Step{Measured, n.ID, n.Bits, n.Separates})
		}
	}
	return steps
}

// worth is what an event's step was expected to tell, and the best step of its kind
// then, nil if none would have told anything: a question costs a minute of somebody
// else's time, a measurement none, so they are compared with their like.
func (s *Session) worth(d *checklist.Diagnosis, e Event) (bits float64, best *Step) {
	steps := s.best(d)
	for _, n := range steps {
		if n.Kind == e.Kind && n.ID == e.ID {
			bits = n.Bits
		}
	}
	for i, n := range steps {
		if n.Kind == e.Kind || e.Kind == Hinted {
			best = &steps[i]
			break
		}
	}
	return bits, best
}

// belief is how probable each truth is by what is known; of a healthy host, under "",
// how far it is shown that nothing is wrong.
func (s *Session) belief(d *checklist.Diagnosis) map[string]float64 {
	b := map[string]float64{}
	for _, truth := range s.scenario.Truth {
		b[truth] = s.truthIn(d, truth)
	}
	if s.scenario.Healthy() {
		b[""] = s.healthIn(d)
	}
	return b
}

// truthIn is the probability of a truth, or of what stands for it in the story.
func (s *Session) truthIn(d *checklist.Diagnosis, truth string) float64 {
	p := 0.0
	for _, f := range d.Findings {
		if f.Cause.ID == truth || accepted(s.scenario)(f) {
			p = max(p, f.Probability)
		}
	}
	return p
}

// healthIn is the share of what would show a fault that was looked at, less what is
// suspected nevertheless.
func (s *Session) healthIn(d *checklist.Diagnosis) float64 {
	needs := 0
	for _, symptom := range s.book.Symptoms {
		needs += len(symptom.Needs)
	}
	known := 1 - float64(len(d.Doubts))/float64(max(1, needs))
	if d.Verdict == checklist.Healthy {
		known = 1
	}
	worst := 0.0
	for _, f := range d.Findings {
		worst = max(worst, f.Probability)
	}
	return max(0, known) * (1 - worst)
}

// founded says whether a conclusion that names a cause, or "" for a healthy host,
// follows from what the candidate knows.
func (s *Session) founded(d *checklist.Diagnosis, cause string) bool {
	if cause != "" {
		return slices.ContainsFunc(d.Named(), func(f *checklist.Finding) bool {
			return f.Cause.ID == cause || s.scenario.Right(cause) && len(s.scenario.Truth) == 1 && s.scenario.Right(f.Cause.ID)
		})
	}
	if d.Verdict != checklist.Healthy {
		return false
	}
	for _, h := range s.scenario.Herrings {
		if !s.lookedFor(d.Finding(h.Cause)) {
			return false
		}
	}
	return true
}

// wanted says whether a probe would show strong signs of a herring that nobody has
// looked for yet.
func (s *Session) wanted(d *checklist.Diagnosis, probe string) bool {
	for _, h := range s.scenario.Herrings {
		f := d.Finding(h.Cause)
		for _, r := range f.Unknown {
			if r.Weight >= strong && slices.Contains(s.unmeasured(f.Cause, r.ID), probe) {
				return true
			}
		}
	}
	return false
}

// strong is from what weight on a rule nearly decides about its cause.
const strong content.Decibans = 20

// lookedFor says whether every strong sign of a cause that can be measured on this host
// has been looked for.
func (s *Session) lookedFor(f *checklist.Finding) bool {
	return f != nil && !slices.ContainsFunc(f.Unknown, func(r *content.Rule) bool {
		return r.Weight >= strong && slices.Contains(f.Cause.For, r) && len(s.unmeasured(f.Cause, r.ID)) > 0
	})
}

// lookedAt says whether a cause is refuted nearly as far as it can be.
func lookedAt(now, all *checklist.Finding) bool {
	const nearly content.Decibans = 10
	return now != nil && all != nil && now.Evidence <= max(all.Evidence, now.Cause.Prior-nearly)+nearly
}

// solved says whether what is known names the truth and nothing else.
func (s *Session) solved(d *checklist.Diagnosis) bool {
	return tells(d, s.scenario) && (!s.scenario.Healthy() || s.founded(d, ""))
}

// keepWhole remembers an observation of all probes, the first that shows the truth if
// there is one: a live host may be mended later.
func (s *Session) keepWhole(e Event, f *fact.Facts) {
	if w, live := s.host.(*Watched); live {
		f = w.Sick() // it may be mended by now
	}
	if s.told || f == nil || f == s.whole || f == e.Facts { // of a session that is made again only a part is known
		return
	}
	s.whole, s.wholeJudged = f, nil
	c := checklist.NewCase(s.book, s.inquiry.Started)
	c.Facts = f
	s.told = tells(c.Diagnose(), s.scenario)
}

// wholeHost is all that the host shows to somebody who measures everything, nil if it
// shows nothing.
func (s *Session) wholeHost() *fact.Facts {
	if _, live := s.host.(*Watched); live || s.whole == nil {
		if f, _, err := s.host.Look(); err == nil {
			s.keepWhole(Event{}, f)
		}
	}
	return s.whole
}

// wholeAsSeen is all that the host shows, as the candidate saw it where they did: what
// is said of it has the figures that they know.
func (s *Session) wholeAsSeen() *fact.Facts {
	whole := s.wholeHost()
	if _, live := s.host.(*Watched); live || whole == nil || len(s.readings) == 0 {
		return whole // a live host may be mended by now
	}
	if s.asSeen != nil && s.named != nil {
		return s.asSeen
	}
	all := newSight(s.book, s.host.Probes())
	all.facts = whole
	for _, probe := range slices.Sorted(maps.Keys(s.readings)) {
		all.add(probe, s.seen.facts)
	}
	f := *all.facts
	f.Values, f.Tables = maps.Clone(f.Values), maps.Clone(f.Tables)
	for name, v := range whole.Values { // what belongs to no probe
		if _, has := f.Values[name]; !has {
			f.Values[name] = v
		}
	}
	for name, rows := range whole.Tables {
		if _, has := f.Tables[name]; !has {
			f.Tables[name] = rows
		}
	}
	s.asSeen = &f
	return s.asSeen
}

// wholeCase is the case of somebody who has asked and measured everything.
func (s *Session) wholeCase() *checklist.Case {
	c := checklist.NewCase(s.book, s.inquiry.Started)
	c.Facts = s.wholeAsSeen()
	for id, t := range s.scenario.Answers {
		_ = c.Answer(id, checklist.Answer{Options: t.Options}) // the content was checked
	}
	return c
}

// wholeDiagnosis is what the engine makes of it, worked out once.
func (s *Session) wholeDiagnosis() *checklist.Diagnosis {
	c := s.wholeCase()
	if s.wholeJudged == nil || s.named == nil { // what was seen may be more by now
		s.wholeJudged = c.Diagnose()
	}
	return s.wholeJudged
}

// WrongTurn is a hypothesis that the evidence in hand spoke against already.
type WrongTurn struct {
	Cause *content.Cause
	Step  int    // after how many steps it was stated
	Why   string // what was measured before and refutes it
}

// turn notes a hypothesis that was refuted before it was stated.
func (s *Session) turn(e Event) {
	if s.scenario.Right(e.ID) {
		return
	}
	f := s.diagnosis().Finding(e.ID)
	if why := refutation(f); why != "" {
		s.turns = append(s.turns, WrongTurn{f.Cause, s.Steps(), why})
	}
}

// refuted is from what weight on measured evidence against a cause refutes it, where
// none speaks for it.
const refuted content.Decibans = 10

// refutation is the weightiest measured evidence against a cause, "" if the evidence
// does not refute it.
func refutation(f *checklist.Finding) string {
	if f == nil || f.Probability > 0.01 {
		return ""
	}
	var sum content.Decibans
	why := ""
	for _, r := range f.Against {
		if !r.Answer {
			if why == "" {
				why = r.Says
			}
			sum += r.Weight
		}
	}
	for _, r := range f.For {
		if !r.Answer {
			sum -= r.Weight
		}
	}
	if sum < refuted {
		return ""
	}
	return why
}

// clarifying are the groups of the checklist that come before conclusions: scope,
// symptoms, affected connections, what changed.
const clarifying = 4

// wise is the step that an experienced engineer takes next: in each of the first
// groups the question that tells most, one on the network or the system, then whatever
// tells most, until the truth is certain. It is nil where nothing is left to do.
func (s *Session) wise() *Step {
	d := s.diagnosis()
	if s.certain(d) {
		return nil
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
	return nil
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
// enough was asked.
func (s *Session) toClarify(steps []Step) *Step {
	further := false
	for _, g := range s.book.Groups {
		further = further || g.Number > clarifying && s.askedAbout(g)
	}
	var late *Step
	for i, n := range steps {
		g := s.group(n.ID)
		switch {
		case g == nil || s.askedAbout(g):
		case g.Number <= clarifying:
			return &steps[i]
		case late == nil && !further:
			late = &steps[i]
		}
	}
	return late
}

const (
	// beyondDoubt is the probability from which a cause needs no more evidence.
	beyondDoubt = 0.9
	// worthwhile is the information, in bits, that a measurement has to promise, also
	// about the truth, to be made although the truth is named.
	worthwhile = 0.02
)

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

// group is the group of a question, nil if it is none.
func (s *Session) group(question string) *content.Group {
	for _, g := range s.book.Groups {
		if slices.ContainsFunc(g.Questions, func(q *content.Question) bool { return q.ID == question }) {
			return g
		}
	}
	return nil
}

func (s *Session) askedAbout(g *content.Group) bool {
	return slices.ContainsFunc(g.Questions, func(q *content.Question) bool { return s.Asked(q.ID) })
}

// hint tells the group of the best question, or the best probe.
func (s *Session) hint() string {
	n := s.wise()
	switch {
	case n == nil:
		return "You have seen enough to conclude."
	case n.Kind == Measured:
		return "Measure: " + s.titleOf(*n) + "."
	}
	g := s.group(n.ID)
	return fmt.Sprintf("Ask about group %d: %s.", g.Number, g.Title)
}

// titleOf names a step for people.
func (s *Session) titleOf(n Step) string {
	if n.Kind == Measured {
		if i := s.book.Instrument(n.ID); i != nil {
			return i.Title
		}
		return n.ID
	}
	if q := s.book.Question(n.ID); q != nil {
		return q.Ask
	}
	return n.ID
}

// saying is what the interviewer says where the scenario says nothing, the same
// wording each time.
func (s *Session) saying(question string) string {
	says := s.book.Saying("not-known." + question)
	if len(says) == 0 {
		says = s.book.Saying("not-known")
	}
	if len(says) == 0 {
		return "I don't know."
	}
	return says[chance(s.scenario.ID+" "+question)%uint64(len(says))]
}

// chance is a number that looks like chance and is the same for the same text.
func chance(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}
