package ui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// planScreen shows what to do about the causes that are named: a list of steps with a
// cursor, in which one may read on.
type planScreen struct {
	pager
	at    string // the step under the cursor, which stays when the plan changes
	heads []int  // the line of each step's title, as they were drawn last
}

// keyOf is what a step is known by.
func keyOf(s checklist.PlanStep) string { return s.Cause.ID + " " + s.Remedy.Title }

// index is the place of the step under the cursor.
func (s *planScreen) index(m *model) int {
	for i, step := range m.diagnosis.plan {
		if keyOf(step) == s.at {
			return i
		}
	}
	return 0
}

func (s *planScreen) do(m *model, a action) tea.Cmd {
	steps := m.diagnosis.plan
	if m.change.onTop() && a != actApply {
		m.change.scroll.turn(a, m.layout.bodyHeight)
		return nil
	}
	switch a {
	case actEnter:
		m.show(reportID)
	case actApply:
		if len(steps) == 0 {
			m.notice = "there is no step to apply"
			return nil
		}
		return m.lookAt(steps[s.index(m)])
	case actUp, actDown:
		s.step(m, a)
	default:
		s.turn(a, m.layout.bodyHeight)
		s.follow(m)
	}
	return nil
}

// step goes to the step before or behind the one under the cursor. Behind the last
// one it reads on, and before it goes on upwards it comes back to a step's title.
func (s *planScreen) step(m *model, a action) {
	i := s.index(m)
	if len(s.heads) != len(m.diagnosis.plan) || len(s.heads) == 0 {
		s.turn(a, m.layout.bodyHeight)
		return
	}
	switch {
	case a == actDown && i+1 < len(s.heads):
		i++
		s.scroll.top = s.heads[i]
	case a == actDown:
		s.scroll.top++
	case s.scroll.top > s.heads[i]:
		s.scroll.top = s.heads[i]
	case i > 0:
		i--
		s.scroll.top = s.heads[i]
	default:
		s.scroll.top = 0
	}
	s.at = keyOf(m.diagnosis.plan[i])
}

// follow brings the cursor to where one has paged: to the first step whose title is to
// be seen, or to the one that fills the screen.
func (s *planScreen) follow(m *model) {
	if len(s.heads) != len(m.diagnosis.plan) {
		return
	}
	h := m.layout.bodyHeight - 1
	top := max(0, min(s.scroll.top, len(s.lines)-h))
	for i, head := range s.heads {
		if head <= top || head < top+h && (i == 0 || s.heads[i-1] < top) {
			s.at = keyOf(m.diagnosis.plan[i])
		}
	}
}

func (s *planScreen) hints(m *model) []hint {
	if m.change.onTop() {
		return []hint{{actDown, "scroll"}}
	}
	hints := []hint{{actDown, "step"}}
	if steps := m.diagnosis.plan; len(steps) > 0 {
		if m.applies(steps[s.index(m)]) && !m.change.made() {
			hints = append(hints, hint{actApply, "apply (asks)"})
		}
		hints = append(hints, hint{actPageDown, "read on"}, hint{actCopy, "copy a command"})
	} else {
		hints[0].words = "scroll"
	}
	return append(hints, hint{actEnter, "report"})
}

// applies says whether a step can be applied here.
func (m *model) applies(s checklist.PlanStep) bool {
	return m.options.Apply != nil && len(s.Changes) > 0
}

func (s *planScreen) draw(m *model, w, h int) []string {
	if m.change.onTop() {
		return m.change.draw(m, m.changeLines(w), w, h)
	}
	return s.pager.draw(m, m.planLines(w), w, h)
}

// onTop says whether the change takes the place of the plan.
func (c *change) onTop() bool {
	switch c.phase {
	case looking, asked, refused, making, keepingOn:
		return true
	}
	return false
}

// draw shows a question, and which part of it if not all is to be seen.
func (c *change) draw(m *model, lines []string, w, h int) []string {
	if len(lines) <= h || h < 4 {
		return c.scroll.window(lines, h)
	}
	shown := c.scroll.window(lines, h-1)
	place := fmt.Sprintf("lines %d-%d of %d, %s for more", c.scroll.top+1, c.scroll.top+len(shown), len(lines), m.keys.key(actDown))
	return append(append([]string{}, shown...), m.theme.apart("", m.theme.dim.Render(place), w))
}

// copies are the commands of the plan, or of the step that could not be applied.
func (s *planScreen) copies(m *model) []copyable {
	var items []copyable
	for i, step := range m.diagnosis.plan {
		if m.change.phase == refused && keyOf(step) != keyOf(m.change.step) {
			continue
		}
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

// planLines is the plan: what to do about the causes that are named, below what was
// done already.
func (m *model) planLines(w int) []string {
	t, steps := m.theme, m.diagnosis.plan
	var lines []string
	if m.change.phase != noChange {
		lines = append(m.changeLines(w), "")
	}
	lines = append(lines, m.earlier(w)...)
	m.plan.heads = nil
	if len(steps) == 0 {
		return append(append(lines, t.bold.Render("Plan: nothing to change"), ""), wrap(m.noPlan(), w, "")...)
	}
	lines = append(lines, wrap(m.planIntro(), w, "")...)
	at := m.plan.index(m)
	for i, s := range steps {
		lines = append(lines, "")
		m.plan.heads = append(m.plan.heads, len(lines))
		lines = append(lines, m.planStep(i+1, s, i == at, w)...)
	}
	return lines
}

func (m *model) planIntro() string {
	steps := m.diagnosis.plan
	able := 0
	for _, s := range steps {
		if m.applies(s) {
			able++
		}
	}
	key := m.keys.key(actApply)
	switch {
	case able > 0 && len(steps) == 1:
		return fmt.Sprintf("Plan: one step. whydrop changes nothing before you press %s and confirm.", key)
	case able > 0:
		return fmt.Sprintf("Plan: %d steps. Take one, see that it helps, then the next. whydrop changes nothing before you press %s and confirm.", len(steps), key)
	case len(steps) == 1:
		return "Plan: one step. whydrop changes nothing itself: take it, and verify it."
	}
	return fmt.Sprintf("Plan: %d steps. whydrop changes nothing itself: take one step at a time, and verify it before the next.", len(steps))
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

// planStep is a step of the plan: under the cursor its title stands out.
func (m *model) planStep(number int, s checklist.PlanStep, at bool, w int) []string {
	t := m.theme
	style, pointer := t.bold, "  "
	if at {
		style, pointer = t.cursor, t.pointer+" "
	}
	lines := styled(wrap(fmt.Sprintf("%d. %s", number, s.Remedy.Title), w-2, "   "), style.Render)
	for i := range lines {
		lines[i] = pointer + lines[i]
		pointer = "  "
	}
	lines = append(lines, wrap("   "+m.takenBy(s), w, "   ")...)
	lines = append(lines, wrap("   for: "+s.Cause.Title, w, "        ")...)
	unchecked := ""
	if s.Unchecked {
		unchecked = "whether it applies could not be checked on this host"
	}
	return append(lines, t.fields([][2]string{
		{"mind", unchecked}, {"change", s.Change}, {"why", s.Why}, {"current", s.Current}, {"proposed", s.Value},
		{"computed", s.Calculation}, {"effect", s.Effect}, {"risk", s.Risk}, {"scope", s.Scope}, {runNow, s.Runtime},
		{runForGood, s.Persist}, {"to keep", s.Keep}, {"take back", s.Rollback}, {"verify", s.Verify}, {"to send", s.Ask},
	}, w)...)
}

// takenBy says who takes a step: whydrop where it is allowed to, else somebody.
func (m *model) takenBy(s checklist.PlanStep) string {
	switch {
	case m.applies(s):
		return m.keys.key(actApply) + " applies it: asks first, and it goes back unless you keep it"
	case len(s.Changes) > 0:
		return "to be taken on the host itself: these measurements are a recording"
	}
	return "yours: " + whose(s)
}

// fields are the texts of a step beside their heads, those that are commands so that
// they can be pasted.
func (t theme) fields(fields [][2]string, w int) []string {
	var lines []string
	for _, field := range fields {
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
