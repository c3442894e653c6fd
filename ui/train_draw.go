package ui

import (
	"fmt"
	"slices"
	"time"

	"github.com/charmbracelet/x/ansi"

	"whydrop/content"
)

// trainWidth is how wide text is at most: longer lines are hard to read.
const trainWidth = 100

// draw returns the lines of the whole screen.
func (m *trainModel) draw() []string {
	w := m.size.Width
	head := []string{m.headLine(w)}
	if !m.low() {
		head = append(head, m.rule())
	}
	return m.sheet(head, func(room int) []string { return m.drawBody(min(w, trainWidth), room) }, func() []string { return m.foot(w) })
}

func (m *trainModel) headLine(w int) string {
	t := m.theme
	if m.seat == nil {
		return t.bold.Render(t.clip("Train: incidents like those of an interview", w))
	}
	s := m.seat.Session
	elapsed := s.Elapsed().Round(time.Second)
	place := fmt.Sprintf("%d:%02d  %s", int(elapsed.Minutes()), int(elapsed.Seconds())%60, stepsTaken(s.Steps()))
	if n := len(s.Suspects()); n > 0 && w >= 60 {
		place += fmt.Sprintf("  %d suspected", n)
	}
	title := content.Show(s.Scenario().Title)
	if w >= 60 {
		title += fmt.Sprintf(", level %d", s.Scenario().Level)
	}
	return t.apart(t.bold.Render(t.clip(title, w-ansi.StringWidth(place)-2)), place, w)
}

func (m *trainModel) drawBody(w, h int) []string {
	switch {
	case m.help:
		return m.helping.window(m.theme.helpLines(m.helpRows(), w), h)
	case m.picker != nil:
		return m.drawPicker(w, h)
	}
	switch m.phase {
	case trainListing:
		return m.drawList(w, h)
	case trainOpening:
		return []string{"opening the incident"}
	case trainConcluding:
		return m.drawForm(w, h)
	case trainReviewing:
		return m.drawReview(w, h)
	}
	return m.talk.draw(m, w, h)
}

// foot are the last lines: what is asked, what is amiss, what is typed, or the keys.
func (m *trainModel) foot(w int) []string {
	t := m.theme
	switch {
	case m.confirm != nil:
		return m.confirm.draw(t, w, m.size.Height/2)
	case m.prompt != nil:
		return append(m.noticed(w), m.prompt.draw(t, w))
	case m.notice != "":
		return m.noticed(w)
	}
	return []string{m.hintLine(w)}
}

// noticed is the notice, if there is one, in a few lines.
func (m *trainModel) noticed(w int) []string {
	if m.notice == "" {
		return nil
	}
	t := m.theme
	return styled(t.atMost(max(1, min(3, m.size.Height/3)), wrap(content.Show(m.notice), w, ""), w), t.warn.Render)
}

// trainHint is a key and what it does.
type trainHint struct{ key, does string }

// hints are the keys of the place where one is, the most needed first.
func (m *trainModel) hints() []trainHint {
	key := m.keys.key
	enter, back, quit := key(actEnter), key(actBack), key(actLeave)
	move := key(actUp) + "/" + key(actDown)
	switch {
	case m.help:
		return []trainHint{{back, "closes this"}, {move, "scroll"}}
	case m.picker != nil:
		leave := "back"
		if m.picker.stays {
			leave = "done"
		}
		hints := []trainHint{{"esc", leave}, {"type", "to search"}, {"up/down", "move"}}
		if len(m.picker.items) > 0 {
			hints = slices.Insert(hints, 0, trainHint{"enter", m.picker.does})
		}
		return hints
	}
	switch m.phase {
	case trainListing:
		if l := m.list; len(l.all) > 0 && l.all[l.cursor].Begun {
			return []trainHint{{enter, "go on"}, {"b", "begin anew"}, {move, "move"}, {quit, "quit"}}
		}
		return []trainHint{{enter, "begin"}, {move, "move"}, {quit, "quit"}}
	case trainOpening:
		return []trainHint{{quit, "quit"}}
	case trainConcluding:
		return m.formHints()
	case trainReviewing:
		return m.reviewHints()
	}
	return m.talkHints()
}

// talkHints are the keys during the interview.
func (m *trainModel) talkHints() []trainHint {
	key := m.keys.key
	hints := []trainHint{{"a", "ask"}, {"m", "measure"}, {"h", "suspect"}, {"c", "conclude"}}
	last := []trainHint{{"/", "search"}, {"n", "note"}, {"i", "hint"}, {key(actLeave), "quit"}}
	if m.seat.Session.Named() != nil {
		hints, last = []trainHint{{"c", "go on concluding"}}, []trainHint{{"n", "note"}, {key(actLeave), "quit"}}
	}
	hints = append(hints, m.liveHints()...)
	if m.talk.below(m.room()) > 0 { // what was said is to be read first
		hints = append([]trainHint{{key(actDown), "more"}}, hints...)
	}
	if e := m.talk.shown(m.room()); e != nil {
		if e.cut && !e.all {
			hints = append(hints, trainHint{"v", "all of it"})
		} else if e.cut {
			hints = append(hints, trainHint{"v", "the first"})
		}
		hints = append(hints, trainHint{"f", "meaning"})
	}
	return append(hints, last...)
}

func (m *trainModel) hintLine(w int) string {
	last := m.keys.key(actHelp)
	words := " keys"
	if m.picker != nil { // there every letter is typed
		last, words = "", ""
	}
	text, used := "", len(last)+len(words)
	for _, h := range m.hints() {
		if used += ansi.StringWidth(h.key+h.does) + 3; used > w {
			break
		}
		text += m.theme.bold.Render(h.key) + " " + h.does + "  "
	}
	return text + m.theme.bold.Render(last) + words
}

// helpRows are the keys of the seat.
func (m *trainModel) helpRows() []helpRow {
	key := m.keys.key
	rows := []helpRow{
		{head: "During the interview"},
		{"a", "ask a question: choose it, or type words of it"},
		{"m", "measure: choose what to look at, or type what you would call it (ss, retransmits)"},
		{"/", "search questions and measurements together"},
		{"h", "your hypotheses: tick a cause, untick it to take it back"},
		{"n", "a note for yourself; it lands in the scorecard"},
		{"i", "a hint where to look next; each costs up to 1.5 of 24 points, and asks first"},
		{"c", "conclude: the cause, the place, the plan; it asks before anything is final"},
		{"v", "of the measurement on the screen: all figures, or the first"},
		{"f", "of the measurement on the screen: what each figure means"},
		{key(actUp) + " " + key(actDown) + " " + key(actPageDown), "scroll"},
		{head: "In a list"},
		{"letters", "narrow the list"},
		{"up down", "move; pgup pgdown a page"},
		{"enter", "take it, or tick it"},
		{"esc", "leave the list"},
		{head: "After the conclusion"},
		{key(actNext) + " " + key(actPrevious), "the next page, the page before"},
		{key(actTick), "tick what you had said"},
		{"e", "write the scorecard (markdown) to a file"},
	}
	rows = append(append(rows, m.liveRows()...), []helpRow{
		{head: "How it counts"},
		{"bits", "what a step is expected to tell when it is taken; 1 bit halves what is open"},
		{"steps", "questions and measurements; few good ones are better than many"},
		{head: "At any time"},
		{key(actHelp), "these keys"},
		{key(actRedraw), "draw the screen anew"},
		{key(actSuspend), "suspend; fg comes back"},
		{key(actLeave), "leave; the interview is kept: whydrop train --resume goes on"},
		{key(actQuit), "leave at once; it is kept, too"},
	}...)
	return rows
}
