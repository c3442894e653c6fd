package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/interview"
	"whydrop/content"
)

// finder is a line that is being typed to find something, with what it finds.
type finder struct {
	label  string
	line   line
	find   func(text string) []*interview.Entry
	take   func(e *interview.Entry)
	found  []*interview.Entry
	cursor int
	scroll scroll
}

// look finds what fits by now.
func (f *finder) look() {
	f.found, f.cursor, f.scroll = f.find(f.line.String()), 0, scroll{}
}

// current is what is chosen, nil if nothing fits.
func (f *finder) current() *interview.Entry {
	if f.cursor < len(f.found) {
		return f.found[f.cursor]
	}
	return nil
}

// startSearch looks for what the candidate just said: enter ticks it and shows it.
func (m *interviewModel) startSearch() {
	m.search = &finder{
		label: "they said:", line: newLine(""),
		find: m.n.Search,
		take: func(e *interview.Entry) {
			m.goTo(e.Key)
			if m.tell(m.n.Tick(e.Key)) && m.notice == "" && e.Key.Kind() == interview.Hint {
				m.notice = "given: " + m.n.Hints()[len(m.n.Hints())-1].Says
			}
		},
	}
	m.detail, m.zoomed = scroll{}, false
}

// healthy is the line that says that nothing is wrong.
const healthy = "healthy"

// startCauses looks for the cause that the candidate concludes: enter adds it, or takes
// it back.
func (m *interviewModel) startCauses() {
	m.search = &finder{label: "they conclude:", line: newLine(""), find: m.causes, take: m.conclude}
	m.search.look()
	m.detail, m.zoomed = scroll{}, false
}

// causes are the causes that fit words, as lines; first that nothing is wrong.
func (m *interviewModel) causes(words string) []*interview.Entry {
	var all []*interview.Entry
	if nothing := "nothing is wrong on this host, healthy"; strings.Contains(nothing, strings.ToLower(strings.TrimSpace(words))) {
		all = append(all, &interview.Entry{Key: interview.KeyOf("cause", healthy), Title: "Nothing is wrong on this host", Label: m.truthMark(m.n.Scenario().Healthy())})
	}
	for _, c := range m.n.SearchCauses(words) {
		all = append(all, &interview.Entry{
			Key: interview.KeyOf("cause", c.ID), Title: c.Title, Label: m.truthMark(m.n.Scenario().Right(c.ID)), Know: []string{c.Happens},
		})
	}
	return all
}

// truthMark says beside a cause whether it is right.
func (m *interviewModel) truthMark(right bool) string {
	if right {
		return "right"
	}
	return ""
}

func (m *interviewModel) conclude(e *interview.Entry) {
	v := interview.Verdict{}
	if have := m.n.Verdict(); have != nil {
		v = interview.Verdict{Healthy: have.Healthy, Causes: slices.Clone(have.Causes)}
	}
	id := e.Key.ID()
	switch at := slices.Index(v.Causes, id); {
	case id == healthy:
		v = interview.Verdict{Healthy: !v.Healthy}
	case at >= 0:
		v.Causes = slices.Delete(v.Causes, at, at+1)
	default:
		v = interview.Verdict{Causes: append(v.Causes, id)}
	}
	if m.tell(m.n.Conclude(v)) && m.notice == "" {
		m.notice = "they conclude: " + m.concluded()
	}
	m.turnTo(slices.Index(interviewPages, interview.PageClose))
}

// concluded is the conclusion in words.
func (m *interviewModel) concluded() string {
	v := m.n.Verdict()
	switch {
	case v == nil:
		return "nothing yet"
	case v.Healthy:
		return "nothing is wrong on this host"
	}
	var titles []string
	for _, id := range v.Causes {
		titles = append(titles, m.n.Book().Cause(id).Title)
	}
	return strings.Join(titles, "; ")
}

// inSearch passes a key to what is being looked for.
func (m *interviewModel) inSearch(k tea.KeyPressMsg) {
	f := m.search
	switch k.String() {
	case "esc":
		m.search = nil
	case "enter":
		m.search = nil
		if e := f.current(); e != nil {
			f.take(e)
		}
	case "up", "down":
		step := 1
		if k.String() == "up" {
			step = -1
		}
		f.cursor = max(0, min(f.cursor+step, len(f.found)-1))
		m.detail = scroll{}
	case "pgup", "pgdown":
		m.detail.turn(m.keys.of(k.String()), m.detailRoom())
	default:
		before := f.line.String()
		f.line.key(k)
		if f.line.String() != before {
			f.look()
			m.detail = scroll{}
		}
	}
}

// startNote begins a note about the line at the cursor, or goes on with the one that
// was being typed.
func (m *interviewModel) startNote() {
	m.about = ""
	if e := m.current(); e != nil {
		m.about = e.Key
	}
	if m.about == verdictKey {
		m.about = interview.KeyOf(interview.Section, "conclusion")
	}
	about, text := m.n.Drafted()
	if text != "" {
		m.about = about
	}
	l := newLine(text)
	m.note = &l
}

// inNote passes a key to the note, or to the candidate's name.
func (m *interviewModel) inNote(k tea.KeyPressMsg) {
	text := m.note.String()
	switch k.String() {
	case "esc": // the draft stays
		m.note, m.naming = nil, false
		return
	case "enter":
		m.note = nil
		switch text = strings.TrimSpace(text); {
		case m.naming:
			m.naming = false
			m.tell(m.n.Call(text))
		case text != "":
			m.tell(m.n.Note(m.about, text))
		}
		return
	}
	m.note.key(k)
	if m.note.String() != text {
		m.typed()
	}
}

// typed keeps what is being typed.
func (m *interviewModel) typed() {
	if !m.naming {
		m.tell(m.n.Draft(m.about, m.note.String()))
	}
}

// noteLabel says what the note is about.
func (m *interviewModel) noteLabel() string {
	if m.naming {
		return "candidate:"
	}
	if e := m.n.Entry(m.about); e != nil && e.Label != "" {
		return "note (" + content.Show(e.Label) + "):"
	}
	return "note:"
}
