package ui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// walkScreen is the walk through the checklist: one question at a time.
type walkScreen struct {
	at      int  // question
	option  int  // cursor: an option, or the last for "don't know"
	findOut bool // shown instead of the measurements
	tight   bool // as it was drawn last: there was no room for either
	editing bool // a note is being typed
	note    line
	options scroll
	lower   scroll         // the measurements, or how to find out
	owners  []int          // the option of each line of the options
	rows    map[int]int    // options by the line on which they were drawn last
	cursors map[string]int // by question, so that the cursor is where one left it
}

func newWalk() walkScreen { return walkScreen{cursors: map[string]int{}} }

// question is the one that one is at.
func (s *walkScreen) question(m *model) *content.Question {
	return m.kase.Book.Questions()[s.at]
}

func (s *walkScreen) do(m *model, a action) tea.Cmd {
	q := s.question(m)
	if s.tight && s.findOut && s.read(a) {
		return nil
	}
	switch a {
	case actUp:
		s.option = max(0, s.option-1)
	case actDown:
		s.option = min(len(q.Options), s.option+1)
	case actTick:
		return s.tick(m, q)
	case actEnter:
		if !m.kase.Answers[q.ID].Given() {
			m.notice = fmt.Sprintf("%s is left open: %s ticks an answer, %s goes back to it", q.ID, m.keys.key(actTick), m.keys.key(actPrevious))
		}
		s.move(m, s.at+1)
	case actNext:
		s.move(m, s.at+1)
	case actPrevious:
		s.move(m, s.at-1)
	case actDontKnow:
		return s.dontKnow(m, q)
	case actNote:
		s.editing = true
		s.note = newLine(m.kase.Answers[q.ID].Note)
	case actFindOut:
		s.findOut = !s.findOut
		s.lower.top = 0
	default:
		s.leap(m, a)
	}
	return nil
}

// read obeys an action while the measurements stand in the place of the options,
// and says whether it did: what is not to be seen is not ticked.
func (s *walkScreen) read(a action) bool {
	switch a {
	case actUp:
		s.lower.top--
	case actDown:
		s.lower.top++
	case actTick:
		s.findOut = false
	default:
		return false
	}
	return true
}

// leap handles the actions that go further than to the next.
func (s *walkScreen) leap(m *model, a action) {
	switch a {
	case actNextGroup:
		s.nextGroup(m)
	case actFirst:
		s.move(m, 0)
	case actLast:
		s.move(m, len(m.kase.Book.Questions())-1)
	case actPageDown:
		if s.tight && !s.findOut {
			s.findOut, s.lower.top = true, 0
			return
		}
		s.lower.top += max(1, m.layout.bodyHeight/4)
	case actPageUp:
		s.lower.top -= max(1, m.layout.bodyHeight/4)
	}
}

func (s *walkScreen) hints(m *model) []hint {
	next, unknown := "next", "don't know"
	if m.layout.width > 90 {
		unknown = "don't know, next"
	}
	if s.at == len(m.kase.Book.Questions())-1 {
		next = "diagnosis"
	}
	switch {
	case s.tight && s.findOut:
		return []hint{{actFindOut, "the options"}, {actDown, "scroll"}}
	case s.tight:
		return []hint{{actTick, "tick"}, {actFindOut, "facts"}, {actEnter, next}, {actPrevious, "back"}, {actNote, "note"}, {actDontKnow, unknown}}
	}
	return []hint{{actTick, "tick"}, {actEnter, next}, {actPrevious, "back"}, {actFindOut, "find out"}, {actNote, "note"}, {actDontKnow, unknown}}
}

// copies are the question, and the commands that it names to find out.
func (s *walkScreen) copies(m *model) []copyable {
	q := s.question(m)
	return []copyable{{"how to find out", q.FindOut}, {"the question", q.Ask}}
}

// shut shuts what was opened to find out, and says whether it stood open.
func (s *walkScreen) shut() bool {
	open := s.findOut
	s.findOut, s.lower.top = false, 0
	return open
}

// click ticks the option under the mouse.
func (s *walkScreen) click(m *model, row, _ int) tea.Cmd {
	i, ok := s.rows[row]
	if !ok || s.editing {
		return nil
	}
	s.option = i
	return s.tick(m, s.question(m))
}

// move goes to a question; after the last one the causes are shown.
func (s *walkScreen) move(m *model, to int) {
	n := len(m.kase.Book.Questions())
	if to >= n {
		m.notice = ""
		m.causes = causesScreen{}
		m.show(causesID)
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
func (s *walkScreen) tick(m *model, q *content.Question) tea.Cmd {
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
	return m.answer(q, checklist.Answer{Options: options, Note: a.Note})
}

// dontKnow answers that one does not know, goes on, and says that it did.
func (s *walkScreen) dontKnow(m *model, q *content.Question) tea.Cmd {
	cmd := m.answer(q, checklist.Answer{Options: []string{content.DontKnow}, Note: m.kase.Answers[q.ID].Note})
	if s.move(m, s.at+1); m.on == walkID && m.notice == "" {
		m.notice = fmt.Sprintf("%s: don't know. This is %s; %s goes back", q.ID, s.question(m).ID, m.keys.key(actPrevious))
	}
	return cmd
}

// answer records an answer and judges anew.
func (m *model) answer(q *content.Question, a checklist.Answer) tea.Cmd {
	a.At = m.moment()
	if err := m.kase.Answer(q.ID, a); err != nil {
		m.notice = err.Error()
		return nil
	}
	m.answered++
	return m.judge()
}

// edit handles a key while a note is typed. Every way out keeps the note.
func (s *walkScreen) edit(m *model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "enter", "esc":
		s.editing = false
		s.keepNote(m)
		return m.judge() // for the report's preview
	}
	s.note.key(k)
	s.keepNote(m)
	return nil
}

// keepNote records the note as it stands. No cause hangs on it, so nothing is
// judged anew for each of its letters.
func (s *walkScreen) keepNote(m *model) {
	q := s.question(m)
	a := m.kase.Answers[q.ID]
	a.Note, a.At = s.note.String(), m.moment()
	if err := m.kase.Answer(q.ID, a); err != nil {
		m.notice = err.Error()
	}
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
