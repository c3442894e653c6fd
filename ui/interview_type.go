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
	find   func(text string) interview.Found
	take   func(e *interview.Entry)
	found  []*interview.Entry
	cursor int
	sure   bool // enter takes what is at the cursor
	scroll scroll
}

// look finds what fits by now.
func (f *finder) look() {
	found := f.find(f.line.String())
	f.found, f.sure, f.cursor, f.scroll = found.Entries, found.Sure, 0, scroll{}
}

// current is what is at the cursor, nil if nothing fits.
func (f *finder) current() *interview.Entry {
	if f.cursor < len(f.found) {
		return f.found[f.cursor]
	}
	return nil
}

// move moves the cursor. What is moved to is what is meant.
func (f *finder) move(step int) {
	if !f.sure {
		step = 0
	}
	f.cursor, f.sure = max(0, min(f.cursor+step, len(f.found)-1)), true
}

// startSearch looks for what the candidate just said: enter ticks it and shows it.
func (m *interviewModel) startSearch() {
	m.search = &finder{
		label: "they said:", line: newLine(""),
		find: m.n.Search,
		take: func(e *interview.Entry) {
			if e.Key.Kind() == interview.Cause {
				m.conclude(e)
				return
			}
			m.goTo(e.Key)
			m.asked = m.said
			if m.tell(m.n.Tick(e.Key)) && m.notice == "" && e.Key.Kind() == interview.Hint {
				m.notice = "given: " + m.n.Hints()[len(m.n.Hints())-1].Says
			}
		},
	}
	m.detail, m.zoomed = scroll{}, false
}

// startCauses looks for the cause that the candidate concludes: enter adds it, or takes
// it back.
func (m *interviewModel) startCauses() {
	m.search = &finder{label: "they conclude:", line: newLine(""), find: m.causes, take: m.conclude}
	m.search.look()
	m.detail, m.zoomed = scroll{}, false
}

// causes are what they may conclude, by words. One that is not right is named after a
// second look.
func (m *interviewModel) causes(words string) interview.Found {
	all := m.n.Conclusions(words)
	return interview.Found{Entries: all, Sure: words != "" && len(all) > 0 && all[0].Label == "right"}
}

func (m *interviewModel) conclude(e *interview.Entry) {
	v := interview.Verdict{}
	if have := m.n.Verdict(); have != nil {
		v = interview.Verdict{Healthy: have.Healthy, Causes: slices.Clone(have.Causes)}
	}
	id := e.Key.ID()
	switch at := slices.Index(v.Causes, id); {
	case e.Key == interview.Healthy:
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
		switch e := f.current(); {
		case e == nil:
			m.search = nil
		case !f.sure: // nothing is ticked that may not be what was meant
			f.sure = true
		default:
			m.search, m.said = nil, f.line.String()
			f.take(e)
		}
	case "up":
		f.move(-1)
		m.detail = scroll{}
	case "down":
		f.move(1)
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

// startNote begins a note about the line at the cursor, or goes on with the one about it
// that was being typed. One about another line is offered.
func (m *interviewModel) startNote() {
	about, text := m.n.Drafted()
	m.half = text != "" && about != m.noteAbout()
	m.about = about
	if text == "" {
		m.about = m.noteAbout()
	}
	l := newLine(text)
	m.note = &l
}

// noteAbout is what a note at the cursor is about.
func (m *interviewModel) noteAbout() interview.Key {
	switch e := m.current(); {
	case e == nil:
		return ""
	case e.Key == verdictKey:
		return interview.KeyOf(interview.Section, "conclusion")
	default:
		return e.Key
	}
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
	if k.Text != "" {
		m.otherNote()
	}
	m.half = false
	m.note.key(k)
	if m.note.String() != text {
		m.typed()
	}
}

// otherNote begins another note where the half-typed one was only offered: that is kept
// as it is.
func (m *interviewModel) otherNote() {
	if !m.half {
		return
	}
	m.tell(m.n.Note(m.about, m.note.String()))
	m.half, m.about = false, m.noteAbout()
	l := newLine("")
	m.note = &l
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
	label := "note"
	if e := m.n.Entry(m.about); e != nil && e.Label != "" {
		label += " (" + content.Show(e.Label) + ")"
	}
	if m.half {
		label += ", half typed"
	}
	return label + ":"
}
