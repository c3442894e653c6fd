package train

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Feedback returns how well the session went; nil before the commit. It takes the time
// of some dozen diagnoses: work it out beside the screen.
func (s *Session) Feedback() *Feedback {
	if s.concluded == nil {
		return nil
	}
	f := &Feedback{WrongTurns: s.turns, Checked: s.checked != nil, Repeat: s.Repeat}
	r := &reviewer{session: s, feedback: f, now: s.diagnosis(), all: s.wholeDiagnosis()}
	r.steps()
	r.groups()
	r.overlooked()
	r.causes()
	r.plan()
	f.Marks = r.marks()
	for _, m := range f.Marks {
		f.Total += m.Points
		f.Of += MostPoints
	}
	f.Well = f.Total >= wellDone*f.Of && !slices.ContainsFunc(f.Marks, func(m Mark) bool { return m.Points < leastOf })
	return f
}

// reviewer works out feedback.
type reviewer struct {
	session  *Session
	feedback *Feedback
	now      *checklist.Diagnosis // by what was known at the commit
	all      *checklist.Diagnosis // by all that could be known
}

// nearlyNothing is the share of the best step's information below which a step was
// worth nearly nothing.
const nearlyNothing = 0.1

func (r *reviewer) steps() {
	s := r.session
	ideal, _ := s.ideal()
	r.feedback.Ideal = len(ideal)
	seen, groups := map[string]bool{}, map[int]bool{}
	for _, e := range s.events {
		if e.Kind == Hinted {
			r.feedback.Hints++
		}
		if !e.Counts() {
			continue
		}
		v := StepReview{Event: e, Title: s.titleOf(Step{Kind: e.Kind, ID: e.ID}), Told: s.changed(e)}
		if b := e.Best; b != nil && (b.ID == e.ID || clearly(b.Bits, e.Bits)) {
			v.Best = s.titleOf(*b)
		}
		if e.Kind == Asked {
			v.Says = s.answer(e.ID).Says
		}
		v.Wasted, v.Why = s.wasted(e, seen, groups)
		seen[string(e.Kind)+e.ID] = true
		r.feedback.Steps = append(r.feedback.Steps, v)
	}
}

// clearly says whether one step promised so much more than another that it is worth a
// word.
func clearly(best, bits float64) bool { return best >= bits+0.05 && best >= 2*bits }

// wasted says whether a step was worth nearly nothing at its moment, and why. The
// first question in each of the first groups never is: it sets the scene.
func (s *Session) wasted(e Event, seen map[string]bool, groups map[int]bool) (is bool, why string) {
	first := false
	if g := s.group(e.ID); e.Kind == Asked && g != nil {
		first = g.Number <= clarifying && !groups[g.Number]
		groups[g.Number] = true
	}
	switch {
	case seen[string(e.Kind)+e.ID] && e.Kind == Asked:
		return true, "it was asked before, and answered"
	case seen[string(e.Kind)+e.ID]:
		return false, ""
	case first, e.effect.told:
		return false, ""
	case e.Settled:
		return true, "what was known by then named the truth already"
	case e.Best == nil || e.Bits <= 0:
		return true, "whatever came out, no cause would have become more or less likely by it"
	case e.Bits < nearlyNothing*e.Best.Bits && !clearly(e.Best.Bits, e.Bits):
		return true, "hardly anything was open that it could tell about"
	case e.Bits < nearlyNothing*e.Best.Bits:
		return true, fmt.Sprintf("it separates causes that were unlikely by then; %s was worth %.0f times as much", shortTitle(s, *e.Best), e.Best.Bits/e.Bits)
	}
	return false, ""
}

// shortTitle names a step by its number or its instrument.
func shortTitle(s *Session, n Step) string {
	if n.Kind == Asked {
		return n.ID
	}
	return "\"" + s.titleOf(n) + "\""
}

// truths are the truths by id, "" for a healthy host.
func (s *Session) truths() []string {
	if s.scenario.Healthy() {
		return []string{""}
	}
	return s.scenario.Truth
}

// telling is from what weight on an answer points to the truth.
const telling content.Decibans = 3

// points says whether the answer to a question points to a truth. Of a healthy host:
// whether it speaks against a herring.
func (s *Session) points(question string) bool {
	q, t := s.book.Question(question), s.scenario.Answers[question]
	if q == nil || t == nil || t.Misleading {
		return false
	}
	for _, id := range t.Options {
		o := q.Option(id)
		if o == nil {
			continue
		}
		for _, truth := range slices.Concat(s.scenario.Truth, s.scenario.Accept) {
			if o.Implies[truth] >= telling {
				return true
			}
		}
		for _, h := range s.scenario.Herrings {
			if o.Implies[h.Cause] <= -telling {
				return true
			}
		}
	}
	return false
}

func (r *reviewer) groups() {
	s, f := r.session, r.feedback
	first, early := s.firstAsked()
	for _, g := range s.book.Groups {
		v := GroupReview{Group: g}
		soon := false
		for _, q := range g.Questions {
			if at := first[q.ID]; at > 0 {
				v.Asked = append(v.Asked, q.ID)
				if v.First == 0 || at < v.First {
					v.First = at
				}
			}
			soon = soon || early[q.ID]
			v.Telling = v.Telling || s.points(q.ID)
		}
		v.Mark = groupMark(s, v, soon)
		f.Groups = append(f.Groups, v)
		if g.Number <= clarifying && v.First > 0 {
			f.BeforeCommit++
			if soon {
				f.BeforeSuspicion++
			}
		}
	}
}

// firstAsked is the step, from 1, at which each question was asked first, and whether
// that was before the first hypothesis and the conclusion.
func (s *Session) firstAsked() (first map[string]int, early map[string]bool) {
	first, early = map[string]int{}, map[string]bool{}
	steps, suspected := 0, false
	for _, e := range s.events {
		suspected = suspected || e.Kind == Suspected || e.Kind == Committed
		if e.Counts() {
			steps++
		}
		if e.Kind == Asked && first[e.ID] == 0 {
			first[e.ID], early[e.ID] = steps, !suspected
		}
	}
	return first, early
}

// groupMark is 1 for a group in which what was worth asking was asked, in the first
// groups before the first hypothesis.
func groupMark(s *Session, v GroupReview, soon bool) float64 {
	switch {
	case v.First == 0 && v.Group.Number > clarifying && !v.Telling:
		return 1
	case v.First == 0:
		return 0
	case v.Group.Number <= clarifying && !soon:
		return 0.5
	case v.Telling && !slices.ContainsFunc(v.Asked, s.points):
		return 0.5
	}
	return 1
}

// overlooked finds the evidence for the truth that the candidate did not look at.
func (r *reviewer) overlooked() {
	s := r.session
	for _, truth := range s.scenario.Truth {
		now, all := r.now.Finding(truth), r.all.Finding(truth)
		if now == nil || all == nil {
			continue
		}
		for _, reason := range all.For {
			if reason.Answer || slices.ContainsFunc(now.For, func(h checklist.Reason) bool { return h.Rule == reason.Rule }) {
				continue
			}
			if probes := s.unmeasured(all.Cause, reason.Rule); len(probes) > 0 {
				r.feedback.Overlooked = append(r.feedback.Overlooked, Overlooked{all.Cause, probes, reason.Says, reason.Weight})
			}
		}
	}
	slices.SortStableFunc(r.feedback.Overlooked, func(a, b Overlooked) int { return int(b.Weight - a.Weight) })
	r.feedback.Overlooked = r.feedback.Overlooked[:min(4, len(r.feedback.Overlooked))]
}

// unmeasured are the probes whose facts a rule reads and that were not measured.
func (s *Session) unmeasured(c *content.Cause, rule string) []string {
	var probes []string
	add := func(probe string) {
		if slices.Contains(s.host.Probes(), probe) && !s.seen.measured(probe) && !slices.Contains(probes, probe) {
			probes = append(probes, probe)
		}
	}
	for _, r := range slices.Concat(c.For, c.Against) {
		if r.ID != rule {
			continue
		}
		if t := s.book.Facts.TableOf(r.Each); t != nil {
			add(t.Probe)
		}
		for _, name := range r.When.Uses() {
			switch d := s.book.Facts.Lookup(name, r.Each); {
			case d == nil:
			case d.Probe == "ledger": // which is drawn up of these
				add("counters")
				add("links")
			default:
				add(d.Probe)
			}
		}
	}
	return probes
}

// causes judges the causes of the conclusion, and those that it lacks.
func (r *reviewer) causes() {
	s, c := r.session, r.session.concluded
	if c.Healthy {
		v := CauseReview{Named: true, Right: s.scenario.Healthy(), Founded: s.scenario.Healthy() && s.founded(r.now, "")}
		v.Why = r.whyHealthy(v)
		r.feedback.Causes = append(r.feedback.Causes, v)
	}
	for _, id := range c.Causes {
		v := CauseReview{Cause: s.book.Cause(id), Named: true, Right: s.scenario.Right(id)}
		v.Founded = v.Right && s.founded(r.now, id)
		v.BorneOut = v.Right && !v.Founded && s.borneOut(r.now, id)
		v.Why = r.why(v)
		r.feedback.Causes = append(r.feedback.Causes, v)
	}
	for _, truth := range s.scenario.Truth {
		if !s.covers(c.Causes, truth) {
			v := CauseReview{Cause: s.book.Cause(truth), Right: true, Founded: s.founded(r.now, truth)}
			v.Why = "it is at work, and was not named"
			if v.Founded {
				v.Why += "; what you had measured named it"
			}
			r.feedback.Causes = append(r.feedback.Causes, v)
		}
	}
	if s.scenario.Healthy() && !c.Healthy {
		r.feedback.Causes = append(r.feedback.Causes, CauseReview{Right: true, Founded: s.founded(r.now, ""), Why: "nothing was wrong on this host: the alarm was"})
	}
}

// covers says whether causes have a truth, or what stands for it in the story.
func (s *Session) covers(causes []string, truth string) bool {
	return slices.ContainsFunc(causes, func(id string) bool {
		return id == truth || len(s.scenario.Truth) == 1 && s.scenario.Right(id)
	})
}

func (r *reviewer) whyHealthy(v CauseReview) string {
	switch {
	case v.Founded:
		return "what you measured shows it"
	case !v.Right:
		return "something is wrong on this host"
	case r.now.Verdict != checklist.Healthy:
		why := "that is so, but what you measured does not show it yet"
		if len(r.now.Doubts) > 0 {
			why += ": " + r.now.Doubts[0]
		}
		return why
	default:
		return "that is so, but you did not look at what the alarm points to"
	}
}

func (r *reviewer) why(v CauseReview) string {
	f := r.now.Finding(v.Cause.ID)
	switch {
	case v.Founded && !f.Named() && r.session.proved(v.Cause.ID):
		return "you had found the live host mended before you concluded, and that shows what it was"
	case v.Founded:
		if reason := firstMeasured(f.For); reason != "" {
			return reason
		}
		return "what you measured names it"
	case v.BorneOut:
		return fmt.Sprintf("it is right, and nothing was likelier by what you measured (%s), but that does not settle it: it stood at %s", firstMeasured(f.For), checklist.Percent(f.Probability))
	case v.Right:
		return "it is right, but what you measured does not name it: it stood at " + checklist.Percent(f.Probability) + ". A guess counts half"
	}
	for _, h := range r.session.scenario.Herrings {
		if h.Cause == v.Cause.ID {
			return "it is not at work: " + h.Refuted
		}
	}
	for _, d := range []*checklist.Diagnosis{r.now, r.all} { // what was seen first
		if seen := d.Finding(v.Cause.ID); seen != nil {
			if reason := firstMeasured(looked(seen.Cause, seen.Against)); reason != "" {
				return "it is not at work: " + reason
			}
		}
	}
	return "it is not at work: nothing that was measured speaks for it"
}

// firstMeasured is the weightiest reason that was measured, "" if there is none.
func firstMeasured(reasons []checklist.Reason) string {
	for _, r := range reasons {
		if !r.Answer {
			return r.Says
		}
	}
	return ""
}

// plan judges the steps that were chosen.
func (r *reviewer) plan() {
	s := r.session
	for _, id := range s.concluded.Steps {
		c := s.choice(id)
		if c == nil || slices.ContainsFunc(r.feedback.Plan, func(v ChoiceReview) bool { return v.Choice.ID == id }) {
			continue
		}
		r.feedback.Plan = append(r.feedback.Plan, ChoiceReview{*c, s.whyChoice(*c)})
	}
	missed := s.missedFixes()
	for _, c := range s.Menu() {
		switch {
		case !c.Right || slices.Contains(s.concluded.Steps, c.ID):
		case slices.Contains(missed, c.ID):
			r.feedback.Missed = append(r.feedback.Missed, c)
		default:
			r.feedback.AlsoRight = append(r.feedback.AlsoRight, c)
		}
	}
}

// missedFixes are the best choices against the truths that nothing in the plan mends.
func (s *Session) missedFixes() (missed []string) {
	for _, truth := range s.truths() {
		best, most, done := "", 0.0, false
		for _, c := range s.Menu() {
			worth := s.mends(c, truth)
			done = done || worth > 0 && slices.Contains(s.concluded.Steps, c.ID)
			if worth > most {
				best, most = c.ID, worth
			}
		}
		if !done {
			missed = append(missed, best)
		}
	}
	return missed
}

func (s *Session) whyChoice(c Choice) string {
	for _, h := range s.scenario.Helps {
		if h.Step == c.ID {
			return "right: " + h.Why
		}
	}
	switch c.Kind {
	case AFolklore:
		return "folklore: " + s.whyNot(c.Folklore) + " Instead: " + oneLine(c.Folklore.Instead)
	case ANothing:
		if c.Right {
			return "right: this host does what it should"
		}
		return "something on this host, or on its way, is wrong: to leave it does not mend it"
	case AHandOver:
		if c.Right {
			return "right: the fault is not on this host, and who owns it needs the evidence"
		}
		return "nobody else can mend it: the fault is on this host, or there is none"
	}
	if !c.Right {
		return "it is for \"" + c.Cause.Title + "\", which is not at work"
	}
	return "right: " + s.whyRight(c.Remedy)
}

// hollow finds a measured nothing: with it a reason speaks against itself.
var hollow = regexp.MustCompile(`(^|[^0-9.,:])0( |$|[,;])`)

// tellsWhy says whether a reason has all its values, and none of them speaks against it.
func tellsWhy(reason string) bool {
	return reason != "" && !strings.Contains(reason, content.Unknown) && !hollow.MatchString(reason)
}

// whyRight is why a remedy is right, by what the candidate saw, else by all that the
// host shows; where that says nothing, what the remedy does.
func (s *Session) whyRight(r *content.Remedy) string {
	for _, plan := range [][]checklist.PlanStep{s.inquiry.Plan(s.diagnosis()), s.truePlan()} {
		for _, p := range plan {
			switch {
			case p.Remedy != r:
			case tellsWhy(p.Why):
				return p.Why
			case tellsWhy(p.Effect):
				return p.Effect
			}
		}
	}
	return oneLine(r.Effect.Outline(s.book.Facts, r.Each))
}

// whyNot is why folklore is not to be done: with this host's values where it has the
// setting, and they are known.
func (s *Session) whyNot(f *content.Folklore) string {
	if f.Undo == nil || f.Undo.Each != "" {
		return oneLine(f.InGeneral(s.book.Facts))
	}
	values := map[string]any{}
	for _, facts := range []*fact.Facts{s.wholeHost(), s.seen.facts} { // what was seen is told as it was
		if facts == nil {
			continue
		}
		for name, v := range facts.Values {
			if v.Now != nil {
				values[name] = v.Now
			}
		}
	}
	env := content.NewEnv(values)
	if has, known := f.Undo.When.Holds(env); has && known {
		if text, complete := f.WhyNot.Render(env); complete {
			return oneLine(text)
		}
	}
	return oneLine(f.InGeneral(s.book.Facts))
}
