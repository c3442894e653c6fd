package plain

import (
	"slices"

	"whydrop/checklist/casefile"
	"whydrop/content"
)

// The names of screens that stand for where one is on lines: at a question, or behind
// the last one.
const (
	atQuestion = "Walk"
	atCauses   = "Causes"
)

// whereabouts is where the operator is.
func (s *session) whereabouts() casefile.Place {
	if q := s.question(); q != nil {
		return casefile.Place{Screen: atQuestion, Question: q.ID}
	}
	return casefile.Place{Screen: atCauses}
}

// resume goes where the operator was when the case was left. What was typed of a mark
// is told: a line cannot begin with it.
func (s *session) resume() {
	p := s.Resume
	if p == nil {
		return
	}
	all := s.kase.Book.Questions()
	i := slices.IndexFunc(all, func(q *content.Question) bool { return q.ID == p.Question })
	switch {
	case i >= 0:
		s.at = i
	case p.Screen == atCauses:
		s.at = len(all)
	}
	if p.Mark != "" {
		s.pen.say("A mark was typed and not made: " + sentence(p.Mark))
	}
}

// keep has kept what was said.
func (s *session) keep() {
	if s.Keep == nil {
		return
	}
	snapshot := casefile.Snapshot{Case: s.kase, Place: s.whereabouts(), Tried: s.last}
	if s.kase.Facts != nil {
		snapshot.Diagnosis = s.diagnosis
	}
	if err := s.Keep(snapshot); err != nil {
		s.unkept = err
	}
}

// tellUnkept tells what is amiss with the keeping, once.
func (s *session) tellUnkept() {
	if s.unkept != nil {
		s.pen.say(sentence(s.unkept.Error()))
		s.unkept = nil
	}
}
