package ui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// planScreen shows what to do about the causes that are named.
type planScreen struct{ pager }

func (s *planScreen) do(m *model, a action) tea.Cmd {
	if a == actEnter {
		m.show(reportID)
		return nil
	}
	s.turn(a, m.layout.bodyHeight)
	return nil
}

func (s *planScreen) hints(m *model) []hint {
	hints := []hint{{actDown, "scroll"}}
	if len(m.diagnosis.plan) > 0 {
		hints = append(hints, hint{actCopy, "copy a command"})
	}
	return append(hints, hint{actEnter, "report"})
}

func (s *planScreen) draw(m *model, w, h int) []string {
	return s.pager.draw(m, m.planLines(w), w, h)
}

// copies are the commands of the plan.
func (s *planScreen) copies(m *model) []copyable {
	var items []copyable
	for i, step := range m.diagnosis.plan {
		for _, c := range []copyable{
			{"now", step.Runtime}, {"for good", step.Persist}, {"verify", step.Verify}, {"take back", step.Rollback}, {"to send", step.Ask},
		} {
			if c.text != "" {
				items = append(items, copyable{fmt.Sprintf("%d %s", i+1, c.label), c.text})
			}
		}
	}
	return items
}

// planLines is the plan: what to do about the causes that are named.
func (m *model) planLines(w int) []string {
	t := m.theme
	steps := m.diagnosis.plan
	if len(steps) == 0 {
		return append([]string{t.bold.Render("Plan: nothing to change"), ""}, wrap(m.noPlan(), w, "")...)
	}
	intro := fmt.Sprintf("Plan: %d steps. whydrop changes nothing itself: take one step at a time, and verify it before the next.", len(steps))
	if len(steps) == 1 {
		intro = "Plan: one step. whydrop changes nothing itself: take it, and verify it."
	}
	lines := wrap(intro, w, "")
	for i, s := range steps {
		lines = append(append(lines, ""), m.planStep(i+1, s, w)...)
	}
	return lines
}

func (m *model) noPlan() string {
	if m.diagnosis.Verdict != checklist.Healthy {
		return fmt.Sprintf("No cause is named. Change nothing on a guess: answer more questions (%s), or see what would tell most (%s).",
			m.keys.key(actWalk), m.keys.key(actCauses))
	}
	const later = "If the trouble comes and goes, leave whydrop running until it comes again."
	ended, _ := m.ended()
	if ended == "" {
		return "Nothing lost packets during the observation, so there is nothing to mend on this host now. " + later
	}
	return fmt.Sprintf("There was no sign of trouble during the observation, so nothing has to be mended on this host now. All the same %s (%s shows where): that is no trouble as long as nobody misses them. %s",
		ended, m.keys.key(actJourney), later)
}

func (m *model) planStep(number int, s checklist.PlanStep, w int) []string {
	t := m.theme
	lines := styled(wrap(fmt.Sprintf("%d. %s", number, s.Remedy.Title), w, "   "), t.bold.Render)
	lines = append(lines, wrap("   for: "+s.Cause.Title, w, "        ")...)
	unchecked := ""
	if s.Unchecked {
		unchecked = "whether it applies could not be checked on this host"
	}
	for _, field := range [][2]string{
		{"mind", unchecked}, {"change", s.Change}, {"why", s.Why}, {"current", s.Current}, {"proposed", s.Value},
		{"computed", s.Calculation}, {"effect", s.Effect}, {"risk", s.Risk}, {"scope", s.Scope}, {runNow, s.Runtime},
		{runForGood, s.Persist}, {"to keep", s.Keep}, {"take back", s.Rollback}, {"verify", s.Verify}, {"to send", s.Ask},
	} {
		head, text := field[0], content.Show(field[1])
		if text == "" {
			continue
		}
		if head == runNow || head == runForGood {
			lines = append(lines, t.commandLines(head, text, w)...)
			continue
		}
		for _, l := range wrap(text, w-13, "") {
			lines = append(lines, t.pad("   "+head, 12)+" "+l)
			head = ""
		}
	}
	return lines
}

// The fields of a step that are commands.
const runNow, runForGood = "now", "for good"

// commandLines are a command beside its head, or below it from the left edge
// where it is long: so that what is selected and pasted is the command.
func (t theme) commandLines(head, command string, w int) []string {
	if ansi.StringWidth(command) <= w-13 {
		return []string{t.pad("   "+head, 12) + " " + t.bold.Render(command)}
	}
	lines := []string{"   " + head}
	return append(lines, styled(shell(command, w), t.bold.Render)...)
}
