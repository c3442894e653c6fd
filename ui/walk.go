package ui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// walkScreen is the walk through the checklist: one question at a time.
type walkScreen struct {
	at      int // question
	option  int // cursor: an option, or the last for "don't know"
	findOut bool
	editing bool
	note    noteLine
	scroll  scroll
	// drafts keep what was typed and not yet answered, by question.
	cursors map[string]int
}

func newWalk() walkScreen { return walkScreen{cursors: map[string]int{}} }

// question is the one that one is at.
func (s *walkScreen) question(m *model) *content.Question {
	return m.kase.Book.Questions()[s.at]
}

func (s *walkScreen) key(m *model, name string) {
	if m.kase == nil {
		return
	}
	q := s.question(m)
	switch name {
	case "up", "k":
		s.option = max(0, s.option-1)
	case "down", "j":
		s.option = min(len(q.Options), s.option+1)
	case "space", "x":
		s.tick(m, q)
	case "enter", "right", "tab", "l":
		s.move(m, s.at+1)
	case "b", "left", "shift+tab", "h":
		s.move(m, s.at-1)
	case "d":
		m.answer(q, checklist.Answer{Options: []string{content.DontKnow}, Note: m.kase.Answers[q.ID].Note})
		s.move(m, s.at+1)
	case "n":
		s.editing = true
		s.note = newNoteLine(m.kase.Answers[q.ID].Note)
	case "f":
		s.findOut = !s.findOut
	case "s":
		s.suggested(m)
	case "g":
		s.nextGroup(m)
	case "home":
		s.move(m, 0)
	case "end":
		s.move(m, len(m.kase.Book.Questions())-1)
	case "pgdown":
		s.scroll.top += m.layout.bodyHeight / 2
	case "pgup":
		s.scroll.top -= m.layout.bodyHeight / 2
	}
}

// move goes to a question; after the last one the causes are shown.
func (s *walkScreen) move(m *model, to int) {
	n := len(m.kase.Book.Questions())
	if to >= n {
		m.show(causes)
		return
	}
	s.cursors[s.question(m).ID] = s.option
	s.at = max(0, to)
	s.option = s.cursors[s.question(m).ID]
	s.scroll.top, s.findOut = 0, false
}

func (s *walkScreen) nextGroup(m *model) {
	questions := m.kase.Book.Questions()
	number := groupOf(m.kase.Book, questions[s.at]).Number
	for i, q := range questions {
		if groupOf(m.kase.Book, q).Number > number {
			s.move(m, i)
			return
		}
	}
}

// suggested goes to the unanswered question that is expected to tell most.
func (s *walkScreen) suggested(m *model) {
	if m.diagnosis == nil {
		return
	}
	for _, step := range m.diagnosis.Next {
		for i, q := range m.kase.Book.Questions() {
			if step.Kind == "question" && q.ID == step.ID {
				s.move(m, i)
				return
			}
		}
	}
	m.notice = "every question is answered"
}

// tick ticks or unticks the option under the cursor. "Don't know" and the
// options exclude each other.
func (s *walkScreen) tick(m *model, q *content.Question) {
	a := m.kase.Answers[q.ID]
	id := content.DontKnow
	if s.option < len(q.Options) {
		id = q.Options[s.option].ID
	}
	var options []string
	had := false
	for _, o := range a.Options {
		switch {
		case o == id:
			had = true
		case id == content.DontKnow || o == content.DontKnow:
		default:
			options = append(options, o)
		}
	}
	if !had {
		options = append(options, id)
	}
	m.answer(q, checklist.Answer{Options: options, Note: a.Note})
}

// answer records an answer and judges anew.
func (m *model) answer(q *content.Question, a checklist.Answer) {
	a.At = time.Now()
	if err := m.kase.Answer(q.ID, a); err != nil {
		m.notice = err.Error()
		return
	}
	m.judge()
}

// edit handles a key while a note is typed. Every way out keeps the note.
func (s *walkScreen) edit(m *model, k tea.KeyPressMsg) {
	q := s.question(m)
	switch k.String() {
	case "enter", "esc":
		s.editing = false
	default:
		s.note.key(k)
	}
	a := m.kase.Answers[q.ID]
	a.Note = s.note.String()
	m.answer(q, a)
}

func groupOf(book *content.Book, q *content.Question) *content.Group {
	for _, g := range book.Groups {
		for _, have := range g.Questions {
			if have == q {
				return g
			}
		}
	}
	return &content.Group{}
}

func (s *walkScreen) draw(m *model, w, h int) []string {
	t, q := m.theme, s.question(m)
	lines := s.heading(m, q, w)
	for _, l := range wrap(q.Ask, w, "") {
		lines = append(lines, t.bold.Render(l))
	}
	if h >= 14 {
		for _, l := range wrap(q.Why, w, "") {
			lines = append(lines, t.dim.Render(l))
		}
	}
	if s.findOut {
		lines = append(lines, "")
		for _, l := range wrap("How to find out: "+q.FindOut, w, "  ") {
			lines = append(lines, t.accent.Render(l))
		}
	}
	lines = append(lines, "")
	first := len(lines)
	lines = append(lines, s.optionLines(m, q, w)...)
	cursor := first + s.option
	if s.editing {
		cursor = len(lines) - 1
	}
	lines = append(lines, "")
	lines = append(lines, evidenceLines(m, q, w)...)
	if s.scroll.top == 0 && cursor < h {
		return s.scroll.window(lines, h)
	}
	return s.scroll.keep(lines, min(cursor, s.scroll.top+h-1), max(cursor, s.scroll.top), h)
}

func (s *walkScreen) heading(m *model, q *content.Question, w int) []string {
	t, g := m.theme, groupOf(m.kase.Book, q)
	n := len(m.kase.Book.Questions())
	left := fmt.Sprintf("%d. %s", g.Number, g.Title)
	right := fmt.Sprintf("%s  %d of %d, %d answered", q.ID, s.at+1, n, m.kase.Answered())
	if len(left)+len(right)+14 < w {
		right += " " + t.meter(float64(m.kase.Answered())/float64(n), 10)
	}
	gap := max(1, w-len([]rune(left))-len([]rune(right)))
	return []string{t.clip(t.accent.Render(left)+strings.Repeat(" ", gap)+t.dim.Render(right), w)}
}

func (s *walkScreen) optionLines(m *model, q *content.Question, w int) []string {
	t := m.theme
	ticked := map[string]bool{}
	for _, o := range m.kase.Answers[q.ID].Options {
		ticked[o] = true
	}
	line := func(i int, id, label string) string {
		box := t.unticked
		if ticked[id] {
			box = t.ticked
		}
		text := t.clip(box+" "+label, w-2)
		if i == s.option && !s.editing {
			return t.pointer + " " + t.cursor.Render(text)
		}
		return "  " + text
	}
	var lines []string
	for i, o := range q.Options {
		lines = append(lines, line(i, o.ID, o.Label))
	}
	lines = append(lines, line(len(q.Options), content.DontKnow, "Don't know"))
	note := content.Show(m.kase.Answers[q.ID].Note)
	switch {
	case s.editing:
		lines = append(lines, t.clip("  note: "+s.note.view(t, w-9), w))
	case note != "":
		lines = append(lines, t.clip("  note: "+note, w))
	default:
		lines = append(lines, t.dim.Render(t.clip("  note: (n to write one)", w)))
	}
	return lines
}

// evidenceLines is what this host shows for the question.
func evidenceLines(m *model, q *content.Question, w int) []string {
	t := m.theme
	title := "This host now"
	if m.facts != nil {
		title = fmt.Sprintf("This host, last %.0f s", m.facts.Seconds)
	}
	lines := []string{t.bold.Render(title)}
	evidence := m.kase.Evidence(q)
	if len(evidence) == 0 {
		return append(lines, t.dim.Render("  nothing measured yet"))
	}
	for _, e := range evidence {
		style := t.plain
		if !e.Complete {
			style = t.dim
		}
		for _, l := range wrap("- "+e.Says, w-2, "  ") {
			lines = append(lines, "  "+style.Render(l))
		}
	}
	return lines
}
