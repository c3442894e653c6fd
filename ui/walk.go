package ui

import (
	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// walkScreen is the walk through the checklist: one question at a time.
type walkScreen struct {
	at      int  // question
	option  int  // cursor: an option, or the last for "don't know"
	findOut bool // shown instead of the measurements
	editing bool // a note is being typed
	note    noteLine
	options scroll
	lower   scroll         // the measurements, or how to find out
	cursors map[string]int // by question, so that the cursor is where one left it
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
	case "enter":
		if !m.kase.Answers[q.ID].Given() {
			m.notice = q.ID + " is left open: space ticks an answer, b goes back to it"
		}
		s.move(m, s.at+1)
	case "right", "tab", "l":
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
		s.lower.top = 0
	default:
		s.leap(m, name)
	}
}

// leap handles the keys that go further than to the next.
func (s *walkScreen) leap(m *model, name string) {
	switch name {
	case "g":
		s.nextGroup(m)
	case "home":
		s.move(m, 0)
	case "end":
		s.move(m, len(m.kase.Book.Questions())-1)
	case "pgdown":
		s.lower.top += max(1, m.layout.bodyHeight/4)
	case "pgup":
		s.lower.top -= max(1, m.layout.bodyHeight/4)
	}
}

// move goes to a question; after the last one the causes are shown.
func (s *walkScreen) move(m *model, to int) {
	n := len(m.kase.Book.Questions())
	if to >= n {
		m.notice = ""
		m.causes = causesScreen{}
		m.show(causes)
		return
	}
	s.cursors[s.question(m).ID] = s.option
	s.at = max(0, to)
	s.option = s.cursors[s.question(m).ID]
	s.options.top, s.lower.top, s.findOut = 0, 0, false
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
	next := m.mostTelling()
	if next == nil {
		m.notice = "no open question would tell more"
		return
	}
	for i, q := range m.kase.Book.Questions() {
		if q == next {
			s.move(m, i)
		}
	}
}

// mostTelling is the unanswered question that is expected to tell most, nil if
// none would tell anything.
func (m *model) mostTelling() *content.Question {
	if m.diagnosis == nil {
		return nil
	}
	for _, step := range m.diagnosis.Next {
		if step.Kind == "question" {
			return m.kase.Book.Question(step.ID)
		}
	}
	return nil
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
	a.At = m.now()
	if err := m.kase.Answer(q.ID, a); err != nil {
		m.notice = err.Error()
		return
	}
	m.judge()
}

// edit handles a key while a note is typed. Every way out keeps the note.
func (s *walkScreen) edit(m *model, k tea.KeyPressMsg) {
	switch k.String() {
	case "enter", "esc":
		s.editing = false
	default:
		s.note.key(k)
	}
	s.keepNote(m)
}

func (s *walkScreen) keepNote(m *model) {
	q := s.question(m)
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
