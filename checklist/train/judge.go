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
	if s.proved(cause) {
		return true
	}
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

// borneOut says whether what was measured speaks for a truth and no other cause is likelier:
// no guess, though not beyond doubt.
func (s *Session) borneOut(d *checklist.Diagnosis, truth string) bool {
	if truth == "" {
		return false
	}
	for _, f := range d.Findings { // the likeliest first
		switch {
		case !s.scenario.Right(f.Cause.ID):
			return false
		case s.covers([]string{f.Cause.ID}, truth):
			return measured(f) >= telling
		}
	}
	return false
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

// ruledOut says whether what was measured speaks against a cause clearly, or nearly as
// clearly as all that can be measured.
func ruledOut(now, all *checklist.Finding) bool {
	if now == nil || all == nil {
		return true // the content has no such cause any more
	}
	against := func(f *checklist.Finding) content.Decibans {
		sum := -measured(f)
		for _, r := range f.Against {
			if !r.Answer {
				sum += r.Weight
			}
		}
		return sum
	}
	return !all.Named() && against(now) >= min(against(all), refuted)-moves
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
	s.whole = f
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
	switch s.host.(type) {
	case *Watched, still: // it may be mended by now; it shows always the same
		return whole
	}
	if whole == nil || len(s.readings) == 0 {
		return whole
	}
	if s.asSeen != nil {
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

// insight is what somebody knows who has asked and measured everything.
type insight struct {
	kase    *checklist.Case
	judged  *checklist.Diagnosis // by the engine
	plan    []checklist.PlanStep // for the truth
	planned bool
}

// wholeCase is the case of somebody who has asked and measured everything, to be changed
// at will.
func (s *Session) wholeCase() *checklist.Case {
	c := *s.wholeKnown().kase
	return &c
}

// wholeDiagnosis is what the engine makes of it.
func (s *Session) wholeDiagnosis() *checklist.Diagnosis { return s.wholeKnown().judged }

// wholeKnown is worked out once for the same facts.
func (s *Session) wholeKnown() *insight {
	facts := s.wholeAsSeen()
	if s.insight != nil && s.insight.kase.Facts == facts {
		return s.insight
	}
	c := checklist.NewCase(s.book, s.inquiry.Started)
	c.Facts = facts
	for id, t := range s.scenario.Answers {
		_ = c.Answer(id, checklist.Answer{Options: t.Options}) // the content was checked
	}
	s.insight = &insight{kase: c, judged: c.Diagnose()}
	return s.insight
}

// WrongTurn is a hypothesis that the evidence in hand spoke against already.
type WrongTurn struct {
	Cause *content.Cause
	Step  int    // after how many steps it was stated
	Why   string // what was measured before and refutes it
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
	if len(s.book.Saying("not-known."+question)) > 0 {
		return s.sayingOf("not-known."+question, question)
	}
	return s.sayingOf("not-known", question)
}

// sayingOf is a wording of what the interviewer says on a matter.
func (s *Session) sayingOf(id, matter string) string {
	says := s.book.Saying(id)
	if len(says) == 0 {
		return "I don't know."
	}
	return says[chance(s.scenario.ID+" "+matter)%uint64(len(says))]
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

// AboutFigures is what the interviewer says of the age of the figures before anything is
// measured, "" where they are this moment's or nothing is to be said.
func (s *Session) AboutFigures() string {
	if _, live := s.host.(*Watched); live {
		return ""
	}
	if s.scenario.Figures == "" && s.scenario.Lab != "" && len(s.book.Saying("figures")) > 0 {
		return oneLine(s.sayingOf("figures", ""))
	}
	return oneLine(s.scenario.Figures)
}
