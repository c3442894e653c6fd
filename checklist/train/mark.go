package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// marker collects the reasons of one mark.
type marker struct{ mark Mark }

// add adds a reason, its points rounded to quarters.
func (m *marker) add(points float64, format string, args ...any) {
	m.mark.Reasons = append(m.mark.Reasons, Reason{Points: math.Round(points*4) / 4, Says: fmt.Sprintf(format, args...)})
}

// self adds what the candidate judged.
func (m *marker) self(points float64, format string, args ...any) {
	m.add(points, format, args...)
	m.mark.Reasons[len(m.mark.Reasons)-1].SelfAssessed = true
}

// sum is the points so far.
func (m *marker) sum() float64 {
	sum := 0.0
	for _, r := range m.mark.Reasons {
		sum += r.Points
	}
	return sum
}

// most lets the mark be no more than so much.
func (m *marker) most(points float64, why string) {
	if over := m.sum() - points; over > 0 {
		m.add(-over, "%s: no more than %s points here", why, content.Show(points))
	}
}

// done closes the mark.
func (m *marker) done() Mark {
	if sum := m.sum(); sum < 0 {
		m.add(-sum, "a mark is never below 0")
	}
	m.mark.Points = m.sum()
	return m.mark
}

func (r *reviewer) marks() []Mark {
	return []Mark{r.clarifying(), r.measuring(), r.reasoning(), r.conclusion(), r.planning(), r.economy()}
}

// found is how much of the truth was named, and how much of that was founded, and at least
// borne out by what was measured: each from 0 to 1.
func (r *reviewer) found() (right, founded, borne float64) {
	s := r.session
	share := 1 / float64(len(s.truths()))
	for _, truth := range s.truths() {
		named := s.covers(s.concluded.Causes, truth)
		if truth == "" {
			named = s.concluded.Healthy
		}
		if named {
			right += share
			switch {
			case s.founded(r.now, truth):
				founded, borne = founded+share, borne+share
			case s.borneOut(r.now, truth):
				borne += share
			}
		}
	}
	return right, founded, borne
}

func (r *reviewer) clarifying() Mark {
	m, f := &marker{mark: Mark{Area: Clarifying}}, r.feedback
	m.add(0.5*float64(f.BeforeSuspicion), "you asked in %d of the first four groups (scope, symptoms, connections, changes) before your first hypothesis", f.BeforeSuspicion)
	if late := f.BeforeCommit - f.BeforeSuspicion; late > 0 {
		m.add(0.25*float64(late), "in %d more only after it", late)
	}
	switch asked, could := r.session.pointing(); {
	case could > 1:
		m.add(1.5*float64(min(asked, tellingAsked))/tellingAsked, "%d questions have answers that point to the truth, and you asked %d of them; two are enough", could, asked)
	case could == 1 && asked == 1:
		m.add(1.5, "you asked the only question whose answer points to the truth")
	case could == 1:
		m.add(0, "you did not ask the only question whose answer points to the truth")
	case f.BeforeCommit > 0:
		m.add(1.5*float64(min(f.BeforeCommit, tellingAsked))/tellingAsked, "no answer points to the truth here; two of the first four groups are enough to have looked for one, you asked in %d", f.BeforeCommit)
	}
	wide := 0
	for _, g := range f.Groups {
		if g.Group.Number > clarifying && g.First > 0 {
			wide++
		}
	}
	if n := r.taken(Asked); n > mostAsked {
		m.add(-0.35*float64(n-mostAsked), "%d questions: each costs somebody's time, and who asks everything asks nothing in particular; %d are plenty", n, mostAsked)
	}
	r.hinted(m, "Ask ")
	m.add(0.5*float64(min(wide, 1)), "you asked in %d of the groups on the network and the system; one is enough", wide)
	return m.done()
}

// enough is the measured evidence by which a cause is beyond doubt.
const enough content.Decibans = 35

func (r *reviewer) measuring() Mark {
	m, s := &marker{mark: Mark{Area: Measuring}}, r.session
	if s.scenario.Healthy() {
		known := s.healthIn(r.now)
		m.add(3*known, "you looked at %s of what would show a fault", checklist.Percent(known))
	}
	for _, truth := range s.scenario.Truth {
		now, all := measured(r.now.Finding(truth)), min(enough, measured(r.all.Finding(truth)))
		share := 0.0
		if all > 0 {
			share = max(0, min(1, now/all))
		}
		worth, proof := share, ""
		if s.proved(truth) {
			worth, proof = max(share, provedShare), "; that it stopped when you had mended the host is evidence, too"
		}
		m.add(3*worth/float64(len(s.scenario.Truth)), "you saw %.0f %% of the evidence that settles \"%s\"%s", 100*share, s.book.Cause(truth).Title, proof)
	}
	checked, could := r.checkedLookAlikes()
	if could > 0 {
		m.add(float64(checked)/float64(could), "what you measured rules out %d of %d causes that it could be mistaken for", checked, could)
	} else if len(s.readings) > 0 {
		m.add(1, "it cannot be mistaken for another cause")
	}
	if idle, all := r.idle(Measured), r.taken(Measured); idle > spareIdle {
		m.add(-min(2, 3*float64(idle-spareIdle)/float64(all)), "%d of %d measurements could tell hardly anything any more", idle, all)
	}
	if r.feedback.BeforeCommit == 0 {
		m.most(2, "nobody was asked what fails, for whom and since when: you measured blindly")
	}
	r.hinted(m, "Measure: ")
	return m.done()
}

const (
	// spareIdle is how many measurements may be idle for nothing.
	spareIdle = 2
	// mostAsked is how many questions cost nothing.
	mostAsked = 10
)

// idle counts the steps of a kind that could tell nearly nothing when they were taken,
// taken all of them.
func (r *reviewer) idle(kind Kind) (n int) {
	for _, v := range r.feedback.Steps {
		if v.Event.Kind == kind && v.Wasted {
			n++
		}
	}
	return n
}

func (r *reviewer) taken(kind Kind) (n int) {
	for _, v := range r.feedback.Steps {
		if v.Event.Kind == kind {
			n++
		}
	}
	return n
}

// hinted takes off what hints of a kind gave: who is told where to look did not find it.
func (r *reviewer) hinted(m *marker, kind string) {
	n := 0
	for _, e := range r.session.events {
		if e.Kind == Hinted && strings.HasPrefix(e.Text, kind) {
			n++
		}
	}
	if n > 0 {
		m.add(-0.5*float64(n), "%d of these steps came from a hint", n)
	}
}

// measured is the weight of the measured evidence for a cause.
func measured(f *checklist.Finding) content.Decibans {
	var sum content.Decibans
	if f != nil {
		for _, r := range f.For {
			if !r.Answer {
				sum += r.Weight
			}
		}
	}
	return sum
}

// checkedLookAlikes counts the causes that one is tempted by, and those of them that
// what was measured speaks against as clearly as everything together.
func (r *reviewer) checkedLookAlikes() (checked, could int) {
	for _, id := range r.session.lookAlikes() {
		could++
		if len(r.session.readings) > 0 && ruledOut(r.now.Finding(id), r.all.Finding(id)) {
			checked++
		}
	}
	return checked, could
}

// lookAlikes are the herrings, or else what the truth is confused with.
func (s *Session) lookAlikes() []string {
	var ids []string
	for _, h := range s.scenario.Herrings {
		ids = append(ids, h.Cause)
	}
	if len(ids) > 0 {
		return ids
	}
	for _, truth := range s.scenario.Truth {
		for _, c := range s.book.Cause(truth).ConfusedWith {
			if !s.scenario.Right(c.Cause) && !slices.Contains(ids, c.Cause) {
				ids = append(ids, c.Cause)
			}
		}
	}
	return ids
}

func (r *reviewer) reasoning() Mark {
	m := &marker{mark: Mark{Area: Reasoning}}
	r.stating(m)
	r.testing(m)
	r.openSuspects(m)
	for _, w := range r.feedback.WrongTurns {
		m.add(-1, "wrong turn after %d steps: \"%s\" was refuted by then: %s", w.Step, w.Cause.Title, w.Why)
	}
	if before := r.feedback.BeforeSuspicion; before < 2 {
		m.add(float64(before)-2, "you came to a hypothesis after asking in %d of the first four groups: it was made before the incident was clear", before)
	}
	if hints := r.feedback.Hints; hints > 0 {
		m.add(-0.5*float64(hints), "hints taken: %d", hints)
	}
	if n := r.suspicions(); n > r.allowed() {
		m.add(-0.5*float64(n-r.allowed()), "%d hypotheses: whoever suspects everything has no hypothesis", n)
	}
	if right, _, _ := r.found(); right == 0 {
		m.most(1.5, "it led to a wrong conclusion")
	}
	return m.done()
}

// stating marks how each truth was stated as a hypothesis, and how it stood then.
func (r *reviewer) stating(m *marker) {
	s := r.session
	most := 2 / float64(len(s.truths()))
	for _, truth := range s.truths() {
		name := nothingWrong.Title
		if c := s.book.Cause(truth); c != nil {
			name = c.Title
		}
		e, idle := s.stated(truth)
		if e == nil {
			r.unstated(m, name)
			continue
		}
		stood := checklist.Percent(e.stood.probability)
		switch {
		case idle > spareIdle:
			m.add(most/2, "you stated \"%s\" as a hypothesis only when you had gone on for %d steps after it was plain", name, idle)
		case e.stood.measured:
			m.add(most, "you stated \"%s\" as a hypothesis when what you had measured spoke for it (%s)", name, stood)
		case e.stood.spoken && e.stood.rank <= likeliest:
			m.add(most, "you stated \"%s\" as a hypothesis when it was among the likeliest by the answers (%s)", name, stood)
		case e.stood.spoken:
			m.add(most/2, "you stated \"%s\" as a hypothesis on a hunch: it stood at %s, and %s likelier", name, stood, werePlural(e.stood.rank-1, "cause"))
		default:
			m.add(most/4, "you stated \"%s\" as a hypothesis before anything spoke for it (%s): a guess that came true", name, stood)
		}
	}
}

// unstated marks a truth that was never stated as a hypothesis.
func (r *reviewer) unstated(m *marker, name string) {
	s := r.session
	ever := slices.ContainsFunc(s.events, func(e Event) bool { return e.Kind == Suspected })
	switch {
	case !s.scenario.Healthy() || !s.concluded.Healthy || len(s.readings) == 0:
		m.add(0, "you did not state \"%s\" as a hypothesis before you concluded", name)
	case ever:
		m.add(2, "you came to \"%s\" after you had held something against it", name)
	default:
		m.add(0.5, "you came to \"%s\" after measuring, but stated no hypothesis before", name)
	}
}

// stated is when a truth was stated first, nil for never, and how many steps were taken
// by then after it was plain.
func (s *Session) stated(truth string) (first *Event, idle int) {
	for i, e := range s.events {
		switch {
		case e.Counts() && e.Before[truth] > checklist.Named && truth != "":
			idle++
		case e.Kind == Suspected && s.stands(e.ID, truth):
			return &s.events[i], idle
		}
	}
	return nil, idle
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// werePlural is a number of things that were.
func werePlural(n int, what string) string {
	if n == 1 {
		return "1 " + what + " was"
	}
	return counted(n, what) + " were"
}

// allowed is how many hypotheses one may have.
func (r *reviewer) allowed() int { return 3 + len(r.session.truths()) }

// suspicions counts the causes that were suspected, and those of the conclusion.
func (r *reviewer) suspicions() int {
	ids := slices.Clone(r.session.concluded.Causes)
	for _, e := range r.session.events {
		if e.Kind == Suspected {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return len(slices.Compact(ids))
}

// testing marks whether something was measured after a hypothesis, or what was
// measured before had shown it already.
func (r *reviewer) testing(m *marker) {
	s := r.session
	first := slices.IndexFunc(s.events, func(e Event) bool { return e.Kind == Suspected })
	switch {
	case first < 0 && !s.scenario.Healthy():
		m.add(0, "without a hypothesis nothing could be tested: say what you suspect, then measure what would refute it")
	case first < 0:
		m.add(0, "without a hypothesis nothing could be tested")
	case slices.ContainsFunc(s.events[first:], func(e Event) bool { return e.Kind == Measured }):
		m.add(1, "you tested your hypotheses by measuring")
	case s.settledAt(first):
		m.add(1, "what you had measured showed it by then")
	default:
		m.add(0, "you measured nothing after you had a hypothesis, and what was measured before did not show it")
	}
}

// settledAt says whether the truth was founded by the steps before an event.
func (s *Session) settledAt(event int) bool {
	steps := s.events[:event]
	for _, e := range slices.Backward(steps) {
		if e.Counts() {
			for _, truth := range s.truths() {
				if e.After[truth] > checklist.Named {
					return true
				}
			}
			return false
		}
	}
	return false
}

// openSuspects marks whether wrong hypotheses were dropped before the conclusion.
func (r *reviewer) openSuspects(m *marker) {
	s := r.session
	var wrong []string
	for _, id := range s.suspects {
		if slices.ContainsFunc(s.truths(), func(truth string) bool { return s.stands(id, truth) }) {
			continue
		}
		wrong = append(wrong, s.Cause(id).Title)
	}
	ever := slices.ContainsFunc(s.events, func(e Event) bool { return e.Kind == Suspected })
	switch {
	case len(wrong) > 0:
		m.add(-0.5*float64(min(2, len(wrong))), "\"%s\" was not dropped, though it is wrong", wrong[0])
	case ever:
		m.add(1, "no wrong hypothesis was left standing")
	}
}

func (r *reviewer) conclusion() Mark {
	m, s := &marker{mark: Mark{Area: Concluding}}, r.session
	share := 1 / float64(len(s.truths()))
	for _, v := range r.feedback.Causes {
		name := "nothing is wrong"
		if v.Cause != nil {
			name = v.Cause.Title
		}
		switch {
		case v.Named && v.Founded:
			m.add(3*share, "\"%s\" is right, and founded: %s", name, v.Why)
		case v.Named && v.BorneOut:
			m.add(2.25*share, "\"%s\": %s", name, v.Why)
		case v.Named && v.Right:
			m.add(1.5*share, "\"%s\": %s", name, v.Why)
		case v.Named:
			m.add(-1.5, "\"%s\": %s", name, v.Why)
		default:
			m.add(0, "\"%s\": %s", name, v.Why)
		}
	}
	m.most(3, "one cause named in several ways counts once")
	r.hop(m)
	return m.done()
}

// hop marks the place that was named.
func (r *reviewer) hop(m *marker) {
	s := r.session
	_, _, borne := r.found()
	points := 0.5
	if borne > 0 {
		points = 1
	}
	hop := s.concluded.Hop
	right := s.concluded.Healthy && s.scenario.Healthy()
	for _, id := range slices.Concat(s.scenario.Truth, s.scenario.Accept) {
		right = right || s.book.Cause(id).Hop == hop
	}
	switch {
	case right && s.scenario.Healthy():
		m.add(points, "no hop of this host loses what anybody misses")
	case right:
		m.add(points, "the hop is right: %s", s.book.Hop(hop).Title)
	case hop == "":
		m.add(0, "you did not say at which hop it is")
	default:
		m.add(0, "the hop %s is not where it is", s.book.Hop(hop).Title)
	}
}

func (r *reviewer) economy() Mark {
	m, f := &marker{mark: Mark{Area: Economizing}}, r.feedback
	const spare = 4
	steps, wasted := len(f.Steps), 0
	for _, v := range f.Steps {
		if v.Wasted {
			wasted++
		}
	}
	m.add(MostPoints, "you took %s; the ideal way takes %d", counted(steps, "step"), f.Ideal)
	if over := steps - f.Ideal - spare; over > 0 {
		m.add(-0.25*float64(over), "%d more than the ideal way and %d to spare", over, spare)
	}
	if wasted > 2 {
		m.add(-0.25*float64(wasted-2), "%d steps were worth nearly nothing at their moment", wasted)
	}
	if f.Hints > 0 {
		m.add(-0.5*float64(f.Hints), "hints taken: %d", f.Hints)
	}
	if n := r.suspicions(); n > r.allowed() {
		m.add(-0.25*float64(n-r.allowed()), "%d hypotheses: each would have to be tested", n)
	}
	switch right, founded, borne := r.found(); {
	case right == 0:
		m.most(0, "it did not lead to the truth")
	case f.BeforeCommit == 0:
		m.most(1, "what it saved is what was missing: nobody was asked anything")
	case borne < 1:
		m.most(1, "quick, but it did not found the conclusion")
	case founded < 1:
		m.most(3, "quick, but one more look would have settled it")
	}
	return m.done()
}
