package plain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/content"
)

// change is a step of the plan that is asked about, or that was made and waits to be
// kept. There is one at a time.
type change struct {
	step    checklist.PlanStep
	attempt checklist.Attempt // nil for none
	asked   bool              // it was shown, and the next line says whether to make it
	waits   bool              // it was made
	leaving bool              // the next line says whether to keep it
	until   time.Time         // when it goes back by itself
}

// apply shows what a step of the plan would change, and asks.
func (s *session) apply(which string) {
	steps := s.kase.Plan(s.diagnosis)
	n, err := strconv.Atoi(which)
	switch {
	case !s.Typed:
		s.pen.say("Input that is piped applies nothing. Type it at a terminal, or use the command whydrop apply.")
		return
	case s.Apply == nil:
		s.pen.say("Nothing can be applied here: these measurements are not of this host.")
		return
	case s.change.waits:
		s.pen.say("One change at a time: first keep or undo.")
		return
	case len(steps) == 0:
		s.pen.say("The plan has no step to apply.")
		return
	case err != nil || n < 1 || n > len(steps):
		s.pen.say(fmt.Sprintf("There is no step %s. Expected 1 to %d.", brief(which), len(steps)))
		return
	case len(steps[n-1].Changes) == 0:
		s.pen.say(fmt.Sprintf("Step %d is yours to take: whydrop does not do it by itself. p %d tells its commands.", n, n))
		return
	}
	step := steps[n-1]
	attempt, err := s.Apply(s.ctx, step)
	if err != nil {
		s.refused(step, err)
		return
	}
	s.change = change{step: step, attempt: attempt, asked: true}
	s.tellAttempt()
}

// takenBy says who takes a step, where whydrop can take some; "" where it takes none.
func (s *session) takenBy(n int, step checklist.PlanStep) string {
	switch {
	case s.Apply == nil || !s.Typed:
		return ""
	case len(step.Changes) > 0:
		return fmt.Sprintf("whydrop can, and takes it back unless you keep it: apply %d.", n)
	}
	return "you."
}

// refused says why a step is not applied, and how to do it by hand.
func (s *session) refused(step checklist.PlanStep, err error) {
	s.pen.say("Not applied: " + sentence(content.Show(err.Error())))
	if step.Runtime != "" {
		s.pen.say("By hand:")
		s.pen.whole(step.Runtime)
	}
}

// tellAttempt tells exactly what would be changed.
func (s *session) tellAttempt() {
	c := &s.change
	s.pen.say("Step: " + sentence(content.Show(c.step.Remedy.Title)))
	for _, set := range c.attempt.Settings() {
		if set.Left != "" {
			s.pen.item("  Left: ", sentence(content.Show(set.Name+": "+set.Left)))
			continue
		}
		s.pen.item("  Change: ", content.Show(set.String())+".")
		s.pen.say("Now:")
		s.pen.whole(set.Run)
		s.pen.say("Take back:")
		s.pen.whole(set.Undo)
	}
	stops := ""
	if !c.step.Remedy.Stops.Empty() {
		stops = c.step.Remedy.Stops.Source + "."
	}
	s.fields("  ", [][2]string{
		{"Needs", sentence(c.step.Needs)}, {"Risk", sentence(c.step.Risk)}, {"Scope", sentence(c.step.Scope)}, {"Is to stop", stops}, {"Why", sentence(c.step.Why)},
	})
	s.pen.say(fmt.Sprintf("Nothing is changed yet. It goes back by itself after %s minutes unless you keep it, and when whydrop ends.", countdown(checklist.KeepWithin)))
}

// decide takes the line below a question about a change, and says whether there was one.
func (s *session) decide(text string) bool {
	c := &s.change
	word := strings.ToLower(strings.TrimSpace(text))
	switch {
	case c.leaving:
		c.leaving = false
		switch word {
		case "keep", "k":
			s.keepChange("")
		case "stay", "n", "no":
			s.pen.say("Not ended. The change still waits.")
			return true
		default:
			s.undoChange()
		}
		if !c.waits {
			s.farewell()
		}
		return true
	case c.asked:
		c.asked = false
		if word == "y" || word == "yes" {
			s.makeChange()
			return true
		}
		*c = change{}
		s.pen.say("Nothing was changed.")
		return true
	}
	return false
}

func (s *session) makeChange() {
	c := &s.change
	until, err := c.attempt.Make()
	if err != nil {
		s.refused(c.step, err)
		*c = change{}
		return
	}
	c.until, c.waits = until, true
	s.kase.Apply(s.now(), c.step, c.attempt.Settings(), s.newest)
	s.concluded = false
	s.pen.say(fmt.Sprintf("Applied. It goes back in %s unless kept: keep keeps it, keep reboot over a reboot too, undo takes it back. v tells whether it helps.", countdown(until.Sub(s.now()))))
}

// keepChange keeps what was applied, over a reboot as well if that is said.
func (s *session) keepChange(how string) {
	c := &s.change
	reboot := strings.EqualFold(how, "reboot")
	switch {
	case !c.waits:
		s.pen.say("No change waits to be kept.")
		return
	case how != "" && !reboot:
		s.pen.say("keep stands alone, or is keep reboot, which keeps it over a reboot too.")
		return
	}
	says, err := c.attempt.Keep(reboot)
	if err != nil {
		s.pen.say("Not kept: " + sentence(content.Show(err.Error())))
		return
	}
	fate := checklist.Kept
	if reboot {
		fate = checklist.KeptOn
		for _, set := range c.attempt.Settings() {
			for _, line := range set.Keep {
				s.pen.item("  Written: ", content.Show(line))
			}
		}
	}
	s.endChange(fate, says)
}

func (s *session) undoChange() {
	if !s.change.waits {
		s.pen.say("No change waits to be taken back. The command whydrop rollback takes back what was kept.")
		return
	}
	if err := s.change.attempt.Undo(); err != nil {
		s.endChange(checklist.Stuck, err.Error()+"; whydrop rollback tries it again")
		return
	}
	s.endChange(checklist.TakenBack, "")
}

// endChange notes and tells what became of a change.
func (s *session) endChange(fate checklist.Fate, says string) {
	s.kase.Ended(s.now(), fate, says)
	s.change = change{}
	s.concluded = false
	a := s.kase.Applied[len(s.kase.Applied)-1]
	s.pen.say(sentence("Change: " + content.Show(a.Says())))
}

// lookAfter looks whether what was applied is still there.
func (s *session) lookAfter() {
	c := &s.change
	if !c.waits {
		return
	}
	gone, err := c.attempt.Gone()
	switch {
	case !gone:
	case err != nil:
		c.waits = false
		s.kase.Ended(s.now(), checklist.Stuck, err.Error()+"; whydrop rollback tries it again")
	case s.now().Before(c.until):
		c.waits = false
		s.kase.Ended(s.now(), checklist.WentBack, "its guard was told to end, or somebody took it back from elsewhere")
	default:
		c.waits = false
		s.kase.Ended(s.now(), checklist.WentBack, "nobody kept it within "+countdown(checklist.KeepWithin))
	}
}

// tellGone tells before a prompt that a change went back by itself, and how the one
// that waits is doing if the verdict was asked for.
func (s *session) tellGone() {
	c := &s.change
	s.lookAfter()
	if c.attempt == nil || c.asked {
		return
	}
	if !c.waits {
		a := s.kase.Applied[len(s.kase.Applied)-1]
		*c = change{}
		s.pen.say(sentence("Change: " + content.Show(a.Says())))
		return
	}
	if s.news.repeat {
		if effect := s.kase.Applied[len(s.kase.Applied)-1].Effect.Brief(); effect != "" {
			s.pen.say("Since the change: " + sentence(effect))
		}
	}
}

// quit ends, once it is clear what becomes of a change that waits.
func (s *session) quit() {
	if s.lookAfter(); s.change.waits {
		s.change.leaving = true
		s.pen.say("The change is not kept. keep keeps it; stay does not end; Enter or anything else takes it back and ends.")
		return
	}
	s.farewell()
}

// countdown is a time that is left, in minutes and seconds.
func countdown(d time.Duration) string {
	s := max(0, int((d+time.Second/2)/time.Second))
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
