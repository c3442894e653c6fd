package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist/drill"
	"whydrop/content"
)

// drillWidth is how wide text is at most: longer lines are hard to read.
const drillWidth = 100

// draw returns the lines of the whole screen.
func (m *drillModel) draw() []string {
	head := []string{m.headLine(m.size.Width)}
	if !m.low() {
		head = append(head, m.rule())
	}
	return m.sheet(head, func(int) []string { return m.drawBody() }, func() []string { return []string{m.foot(m.size.Width)} })
}

func (m *drillModel) headLine(w int) string {
	t, s := m.theme, m.options.Session
	all, right, _ := s.Answered()
	if m.phase == drillOver {
		return t.bold.Render(t.clip("Drill", w))
	}
	share := 0.0
	if done := all + s.Left(); done > 0 {
		share = float64(all) / float64(done)
	}
	place := fmt.Sprintf("%d of %d", min(all+1, max(m.of, 1)), m.of)
	if all >= m.of { // those that were not known come again
		place = fmt.Sprintf("again, %d left", s.Left())
	}
	if w >= 60 {
		place += fmt.Sprintf(", %d right  %s", right, t.meter(share, min(20, w/6)))
	}
	return t.apart(m.about(w-ansi.StringWidth(place)-2), place, w)
}

// about is the kind of the card, with as many of its hops as there is room for.
func (m *drillModel) about(w int) string {
	text, fresh := m.theme.bold.Render("Drill")+" "+string(m.shown.Kind), ""
	if m.fresh {
		fresh = ", new"
	}
	for _, h := range m.shown.Hops {
		longer := text + ", " + m.options.Place(h)
		if ansi.StringWidth(longer+fresh) > w {
			break
		}
		text = longer
	}
	return m.theme.clip(text+fresh, w)
}

// drawBody is the part of the card that the screen has room for.
func (m *drillModel) drawBody() []string {
	w, h := min(m.size.Width, drillWidth), m.room()
	if m.help {
		return m.helping.window(m.helpLines(w), h)
	}
	lines, first, last := m.cardLines(w)
	if m.phase == cardAsked && len(m.shown.Choices) > 0 {
		if first < h-1 && m.cursor == 0 { // with the question above them
			first = 0
		}
		return m.body.keep(lines, first, max(first, last), h)
	}
	return m.body.window(lines, h)
}

// hidden is how many lines of the card stand below the screen.
func (m *drillModel) hidden() int {
	lines, _, _ := m.cardLines(min(m.size.Width, drillWidth))
	return len(lines) - m.body.top - m.room()
}

// cardLines are all lines of the card, and where the choice at the cursor stands.
func (m *drillModel) cardLines(w int) (lines []string, first, last int) {
	if m.phase == drillOver {
		return m.overLines(w), 0, 0
	}
	lines = m.question(w)
	switch {
	case m.phase == cardAsked:
		more, first, last := m.choiceLines(w)
		return append(lines, more...), len(lines) + first, len(lines) + last
	case m.shown.Form == drill.Order:
		lines = append(lines, m.orderLines(w)...)
	case m.shown.Form == drill.Choice:
		lines = append(lines, m.judgedLines(w)...)
	}
	return append(lines, m.explanation(w)...), 0, 0
}

func (m *drillModel) question(w int) []string {
	lines := styled(wrap(content.Show(m.shown.Ask), w, ""), m.theme.bold.Render)
	switch {
	case m.shown.What == "":
	case m.shown.Kind == drill.Command:
		lines = append(lines, indented(shell(content.Show(m.shown.What), w-2))...)
	default:
		lines = append(lines, indented(wrap(content.Show(m.shown.What), w-2, ""))...)
	}
	return append(lines, "")
}

// choiceLines are what can be chosen.
func (m *drillModel) choiceLines(w int) (lines []string, first, last int) {
	t := m.theme
	if m.shown.Form == drill.Recall {
		return wrap("Say it in your own words, then compare: "+m.keys.key(actEnter)+" shows the answer.", w, ""), 0, 0
	}
	for i := range m.shown.Choices {
		number := fmt.Sprintf("%d ", i+1)
		if m.shown.Form == drill.Order {
			number += m.stepMark(i)
		}
		rows := wrap(number+content.Show(m.shown.Text(i)), w-2, strings.Repeat(" ", len(number)))
		mark := "  "
		if i == m.cursor {
			mark, first, last = t.pointer+" ", len(lines), len(lines)+len(rows)-1
			rows = styled(rows, t.cursor.Render)
		}
		for _, r := range rows {
			lines, mark = append(lines, mark+r), "  "
		}
	}
	if m.shown.Form == drill.Order && len(m.picked) == len(m.shown.Choices) {
		lines = append(lines, "", "  "+m.keys.key(actEnter)+" checks the order, backspace takes the last one back.")
		last = len(lines) - 1
	}
	return lines, first, last
}

// stepMark is the place of a step in the order as it was picked.
func (m *drillModel) stepMark(at int) string {
	if i := slices.Index(m.picked, at); i >= 0 {
		return fmt.Sprintf("[%d] ", i+1)
	}
	return "[ ] "
}

// judgedLines are the choices with the right one and the one that was chosen.
func (m *drillModel) judgedLines(w int) []string {
	t := m.theme
	lines := []string{m.verdictWord(), ""}
	for i := range m.shown.Choices {
		chosen := i == m.cursor && !m.unsure
		head, style := "    ", t.plain
		switch {
		case i == m.shown.Right():
			head, style = "  + ", t.bold
		case chosen:
			head, style = "  x ", t.warn
		}
		lines = append(lines, styled(wrap(head+content.Show(m.shown.Text(i)), w, "    "), style.Render)...)
		if why := m.shown.Why(i); chosen && why != "" && i != m.shown.Right() {
			lines = append(lines, wrap("    goes with: "+content.Show(why), w, "    ")...)
		}
	}
	return append(lines, "")
}

func (m *drillModel) verdictWord() string {
	t := m.theme
	switch {
	case m.unsure:
		return t.bold.Render("The answer")
	case m.verdict == drill.Right:
		return t.bold.Render("Right.")
	case m.verdict == drill.Nearly:
		return t.warn.Render("Nearly: two neighbours changed places.")
	}
	return t.bad.Render("Wrong.")
}

// orderLines are the steps in the right order, each with what happens there.
func (m *drillModel) orderLines(w int) []string {
	lines := []string{m.verdictWord(), ""}
	for i, at := range m.shown.InOrder() {
		head := fmt.Sprintf("  %d ", i+1)
		if i < len(m.picked) && m.picked[i] != at && !m.unsure {
			head = fmt.Sprintf("x %d ", i+1)
		}
		lines = append(lines, styled(wrap(head+content.Show(m.shown.Text(at)), w, "    "), m.theme.bold.Render)...)
		lines = append(lines, wrap("    "+content.Show(m.shown.Why(at)), w, "    ")...)
	}
	return append(lines, "")
}

// explanation is why, and the sources.
func (m *drillModel) explanation(w int) []string {
	var lines []string
	if m.shown.Answer != "" {
		lines = append(append(lines, wrap(content.Show(m.shown.Answer), w, "")...), "")
	}
	for _, text := range m.shown.Explain {
		lines = append(append(lines, wrap(content.Show(text), w, "")...), "")
	}
	return append(lines, styled(wrap("Source: "+content.Show(strings.Join(m.shown.Sources, "; ")), w, "  "), m.theme.dim.Render)...)
}

// overLines are the end: what was known and what comes when.
func (m *drillModel) overLines(w int) []string {
	t, s := m.theme, m.options.Session
	all, right, fresh := s.Answered()
	if all == 0 {
		return append(wrap("Nothing is to be asked.", w, ""), wrap(m.options.Ahead(), w, "")...)
	}
	cards := "cards"
	if all == 1 {
		cards = "card"
	}
	lines := styled(wrap(fmt.Sprintf("Done: %d %s, %d known at once, %d new.", all, cards, right, fresh), w, ""), t.bold.Render)
	lines = append(lines, wrap(m.options.Ahead(), w, "")...)
	if missed := s.Missed(); len(missed) > 0 {
		lines = append(lines, "", "Not known at once:")
		for _, c := range missed {
			text := c.Ask
			if c.What != "" {
				text += " " + c.What
			}
			lines = append(lines, wrap("- "+content.Show(text), w, "  ")...)
		}
	}
	return lines
}

// foot is the last line: what is amiss, the grades, or the keys.
func (m *drillModel) foot(w int) string {
	t := m.theme
	switch {
	case m.unkept != nil && m.phase == cardAsked:
		return t.warn.Render(t.clip("The last answer is NOT kept: "+content.Show(m.unkept.Error()), w))
	case m.help:
		return m.hintLine(w, []drillHint{{m.keys.key(actBack), "closes this"}})
	case m.phase == cardGraded:
		return t.dim.Render("keeping the answer")
	case m.phase == cardJudged:
		return m.gradeLine(w)
	case m.phase == drillOver:
		return m.hintLine(w, append([]drillHint{{m.keys.key(actEnter), "ends"}}, m.backHint()...))
	}
	enter := drillHint{m.keys.key(actEnter), "show the answer"}
	hints := []drillHint{enter, {m.keys.key(actDontKnow), "don't know"}}
	if n := len(m.shown.Choices); n > 0 {
		hints[0].does = "choose"
		hints = slices.Insert(hints, 0, drillHint{fmt.Sprintf("1-%d", n), "choose"})
		hints[1] = drillHint{m.keys.key(actUp) + "/" + m.keys.key(actDown), "move"}
	}
	return m.hintLine(w, append(append(hints, drillHint{m.keys.key(actLeave), "quit"}), m.backHint()...))
}

// backHint says how to grade the card before anew, if there is one.
func (m *drillModel) backHint() []drillHint {
	if m.before.shown.Card == nil {
		return nil
	}
	return []drillHint{{m.keys.key(actPrevious), "grade the last anew"}}
}

// drillHint is a key and what it does.
type drillHint struct{ key, does string }

func (m *drillModel) hintLine(w int, hints []drillHint) string {
	help := m.keys.key(actHelp)
	text, used := "", len(help)+len(" keys")
	for _, h := range hints {
		if used += ansi.StringWidth(h.key+h.does) + 3; used > w {
			break
		}
		text += m.theme.bold.Render(h.key) + " " + h.does + "  "
	}
	return text + m.theme.bold.Render(help) + " keys"
}

// gradeLine offers the grades with when the card would come again; the one that enter
// takes is in brackets. Below the screen may be more to read.
func (m *drillModel) gradeLine(w int) string {
	t := m.theme
	text, used := "", 0
	times := w >= 72
	for _, g := range m.verdict.Grades() {
		part := fmt.Sprintf("%d %s", g, g)
		if times {
			part += " " + m.options.Session.In(g)
		}
		if g == m.proposed {
			part = "[" + part + "]"
		} else {
			part = " " + part + " "
		}
		used += len(part)
		if g == m.proposed {
			part = t.bold.Render(part)
		}
		text += part
	}
	more := ""
	if m.hidden() > 0 {
		if more = t.down; times {
			more += " more"
		}
	}
	if rest := w - used - ansi.StringWidth(more); rest >= 16 && times {
		text += "  " + t.bold.Render(m.keys.key(actEnter)) + " takes"
	}
	return t.apart(text, more, w)
}

// helpLines are the keys.
func (m *drillModel) helpLines(w int) []string {
	key := m.keys.key
	rows := []helpRow{
		{head: "While a card is asked"},
		{"1 2 3 4", "choose that answer; of an order, pick that step next"},
		{key(actUp) + " " + key(actDown) + " " + key(actEnter), "the same with the cursor"},
		{"backspace", "of an order: take the last step back"},
		{key(actPrevious), "grade the card before anew, if the grade was mistyped"},
		{key(actEnter), "of a card to be said in one's own words: show the answer"},
		{key(actDontKnow), "don't know: show the answer, it comes again"},
		{head: "When the answer is shown"},
		{key(actEnter), "take the grade in brackets and go on"},
		{"1 2 3 4", "again, hard, good or easy, if you know better: again for a lucky guess; what was wrong is again"},
		{key(actUp) + " " + key(actDown) + " " + key(actPageDown), "scroll"},
		{head: "Marks"},
		{"+ x", "before a choice: right; yours and wrong"},
		{"[2]", "before a step: where you put it"},
		{"N, WORD", "in a text: a number that is measured, a name"},
		{head: "At any time"},
		{key(actHelp), "these keys"},
		{key(actRedraw), "draw the screen anew"},
		{key(actSuspend), "suspend; fg comes back"},
		{key(actLeave), "quit; what was graded is kept"},
	}
	return m.theme.helpLines(rows, w)
}
