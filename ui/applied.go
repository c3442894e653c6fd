package ui

import (
	"fmt"

	"whydrop/checklist"
	"whydrop/content"
)

// changeLines are what stands on the plan of the change that is under way: the
// question, what came of it, or why it cannot be made.
func (m *model) changeLines(w int) []string {
	t, c := m.theme, &m.change
	head := func(text string) []string { return styled(wrap(text, w, "   "), t.warn.Render) }
	title := content.Show(c.step.Remedy.Title)
	switch c.phase {
	case looking:
		return []string{t.dim.Render("reading the values of this moment")}
	case asked:
		return append(head("Apply this? "+title), m.questionLines(w)...)
	case refused:
		return append(head("Not applied: "+title), m.refusedLines(w)...)
	case making:
		return head("Applying: " + title)
	case keepingOn:
		return append(head("Keep it over a reboot, too? These lines are written:"), m.keepLines(w)...)
	case waiting:
		return append(head("Applied, not kept: "+title), m.appliedLines(w)...)
	case ending:
		return head("One moment: " + title)
	}
	return append(head(fateHead[c.fate]+": "+title), m.appliedLines(w)...)
}

// fateHead is the head of what is told of a change that is over.
var fateHead = map[checklist.Fate]string{
	checklist.Kept: "Kept", checklist.KeptOn: "Kept, over a reboot too", checklist.TakenBack: "Taken back",
	checklist.WentBack: "Went back by itself", checklist.Stuck: "NOT TAKEN BACK",
}

// questionLines are all that one must know before a change is made: first what, then
// that it goes back.
func (m *model) questionLines(w int) []string {
	c := &m.change
	lines := m.settingLines(w)
	safe := fmt.Sprintf("Nothing is changed yet. It goes back by itself after %s unless you keep it", countdown(checklist.KeepWithin))
	if w >= 60 {
		safe += ", and when whydrop dies or this connection drops"
	}
	lines = append(lines, wrap("   "+safe+".", w, "   ")...)
	fields := [][2]string{{"needs", c.step.Needs}, {"risk", c.step.Risk}}
	for _, s := range c.settings {
		switch {
		case s.Left != "":
			fields = append(fields, [2]string{"left", s.Name + ": " + s.Left})
		default:
			fields = append(fields, [2]string{runNow, s.Run}, [2]string{"take back", s.Undo})
		}
	}
	s := c.step
	stops := ""
	if !s.Remedy.Stops.Empty() {
		stops = s.Remedy.Stops.Source
	}
	return append(lines, m.theme.fields(append(fields, [][2]string{
		{"scope", s.Scope}, {"to stop", stops}, {"why", s.Why}, {"computed", s.Calculation}, {"effect", s.Effect},
	}...), w)...)
}

// settingLines are the settings with their values before and after, or as they are
// again.
func (m *model) settingLines(w int) []string {
	var lines []string
	c := &m.change
	for _, s := range c.settings {
		text := s.String()
		if c.phase == over && !c.fate.Stands() {
			text = s.Back()
		}
		if s.Left == "" {
			lines = append(lines, styled(wrap("   "+content.Show(text), w, "     "), m.theme.bold.Render)...)
		}
	}
	return lines
}

// refusedLines say why a change was not made, and how to make it by hand.
func (m *model) refusedLines(w int) []string {
	c := &m.change
	lines := m.settingLines(w)
	lines = append(lines, wrap("   "+content.Show(c.says), w, "   ")...)
	fields := [][2]string{{"by hand", ""}}
	if c.step.Runtime != "" {
		lines = append(lines, wrap("   By hand ("+m.keys.key(actCopy)+" copies):", w, "   ")...)
		fields = [][2]string{{runNow, c.step.Runtime}, {"take back", c.step.Rollback}}
	}
	return append(lines, m.theme.fields(fields, w)...)
}

// keepLines are the lines that would keep a change over a reboot.
func (m *model) keepLines(w int) []string {
	var lines []string
	for _, s := range m.change.settings {
		switch {
		case s.Left != "":
		case len(s.Keep) == 0:
			lines = append(lines, wrap("   "+content.Show(s.Name)+": whydrop writes nothing that keeps it; see the step for how", w, "   ")...)
		default:
			for _, k := range s.Keep {
				lines = append(lines, styled(wrap("   "+content.Show(k), w, "     "), m.theme.bold.Render)...)
			}
		}
	}
	return append(lines, wrap("   The change itself is kept, too. whydrop rollback takes back both.", w, "   ")...)
}

// appliedLines tell of a change that was made: what, whether it helps, and what came
// of it.
func (m *model) appliedLines(w int) []string {
	c := &m.change
	a := m.kase.Applied[len(m.kase.Applied)-1]
	lines := m.settingLines(w)
	say := func(text string) { lines = append(lines, wrap("   "+content.Show(text), w, "   ")...) }
	kept := a.Fate.Stands() && a.Fate != checklist.Stuck
	if c.says != "" && !kept { // the reason comes first
		say(c.says)
	}
	effect := a.Effect.Brief()
	switch {
	case effect == "":
		effect = "nothing tells by itself whether it helps: look at the causes"
	case a.Effect.SinceSeconds > 0 && c.phase == waiting:
		effect += fmt.Sprintf(" (%.0f s)", a.Effect.SinceSeconds)
	}
	if !a.Fate.Stands() {
		effect = "while it was applied: " + effect
	}
	lines = append(lines, styled(wrap("   "+content.Show(effect), w, "   "), m.theme.bold.Render)...)
	if c.step.Needs != "" && a.Fate.Stands() {
		say("It acts only after this: " + c.step.Needs)
	}
	if c.says != "" && kept {
		say(c.says)
	}
	return lines
}

// changeFoot names the keys that a change waits for, "" for none.
func (m *model) changeFoot(w int) string {
	if !m.deciding() {
		return ""
	}
	text := ""
	switch m.change.phase {
	case asked:
		text = "y apply  n leave"
	case keepingOn:
		text = "y write them and keep  n not yet"
	case waiting:
		text = "k keep  r keep also over a reboot  b take back"
		if w < 60 {
			text = "k keep  r for good  b take back"
		}
	case refused:
		text = m.keys.key(actBack) + " go on  " + m.keys.key(actCopy) + " copy"
	case over:
		text = m.keys.key(actBack) + " go on"
	}
	return text
}

// earlier are the steps that were applied in the session before the one that stands
// above the plan.
func (m *model) earlier(w int) []string {
	all := m.kase.Applied
	if c := &m.change; len(all) > 0 && (c.made() && c.phase != making || c.phase == over) {
		all = all[:len(all)-1]
	}
	var lines []string
	for _, a := range all {
		lines = append(lines, wrap("   "+content.Show(a.Title)+": "+content.Show(a.Says()), w, "     ")...)
	}
	if len(lines) == 0 {
		return nil
	}
	return append(append([]string{m.theme.bold.Render("In this session")}, lines...), "")
}
