package ui

import (
	"slices"

	"whydrop/checklist/casefile"
	"whydrop/content"
)

// snapshot is the case as it is to be kept.
func (m *model) snapshot() casefile.Snapshot {
	s := casefile.Snapshot{Case: m.kase, Place: m.place(), Tried: m.trial.last}
	if m.diagnosis != nil && m.diagnosis.facts != nil && m.diagnosis.facts == m.kase.Facts {
		s.Diagnosis = m.diagnosis.Diagnosis
	}
	return s
}

// place is where the operator is.
func (m *model) place() casefile.Place {
	p := casefile.Place{Mark: m.draft}
	if !m.welcome {
		p.Screen, p.Question = tabs[m.on].title, m.walk.question(m).ID
	}
	return p
}

// resume goes where the operator was when the case was left.
func (m *model) resume() {
	p := m.options.Resume
	if p == nil || m.kase == nil {
		return
	}
	m.draft = p.Mark
	i := slices.IndexFunc(m.kase.Book.Questions(), func(q *content.Question) bool { return q.ID == p.Question })
	m.walk.at = max(0, i)
	screen := slices.IndexFunc(tabs[:], func(t tab) bool { return t.title == p.Screen })
	if !m.welcome && screen >= 0 {
		m.on, m.came = screenID(screen), nil
		m.arrange(m.layout.width, m.layout.height)
	}
	if !m.welcome && m.options.Note != "" {
		m.notice, m.heldTo = m.options.Note, m.now().Add(heldFor)
	}
}

// keepAnswers has kept what the operator said, and tells if that is in trouble.
func (m *model) keepAnswers() {
	if m.kase == nil || m.options.Keep == nil {
		return
	}
	if err := m.options.Keep(m.snapshot()); err != nil {
		m.notice, m.heldTo = err.Error(), m.now().Add(heldFor)
	}
	m.unkept = m.options.Unkept != nil && m.options.Unkept()
}

// unkeptHead warns, for as long as it is so, that what was said is on no disk; "" while
// all is.
func (m *model) unkeptHead(w int) string {
	switch {
	case !m.unkept:
		return ""
	case w < 60:
		return "NOT KEPT. "
	}
	return "ANSWERS NOT KEPT. "
}
