package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist/interview"
	"whydrop/checklist/train"
	"whydrop/content"
)

// banner is the remark that is to be dropped in, where there is room to remind of it.
func (m *interviewModel) banner() []string {
	due := m.n.Due()
	if len(due) == 0 || m.low() {
		return nil
	}
	text := fmt.Sprintf("Drop in now, as the %s: \"%s\"", content.Show(due[0].From), content.Show(due[0].Title))
	return styled(m.theme.atMost(2, wrap(text+" (r: done)", m.size.Width, "  "), m.size.Width), m.theme.warn.Render)
}

// room is how many lines the page has.
func (m *interviewModel) room() int {
	head := 3
	if m.low() {
		head = 1
	}
	return max(0, m.size.Height-head-len(m.banner())-1)
}

// beside says whether the detail stands beside the list.
func (m *interviewModel) beside() bool { return m.size.Width >= wide }

// listRoom is how many lines the list has, detailRoom how many the detail has.
func (m *interviewModel) listRoom() int {
	switch h := m.room(); {
	case m.zoomed:
		return 0
	case m.beside():
		return h
	default:
		return h / 2
	}
}

// detailRoom is the other half of listRoom.
func (m *interviewModel) detailRoom() int {
	if m.beside() {
		return m.room()
	}
	return max(0, m.room()-m.listRoom()-m.ruled())
}

// ruled is 1 where a line parts list and detail.
func (m *interviewModel) ruled() int {
	if m.zoomed || m.beside() || m.low() {
		return 0
	}
	return 1
}

// draw returns the lines of the whole screen.
func (m *interviewModel) draw() []string {
	w := m.size.Width
	head := []string{m.clockLine(w)}
	if !m.low() {
		head = append(head, m.pageLine(w), m.rule())
	}
	head = append(head, m.banner()...)
	return m.sheet(head, func(int) []string { return m.drawBody(w) }, func() []string { return []string{m.foot(w)} })
}

// clockLine is the time, the part of the interview, and what was ticked.
func (m *interviewModel) clockLine(w int) string {
	t := m.theme
	clock := interview.Clock(m.n.Elapsed())
	if m.n.Holding() {
		clock += " (held)"
	}
	left := t.bold.Render(clock)
	if w >= 60 {
		left += fmt.Sprintf(" of %s", interview.Clock(m.n.Planned()))
	}
	if p, rest := m.n.Pace(); p != nil {
		part := fmt.Sprintf("  %s, %s left", content.Show(p.Title), interview.Clock(rest))
		if rest <= 0 {
			part = t.warn.Render("  over the time")
		}
		left += part
	}
	right := stepsTaken(m.n.Steps())
	if w >= 70 {
		right = content.Show(m.n.Scenario().ID) + "  " + right
	}
	if m.low() {
		right = fmt.Sprintf("%d %s", m.page+1, interviewPages[m.page])
	}
	return t.apart(t.clip(left, w), right, w)
}

// pageLine are the pages with their numbers.
func (m *interviewModel) pageLine(w int) string {
	text := ""
	for i, p := range interviewPages {
		name := fmt.Sprintf("%d %s", i+1, p)
		if i == m.page && m.search == nil {
			name = m.theme.cursor.Render(name)
		}
		text += name + "  "
	}
	return m.theme.clip(text, w)
}

func (m *interviewModel) drawBody(w int) []string {
	h := m.room()
	if m.help {
		return m.helping.window(m.theme.helpLines(m.helpRows(), w), h)
	}
	if m.beside() && !m.zoomed {
		left := w / 2
		list := m.theme.block(m.drawList(left, h), left, h)
		detail := m.detail.window(m.detailLines(w-left-gap), h)
		for i := range list {
			list[i] += " " + m.theme.dim.Render(m.theme.border) + " "
			if i < len(detail) {
				list[i] += detail[i]
			}
		}
		return list
	}
	lines := m.theme.block(m.drawList(w, m.listRoom()), w, m.listRoom())
	if m.ruled() > 0 {
		lines = append(lines, m.theme.dim.Render(strings.Repeat(m.theme.rule, w)))
	}
	return append(lines, m.detail.window(m.detailLines(min(w, drillWidth)), m.detailRoom())...)
}

// drawList is the page's list, or what was found.
func (m *interviewModel) drawList(w, h int) []string {
	entries, cursor, at := m.entries(), m.cursors[m.page], m.lists[m.page]
	if m.search != nil {
		entries, cursor, at = m.search.found, m.search.cursor, &m.search.scroll
		if len(entries) == 0 {
			return wrap(m.nothingFound(), w, "")
		}
	}
	var lines []string
	if m.search != nil && !m.search.sure {
		lines, cursor = append(lines, m.theme.dim.Render(m.theme.clip("Which of these? Enter marks the first, arrows choose.", w))), -1
	}
	first, last := 0, 0
	for i, e := range entries {
		if m.search == nil && (i == 0 || entries[i-1].Head != e.Head) {
			lines = append(lines, m.theme.bold.Render(m.theme.clip(content.Show(e.Head), w)))
		}
		if i == cursor {
			first, last = len(lines), len(lines)
			if i == 0 || m.search == nil && entries[i-1].Head != e.Head && h > 2 {
				first = max(0, first-1) // with its heading
			}
		}
		lines = append(lines, m.row(e, i == cursor, w))
	}
	return at.keep(lines, first, last, h)
}

func (m *interviewModel) nothingFound() string {
	if strings.TrimSpace(m.search.line.String()) == "" {
		return "Type what they said: \"what changed\", \"ethtool -S\", \"I'd restart it\". Enter ticks it and shows what to say."
	}
	return "The script has nothing like it. Say that nobody knows, or ask what they expect to see; esc leaves."
}

// tickMark is the box before a line of a list, nothing where there is none.
func (m *interviewModel) tickMark(e *interview.Entry) string {
	is := m.n.Has(e.Key)
	switch kind := e.Key.Kind(); {
	case kind == interview.Section || e.Key == verdictKey:
		return ""
	case kind == interview.Story:
		return "    "
	case kind == interview.Cause:
		v := m.n.Verdict()
		if is = v != nil && (slices.Contains(v.Causes, e.Key.ID()) || v.Healthy && e.Key == interview.Healthy); !is {
			return "    "
		}
	}
	if is {
		return ticked + " "
	}
	return unticked + " "
}

// row is a line of a list.
func (m *interviewModel) row(e *interview.Entry, at bool, w int) string {
	t, text, right := m.theme, m.tickMark(e), ""
	if e.Key.Kind() == interview.Section {
		right = content.Show(m.levelWords(e.Key.ID()))
	}
	if e.Label != "" {
		text += content.Show(e.Label) + " "
	}
	text += content.Show(e.Title)
	lead := "  "
	if at {
		lead = t.pointer + " "
	}
	room := w - 2
	if right != "" && ansi.StringWidth(text)+ansi.StringWidth(right)+2 > room {
		text = t.clip(text, room-ansi.StringWidth(right)-2)
	}
	text = t.apart(t.clip(text, room), right, room)
	if at {
		text = t.cursor.Render(text)
	}
	return lead + text
}

// levelWords are the level of a section: decided, or suggested.
func (m *interviewModel) levelWords(section string) string {
	if level := m.n.Decided(section); level != "" {
		return m.n.LevelTitle(level)
	}
	suggested := m.suggested(section).Level
	if suggested == interview.Unjudged {
		return strings.ToLower(m.n.LevelTitle(suggested))
	}
	return "(" + m.n.LevelTitle(suggested) + "?)"
}

func (m *interviewModel) suggested(section string) interview.Suggestion {
	if section == content.Whole {
		return m.n.SuggestWhole()
	}
	return m.n.Suggest(section)
}

// detailLines are what belongs to the line at the cursor.
func (m *interviewModel) detailLines(w int) []string {
	t, e := m.theme, m.current()
	if e == nil {
		return nil
	}
	if e.Key.Kind() == interview.Section {
		return m.sectionLines(e, w)
	}
	var lines []string
	say := func(head, text string) {
		lines = append(lines, styled(wrap(head+"\""+content.Show(text)+"\"", w, "  "), t.bold.Render)...)
	}
	for _, text := range e.Say {
		head := "Say: "
		if e.From != "" {
			head = "Say, from the " + content.Show(e.From) + ": "
		}
		say(head, text)
	}
	if e.Key.Kind() == interview.Hint {
		say("Say: ", m.n.HintText(e.Key.ID()))
	}
	if e.Reading != nil {
		lines = append(lines, m.textLines(m.n.ReadOut(e, m.words()), w)...)
	}
	for _, shows := range e.Shows {
		lines = append(lines, styled(wrap(content.Show(shows), w, "  "), t.bold.Render)...)
	}
	if e.Key.Kind() != interview.Remark && e.Key.Kind() != interview.Story {
		lines = append(lines, wrap(content.Show(e.Title), w, "")...)
	}
	if e.Reading != nil {
		lines = append(lines, styled(wrap("All that was measured:", w, ""), t.bold.Render)...)
		lines = append(lines, m.textLines(e.Reading.Lines(m.all), w)...)
	}
	for _, know := range e.Know {
		lines = append(lines, wrap(content.Show(know), w, "  ")...)
	}
	for _, note := range m.n.Notes() {
		if note.About == e.Key {
			lines = append(lines, wrap("Note, "+interview.Clock(note.After)+": "+content.Show(note.Text), w, "  ")...)
		}
	}
	return lines
}

// words are those in which the line at the cursor was asked for.
func (m *interviewModel) words() string {
	if m.search != nil {
		return m.search.line.String()
	}
	return m.asked
}

// textLines are figures to read out.
func (m *interviewModel) textLines(figures []train.TextLine, w int) []string {
	var lines []string
	for _, l := range figures {
		switch l.Kind {
		case train.Heading:
			lines = append(lines, styled(wrap(content.Show(l.Text), w, ""), m.theme.bold.Render)...)
		case train.Remark:
			lines = append(lines, styled(wrap("  "+content.Show(l.Text), w, "    "), m.theme.dim.Render)...)
		default:
			lines = append(lines, wrap("  "+content.Show(l.Text), w, "    ")...)
		}
	}
	return lines
}

// sectionLines are the evidence for the level of a section.
func (m *interviewModel) sectionLines(e *interview.Entry, w int) []string {
	t, id := m.theme, e.Key.ID()
	s := m.suggested(id)
	lines := styled(wrap(content.Show(e.Title), w, ""), t.bold.Render)
	lines = append(lines, wrap(content.Show("Suggested: "+m.n.LevelTitle(s.Level)+" ("+s.Why+")"), w, "  ")...)
	decided := "nothing yet; " + m.keys.key(actTick) + " puts it at a level"
	if level := m.n.Decided(id); level != "" {
		decided = m.n.LevelTitle(level)
	}
	lines = append(lines, wrap("You decided: "+content.Show(decided), w, "  ")...)
	if id == content.Whole {
		for _, l := range m.n.Rubric().Levels {
			lines = append(lines, wrap(content.Show(l.Title+": "+l.Means), w, "  ")...)
		}
		lines = append(lines, wrap("They conclude: "+content.Show(m.concluded()), w, "  ")...)
		return append(lines, styled(wrap(interview.Rule, w, "  "), t.dim.Render)...)
	}
	for _, i := range m.n.Rubric().Section(id).Items {
		mark, by := unticked, ""
		if h, heard := m.n.Heard(i.ID); heard {
			mark, by = ticked, ", "+interview.Clock(h.After)
			if h.By != "" {
				by += " by " + interview.ByWords(h.By)
			}
		}
		text := content.Show(fmt.Sprintf("%s %s (%s%s)", mark, i.Says, strings.ToLower(m.n.LevelTitle(i.Level)), by))
		lines = append(lines, wrap(text, w, "    ")...)
	}
	return append(lines, styled(wrap("Weak: "+content.Show(m.n.Rubric().Section(id).Weak), w, "  "), t.dim.Render)...)
}

// foot is the last line: what is typed, what just happened, or the keys.
func (m *interviewModel) foot(w int) string {
	t := m.theme
	switch {
	case m.search != nil:
		return (&prompt{label: m.search.label, short: "find", line: m.search.line}).draw(t, w)
	case m.note != nil:
		return (&prompt{label: m.noteLabel(), short: "note", line: *m.note, offered: m.half}).draw(t, w)
	case m.leaving:
		return t.bold.Render(t.clip(fmt.Sprintf("Leave? All is kept. %s leaves, any other key stays.", m.keys.key(actLeave)), w))
	case m.notice != "":
		return t.warn.Render(t.clip(content.Show(m.notice), w))
	case m.low() && len(m.n.Due()) > 0:
		return t.warn.Render(t.clip("r: "+content.Show(m.n.Due()[0].Title), w))
	}
	k := m.keys.key
	does := "tick"
	if interviewPages[m.page] == cardPage {
		does = "level"
	}
	text, used := "", len(k(actHelp)+" keys")
	for _, h := range []drillHint{{k(actSearch), "find what they said"}, {k(actTick), does}, {k(actNote), "note"}, {"c", "conclusion"}, {k(actEnter), "whole"}, {"i", "hints"}, {k(actReport), "scorecard"}, {k(actLeave), "leave"}} {
		if used += ansi.StringWidth(h.key+h.does) + 3; used > w {
			break
		}
		text += t.bold.Render(h.key) + " " + h.does + "  "
	}
	return text + t.bold.Render(k(actHelp)) + " keys"
}

// helpRows are the keys.
func (m *interviewModel) helpRows() []helpRow {
	k := m.keys.key
	return []helpRow{
		{head: "While they speak"},
		{k(actSearch), "find what they asked, proposed or concluded, in their words; enter ticks it and shows what to say, where it may be something else only at the second time"},
		{k(actTick), "tick the line at the cursor, again takes it back; of a hint: it is given, with what it costs"},
		{k(actNote), "a note about the line at the cursor; kept at every letter. A half-typed one about another line is offered: enter keeps it, typing begins a new one"},
		{"r", "the remark that is to be dropped in was"},
		{"c", "what they conclude: find the cause; enter names it, once more takes it back"},
		{"i", "to the hints"},
		{k(actPause), "hold the clock; again goes on"},
		{head: "Moving"},
		{"1 to 6", "the pages: story, questions, figures, the end, rubric, card"},
		{k(actUp) + " " + k(actDown), "a line up or down; " + k(actNextGroup) + " to the next heading"},
		{k(actPageUp) + " " + k(actPageDown), "scroll what belongs to the line"},
		{k(actEnter), "the whole screen for it; " + k(actBack) + " back"},
		{k(actFilter), "every figure, or the first ones"},
		{head: "At the end"},
		{"6 " + k(actTick), "on the card: put a section, or the whole, at a level; the one in brackets is suggested"},
		{"N", "the candidate's name, for the scorecard only"},
		{k(actReport), "write the scorecard, as markdown and JSON"},
		{k(actLeave), "leave; all is kept, also after a crash"},
		{head: "Marks"},
		{ticked, "it happened; items of the rubric tick themselves by what was asked, measured or concluded"},
		{"(Senior?)", "a level that the ticks come to, not decided yet; not judged: nothing was heard of it"},
	}
}
