package plain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// conclude tells the diagnosis and the plan: after the last question, and at the
// end of a script.
func (s *session) conclude() {
	p, d := s.pen, s.diagnosis
	s.concluded = true
	p.blank()
	p.say("Diagnosis. " + s.verdict())
	s.news.settled(d)
	if f := s.kase.Facts; f != nil {
		p.say(fmt.Sprintf("%s, kernel %s, observed for %.1f s from %s.", content.Show(f.Host), content.Show(f.Kernel), f.Seconds,
			f.Start.UTC().Format("2006-01-02 15:04:05 UTC")))
	}
	p.say(fmt.Sprintf("%d of %d questions are answered.", s.kase.Answered(), len(s.kase.Book.Questions())))
	s.part("Signs that something is wrong", slices.Concat(d.Symptoms, d.Doubts))
	s.tellFindings("Cause", d.Named())
	if d.Verdict != checklist.Healthy {
		s.tellFindings("Considered, not named", d.Suspects(3))
	}
	s.tellLost()
	s.part("Worth knowing", d.Notes)
	unseen := s.unseen(nil)
	for i, text := range unseen {
		unseen[i] = strings.TrimPrefix(text, cannotSee)
	}
	s.part("Could not be seen", unseen)
	s.part("What would tell most next", s.next())
	p.blank()
	s.tellPlan("")
}

// settled notes that the verdict has just been told.
func (n *news) settled(d *checklist.Diagnosis) {
	n.verdict = string(d.Verdict)
	for _, f := range d.Named() {
		n.verdict += " " + f.Cause.ID
	}
}

// part tells sentences under a heading, and nothing if there are none.
func (s *session) part(heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	s.pen.heading(heading)
	for _, l := range lines {
		s.pen.item("  ", sentence(l))
	}
}

// tellFindings tells causes with their reasons.
func (s *session) tellFindings(what string, findings []*checklist.Finding) {
	for i, f := range findings {
		number := ""
		if len(findings) > 1 {
			number = " " + strconv.Itoa(i+1)
		}
		s.pen.heading(what + number)
		s.tellFinding(f, len(f.For)+len(f.Against))
	}
}

// tellFinding tells a cause with at most so many of its reasons.
func (s *session) tellFinding(f *checklist.Finding, reasons int) {
	p := s.pen
	p.item("  ", fmt.Sprintf("%s (%s), %s.", f.Cause.Title, percent(f.Probability), f.Cause.ID))
	s.reasons("For", f.For[:min(reasons, len(f.For))])
	s.reasons("Against", f.Against[:min(max(0, reasons-len(f.For)), len(f.Against))])
}

// reasons tell evidence for or against a cause, each with its weight in a word.
func (s *session) reasons(side string, list []checklist.Reason) {
	for _, r := range list {
		s.pen.item("  "+side+", "+weight(r)+": ", sentence(r.Says))
	}
}

func weight(r checklist.Reason) string {
	if r.Answer {
		return r.Strength() + ", as remembered"
	}
	return r.Strength()
}

// tellLost tells what was lost at the places of this host, and the balance.
func (s *session) tellLost() {
	var lines []string
	for _, e := range s.diagnosis.Ledger {
		if e.Loss {
			lines = append(lines, fmt.Sprintf("%s, %s: %s (%s)", s.place(e.Hop), way(e.Direction), checklist.Counted(e.Drops, e.Unit), e.Counter))
		}
	}
	balance := s.diagnosis.Balance
	if len(lines) == 0 && balance.Worth() {
		lines = []string{"nothing that is counted"}
	}
	s.part("Lost on this host", lines)
	if balance.Worth() {
		s.part("Balance", []string{balance.String()})
	}
}

// next says which open questions and rights would tell most.
func (s *session) next() []string {
	d := s.diagnosis
	if d.Verdict == checklist.Healthy || s.kase.Facts == nil {
		return nil
	}
	var lines []string
	for _, step := range d.Next {
		if len(lines) >= 3 {
			break
		}
		if q := s.kase.Book.Question(step.ID); step.Kind == "question" && q != nil {
			lines = append(lines, q.ID+": "+q.Ask)
		}
		if step.Kind == "probe" {
			lines = append(lines, s.toSee(step.ID)...)
		}
		if step.Kind == "observe" {
			lines = append(lines, "Observe for longer, "+step.ID+", so that more happens meanwhile")
		}
	}
	return lines
}

// fields tells texts under their names, and none that is empty.
func (s *session) fields(indent string, fields [][2]string) {
	for _, f := range fields {
		if f[1] != "" {
			s.pen.item(indent+f[0]+": ", f[1])
		}
	}
}

// toSee says what would let a probe see, or how to use it; nothing if nobody knows.
func (s *session) toSee(probe string) []string {
	for _, b := range s.kase.Facts.Blind {
		if b.Probe == probe && b.Needs != "" {
			return []string{"See " + content.Show(b.What) + ": needs " + content.Show(b.Needs)}
		}
	}
	if text := s.kase.Book.Facts.Suggestion(probe); text != "" {
		return []string{strings.ToUpper(text[:1]) + text[1:]}
	}
	return nil
}

// tellPlan tells the plan, or one step of it with its commands on lines of their
// own, unbroken, to be copied.
func (s *session) tellPlan(which string) {
	steps := s.kase.Plan(s.diagnosis)
	if len(steps) == 0 {
		s.pen.say("Plan: nothing to change. " + s.noPlan())
		return
	}
	if which != "" {
		n, err := strconv.Atoi(which)
		if err != nil || n < 1 || n > len(steps) {
			s.pen.say(fmt.Sprintf("There is no step %s. Expected 1 to %d.", brief(which), len(steps)))
			return
		}
		s.tellStep(n, steps[n-1])
		for _, c := range commandsOf(steps[n-1]) {
			if c[1] != "" {
				s.pen.say(c[0] + ":")
				s.pen.whole(c[1])
			}
		}
		return
	}
	intro := fmt.Sprintf("Plan: %d steps. whydrop changes nothing itself: take one step at a time, and verify it before the next.", len(steps))
	if len(steps) == 1 {
		intro = "Plan: one step. whydrop changes nothing itself: take it, and verify it."
	}
	if s.Apply != nil && s.Typed && slices.ContainsFunc(steps, func(p checklist.PlanStep) bool { return len(p.Changes) > 0 }) {
		intro = fmt.Sprintf("Plan: %d to do. whydrop changes nothing before you type apply with the number of a step, and confirm.", len(steps))
	}
	s.pen.say(intro + " p 1 shows the commands of the first unbroken.")
	for i, step := range steps {
		s.tellStep(i+1, step)
		s.fields("  ", commandsOf(step))
	}
}

func commandsOf(step checklist.PlanStep) [][2]string {
	return [][2]string{{"Now", step.Runtime}, {"For good", step.Persist}, {"To keep", step.Keep}, {"Take back", step.Rollback}, {"Verify", step.Verify}, {"To send", step.Ask}}
}

// tellStep tells a step of the plan but for its commands.
func (s *session) tellStep(n int, step checklist.PlanStep) {
	s.pen.item(fmt.Sprintf("Step %d: ", n), sentence(step.Remedy.Title))
	unchecked := ""
	if step.Unchecked {
		unchecked = "whether it applies could not be checked on this host."
	}
	s.fields("  ", [][2]string{
		{"Who", s.takenBy(n, step)}, {"Cause", sentence(step.Cause.Title)}, {"Mind", unchecked}, {"Change", sentence(step.Change)}, {"Why", sentence(step.Why)},
		{"Current", step.Current}, {"Proposed", step.Value}, {"Computed", step.Calculation},
		{"Effect", sentence(step.Effect)}, {"Risk", sentence(step.Risk)}, {"Scope", sentence(step.Scope)},
	})
}

func (s *session) noPlan() string {
	if s.diagnosis.Verdict != checklist.Healthy {
		return "No cause is named. Change nothing on a guess: answer more questions; s goes to the one that would tell most."
	}
	const later = "If the trouble comes and goes, leave whydrop running until it comes again."
	ended, _ := s.diagnosis.Ended()
	if ended == "" {
		return "Nothing lost packets during the observation, so there is nothing to mend on this host now. " + later
	}
	return "There was no sign of trouble during the observation, so nothing has to be mended on this host now. All the same " + ended +
		" (j shows where): that is no trouble as long as nobody misses them. " + later
}
