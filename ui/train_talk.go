package ui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
	"whydrop/content"
)

// spoken is one entry of the transcript: what somebody said, what was measured.
type spoken struct {
	step int    // its number, 0 for what is no step
	who  string // says text; "" for an aside
	text string
	// reading is what was measured, nil for words. All of it is shown, or the first;
	// with what each figure means, or without.
	reading    *train.Reading
	all, means bool
	cut        bool     // the first is not all
	more       []spoken // what came of it: the answer, remarks

	width int // that the lines below were drawn for
	lines []string
}

// transcript is the interview so far.
type transcript struct {
	entries []*spoken
	starts  []int // the lines at which the entries began when they were drawn last
	scroll  scroll
	follow  int // the entry that is to be seen next, -1 for none
}

func (tr *transcript) add(s spoken) {
	tr.entries = append(tr.entries, &s)
	tr.follow = len(tr.entries) - 1
}

// begin tells the incident, and what was done so far in a session that is gone on
// with.
func (tr *transcript) begin(m *trainModel) {
	s, sc := m.seat.Session, m.seat.Session.Scenario()
	tr.add(spoken{text: fmt.Sprintf("%s. %s. You sit at the %s.", sc.Company, sc.Service, sc.Seat)})
	var people []spoken
	for _, p := range sc.People {
		people = append(people, spoken{text: "- the " + p.Role + ", who knows " + p.Knows})
	}
	if len(people) > 0 {
		tr.add(spoken{text: "The interviewer can ask for you:", more: people})
	}
	opening := ""
	if all := m.options.Book.Saying("opening"); len(all) > 0 {
		opening = all[len(sc.ID)%len(all)] // the same after a break
	}
	tr.add(spoken{who: "Interviewer", text: strings.TrimSpace(opening + " " + sc.Opening)})
	if about := s.AboutFigures(); about != "" {
		tr.add(spoken{who: "Interviewer", text: about})
	}
	for _, n := range m.seat.Notes {
		tr.add(spoken{text: n})
	}
	if len(s.Events()) == 0 {
		tr.add(spoken{text: "Ask and measure what you need, in any order; each counts as a step. Say what you suspect as soon as you do. Conclude when you can found it."})
		tr.follow = 0
		return
	}
	tr.again(m)
	if d := m.seat.Draft; d.Note != "" {
		tr.add(spoken{text: "You were writing a note: n goes on with it."})
	}
	if c := m.form.conclusion; c.Healthy || c.Hop != "" || len(c.Causes)+len(c.Steps) > 0 || c.Explanation+c.Risk+c.Rollback+c.Verify != "" {
		tr.add(spoken{text: "You were concluding: c goes on with it."})
	}
}

// again tells what was done before the session was left.
func (tr *transcript) again(m *trainModel) {
	s, step := m.seat.Session, 0
	last := map[string]int{}
	for i, e := range s.Events() {
		if e.Kind == train.Measured {
			last[e.ID] = i
		}
	}
	asked := map[string]bool{}
	for i, e := range s.Events() {
		if e.Counts() {
			step++
		}
		switch e.Kind {
		case train.Asked:
			a := s.Told(e.ID)
			a.Again, asked[e.ID] = asked[e.ID], true
			tr.add(m.answered(a, step))
		case train.Measured:
			r := s.Reading(e.ID)
			if last[e.ID] != i {
				r = nil // only what a probe showed last is kept
			}
			tr.add(m.measured(e.ID, r, step))
		default:
			tr.aside(m, e)
		}
		if e.Counts() {
			tr.entries[len(tr.entries)-1].more = append(tr.entries[len(tr.entries)-1].more, unasked(remarksAt(s, step))...)
		}
	}
}

// remarksAt are the remarks that were made after a step.
func remarksAt(s *train.Session, step int) []*content.Remark {
	return slices.DeleteFunc(s.Heard(), func(r *content.Remark) bool { return r.After != step })
}

// aside adds what is no step: a hypothesis, a note, a hint.
func (tr *transcript) aside(m *trainModel, e train.Event) {
	title := func() string { return m.seat.Session.Cause(e.ID).Title }
	switch e.Kind {
	case train.Suspected:
		tr.add(spoken{text: "You suspect: " + title()})
	case train.Dropped:
		tr.add(spoken{text: "You no longer suspect: " + title()})
	case train.Noted:
		tr.add(spoken{text: "Your note: " + e.Text})
	case train.Hinted:
		tr.add(spoken{who: "Hint", text: e.Text})
	case train.Verified:
		tr.add(lookAgain(e))
	case train.Resumed:
		tr.add(spoken{text: "You came back after a break."})
	}
}

// pickSaying is one of the interviewer's wordings, in turn.
func (m *trainModel) pickSaying(id string) string {
	all := m.options.Book.Saying(id)
	if len(all) == 0 {
		return ""
	}
	return all[len(m.seat.Session.Events())%len(all)]
}

// answered is the entry of a question and its answer.
func (m *trainModel) answered(a *train.Answer, step int) spoken {
	says := a.Says
	if a.Again {
		says = m.pickSaying("again") + says
	}
	who := "Interviewer"
	if a.From != "" {
		who = upper(a.From)
	}
	return spoken{step: step, who: "You", text: a.Question.Ask, more: append([]spoken{{who: who, text: says}}, unasked(a.Remarks)...)}
}

// unasked are entries of remarks.
func unasked(remarks []*content.Remark) []spoken {
	var all []spoken
	for _, r := range remarks {
		all = append(all, spoken{who: upper(r.From) + ", unasked", text: r.Says})
	}
	return all
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// measured is the entry of a measurement; of one that was made again later r is nil.
func (m *trainModel) measured(probe string, r *train.Reading, step int) spoken {
	title := probe
	if i := m.options.Book.Instrument(probe); i != nil {
		title = i.Title
	}
	e := spoken{step: step, who: "You measure", text: title, reading: r}
	if r == nil {
		e.more = []spoken{{text: "You measured it again later."}}
		return e
	}
	e.cut = !slices.Equal(r.Lines(false), r.Lines(true))
	if r.Seconds > 0 {
		e.text += fmt.Sprintf(", %s s", content.Show(r.Seconds))
	}
	e.more = unasked(r.Remarks)
	return e
}

// draw are the lines of the transcript that are to be seen.
func (tr *transcript) draw(m *trainModel, w, h int) []string {
	var lines []string
	tr.starts = tr.starts[:0]
	for i, e := range tr.entries {
		if i > 0 && (e.step > 0 || e.who != "" || tr.entries[i-1].step > 0 || tr.entries[i-1].who != "") {
			lines = append(lines, "")
		}
		tr.starts = append(tr.starts, len(lines))
		if e.width != w {
			e.lines, e.width = m.spokenLines(e, w), w
		}
		lines = append(lines, e.lines...)
	}
	if tr.follow >= 0 && tr.follow < len(tr.starts) {
		tr.scroll.top = min(tr.starts[tr.follow], max(0, len(lines)-h))
		tr.follow = -1
	}
	return tr.scroll.window(lines, h)
}

// end is how far the transcript reaches below the screen.
func (tr *transcript) below(h int) int {
	n := 0
	for i, e := range tr.entries {
		if i < len(tr.starts) {
			n = tr.starts[i] + len(e.lines)
		}
	}
	return n - tr.scroll.top - h
}

// spokenLines are the lines of an entry.
func (m *trainModel) spokenLines(e *spoken, w int) []string {
	t := m.theme
	number := ""
	if e.step > 0 {
		number = fmt.Sprintf("%d ", e.step)
	}
	indent := strings.Repeat(" ", max(2, len(number)))
	lines := t.saying(number, e, w, indent)
	if e.reading != nil {
		lines = append(lines, m.readingLines(e, w, indent)...)
	}
	if e.reading != nil && len(e.more) > 0 {
		lines = append(lines, "")
	}
	for _, more := range e.more {
		lines = append(lines, t.saying(indent, &more, w, indent+"  ")...)
	}
	return lines
}

// saying is what somebody says: their name stands out.
func (t theme) saying(before string, e *spoken, w int, indent string) []string {
	text := content.Show(e.text)
	if e.who == "" {
		return wrap(before+text, w, indent)
	}
	who := content.Show(e.who) + ":"
	lines := wrap(before+who+" "+text, w, indent)
	if head := before + who; strings.HasPrefix(lines[0], head) {
		lines[0] = before + t.bold.Render(who) + lines[0][len(head):]
	}
	return lines
}

// readingLines are the figures of a measurement.
func (m *trainModel) readingLines(e *spoken, w int, indent string) []string {
	t := m.theme
	var lines []string
	for _, l := range e.reading.Lines(e.all) {
		switch l.Kind {
		case train.Heading:
			lines = append(lines, styled(wrap(indent+l.Text, w, indent+"  "), t.bold.Render)...)
		case train.Remark:
			lines = append(lines, styled(wrap(indent+"  "+l.Text, w, indent+"    "), t.dim.Render)...)
		default:
			lines = append(lines, wrap(indent+"  "+l.Text, w, indent+"    ")...)
		}
		if !e.means {
			continue
		}
		for _, means := range append([]string{l.Means}, fieldsMean(e.reading, l)...) {
			if means != "" {
				lines = append(lines, styled(wrap(indent+"    "+content.Show(means), w, indent+"      "), t.dim.Render)...)
			}
		}
	}
	if e.cut && !e.all {
		lines = append(lines, styled(wrap(indent+"There is more of it: v shows all.", w, indent+"  "), t.bold.Render)...)
	}
	if by := e.reading.ByHand; e.means && len(by) > 0 {
		lines = append(lines, styled(wrap(indent+"by hand: "+content.Show(strings.Join(by, "; ")), w, indent+"  "), t.dim.Render)...)
	}
	return lines
}

// fieldsMean are what the fields of a table mean, below its name.
func fieldsMean(r *train.Reading, l train.TextLine) []string {
	var all []string
	for _, sheet := range r.Tables {
		if l.Kind != train.Heading || !strings.HasPrefix(l.Text, sheet.Name+" (") {
			continue
		}
		for _, row := range sheet.Rows {
			for _, f := range row.Fields {
				if text := f.Name + ": " + f.Means; !slices.Contains(all, text) {
					all = append(all, text)
				}
			}
		}
	}
	return all
}

// shown is the measurement that is to be seen, the last of several; nil if there is
// none.
func (tr *transcript) shown(h int) *spoken {
	var last *spoken
	for i, e := range tr.entries {
		if i < len(tr.starts) && e.reading != nil && (tr.starts[i] < tr.scroll.top+h || last == nil) {
			last = e
		}
	}
	return last
}

// inTalk obeys a key during the interview.
func (m *trainModel) inTalk(key string, a action) tea.Cmd {
	if m.seat.Session.Named() != nil && slices.Contains([]string{"a", "m", "h", "/", "i"}, key) {
		m.notice = "Cause and place are final: only the plan is left, c goes on with it."
		return nil
	}
	switch key {
	case "a":
		m.picker = m.askPicker()
	case "m":
		m.picker = m.measurePicker()
	case "h":
		m.picker = m.suspectPicker()
	case "/":
		m.picker = m.anyPicker()
	case "n":
		m.startNote()
	case "i":
		m.confirm = &confirmation{asks: "Each hint costs up to 1.5 of 24 points; the same one again costs nothing more.", keys: "y take it, n no", by: map[string]func() tea.Cmd{"y": m.hint}}
	case "c":
		m.phase = trainConcluding
	case "v", "f":
		m.unfold(key)
	default:
		switch a {
		case actLeave:
			m.confirm = m.leaving()
		default:
			m.talk.scroll.turn(a, m.room())
		}
	}
	return nil
}

// leaving asks whether to leave an interview that is not over.
func (m *trainModel) leaving() *confirmation {
	asks := "Leave? There is nothing of it to go on with later."
	if m.kept() {
		asks = "Leave? The interview is kept: whydrop train --resume goes on with it."
	}
	return &confirmation{asks: asks, keys: "y leave, l to the list, n stay", by: map[string]func() tea.Cmd{
		"y": m.leave,
		"l": func() tea.Cmd { m.toList(); return nil },
	}}
}

// toList shows the list again.
func (m *trainModel) toList() {
	m.close()
	m.phase = trainListing
	m.list.show(m.options.Incidents())
}

// unfold shows all figures of the measurement that is to be seen, or what they mean.
func (m *trainModel) unfold(key string) {
	m.talk.draw(m, min(m.size.Width, trainWidth), m.room()) // that the places are those of now
	e := m.talk.shown(m.room())
	switch {
	case e == nil:
		m.notice = "nothing is measured yet"
		return
	case key == "v":
		e.all = !e.all
	default:
		e.means = !e.means
	}
	e.width = -1
	m.talk.follow = slices.Index(m.talk.entries, e)
}

func (m *trainModel) hint() tea.Cmd {
	says, err := m.seat.Session.Hint()
	if m.done(err) {
		m.talk.add(spoken{who: "Hint", text: says})
	}
	return nil
}

// longestText is how many characters own words may have: as many as a line that is read
// without a screen. More would be a mistake, and would have to be written at every key.
const longestText = 64 << 10

// newText is a line for own words, which may be as long as they need to be.
func newText(s string) line {
	l := newLine("")
	l.input.CharLimit = longestText
	l.input.SetValue(s)
	l.input.CursorEnd()
	return l
}

// full tells that a line takes no more: what comes then is not in it.
func (m *trainModel) full(l *line) {
	if most := l.input.CharLimit; utf8.RuneCountInString(l.String()) >= most {
		m.notice = fmt.Sprintf("It has %d characters now and takes no more: what comes after them is left out.", most)
	}
}

func (m *trainModel) startNote() {
	keep := func(text string) tea.Cmd {
		m.seat.Draft.Note = text
		m.keepDraft()
		return nil
	}
	m.prompt = &prompt{
		label: "note:", short: "note", line: newText(m.seat.Draft.Note), typed: keep, left: keep,
		done: func(text string) tea.Cmd {
			if text = strings.TrimSpace(text); text != "" && m.done(m.seat.Session.Note(text)) {
				m.talk.add(spoken{text: "Your note: " + text})
			}
			return keep("")
		},
	}
}

// keepDraft keeps what is being typed.
func (m *trainModel) keepDraft() {
	if m.seat.KeepDraft != nil {
		m.tell(m.seat.KeepDraft(m.seat.Draft), "what you type is NOT kept: ")
	}
}
