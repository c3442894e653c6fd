package ui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/interview"
	"whydrop/content"
)

// InterviewOptions are what the interviewer's seat works on, and how.
type InterviewOptions struct {
	// Interview is new, or one that is gone on with. The screen alone uses it, and Write
	// while it is called. It keeps itself.
	Interview *interview.Interview
	// Write writes the scorecard and returns where.
	Write func(*interview.Interview) (string, error)
	// Notes are lines for the beginning.
	Notes []string

	Look
}

// cardPage is the page behind those of the script.
const cardPage interview.Page = "Card"

// interviewPages are the pages in the order of their numbers.
var interviewPages = append(slices.Clone(interview.Pages), cardPage)

// interviewTick has the clock drawn anew.
type interviewTick struct{}

// interviewModel is the interviewer's seat. It changes only in Update.
type interviewModel struct {
	desk
	options InterviewOptions
	n       *interview.Interview

	page    int                // of interviewPages
	cursors map[int]int        // by page
	lists   map[int]*scroll    // by page
	cards   []*interview.Entry // the lines of the card's page
	zoomed  bool               // the detail has the whole body
	all     bool               // every figure is shown
	detail  scroll
	search  *finder // what is being looked for
	note    *line   // what is being typed
	about   interview.Key
	half    bool   // the note is a half-typed one about another line, and only offered
	said    string // what was looked for last
	asked   string // in which words the line at the cursor was asked for
	naming  bool   // the line is the candidate's name
	leaving bool
	notice  string
}

// RunInterview seats the interviewer before the screen until they leave or ctx ends.
// The terminal is left as it was found.
func RunInterview(ctx context.Context, o InterviewOptions) error {
	m, err := newInterview(o)
	if err != nil {
		return err
	}
	return m.run(ctx, m, func() {})
}

func newInterview(o InterviewOptions) (*interviewModel, error) {
	d, err := newDesk(o.Look)
	if err != nil {
		return nil, err
	}
	m := &interviewModel{
		desk: d, options: o, n: o.Interview,
		cursors: map[int]int{}, lists: map[int]*scroll{}, notice: strings.Join(o.Notes, "; "),
	}
	for i := range interviewPages {
		m.lists[i] = &scroll{}
	}
	m.cards = cardEntries(o.Interview)
	return m, nil
}

// cardEntries are the whole and the sections as lines of a list, the areas first: they
// decide.
func cardEntries(n *interview.Interview) []*interview.Entry {
	line := func(id, head, title string) *interview.Entry {
		return &interview.Entry{Key: interview.KeyOf(interview.Section, id), Page: cardPage, Head: head, Title: title}
	}
	all := []*interview.Entry{line(content.Whole, "Level", "The whole interview")}
	var groups []*interview.Entry
	for _, s := range n.Rubric().Sections {
		if s.Group > 0 {
			groups = append(groups, line(s.ID, "Groups of the checklist", n.SectionTitle(s)))
			continue
		}
		all = append(all, line(s.ID, "Areas", n.SectionTitle(s)))
	}
	return append(all, groups...)
}

// Init starts the clock.
func (m *interviewModel) Init() tea.Cmd {
	m.tell(m.n.Begin())
	m.tick()
	if _, text := m.n.Drafted(); text != "" {
		m.notice = "a note was half typed: " + m.keys.key(actNote) + " offers it"
	}
	return nil
}

func (m *interviewModel) tick() {
	if m.later != nil {
		m.later(time.Second, interviewTick{})
	}
}

// Update handles one message. Of files it writes what has to be on disk before the
// next key.
func (m *interviewModel) Update(msg tea.Msg) (_ tea.Model, cmd tea.Cmd) {
	defer m.rescue(&cmd)
	switch msg := msg.(type) {
	case interviewTick:
		m.tick()
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.KeyPressMsg:
		return m, m.key(meant(msg))
	default:
		return m, m.take(msg)
	}
	return m, nil
}

// View shows the screen.
func (m *interviewModel) View() tea.View {
	return m.show(m.draw)
}

// tell shows what is amiss, and says whether it was done: what counts but is not on
// disk was.
func (m *interviewModel) tell(err error) bool {
	if err == nil {
		return true
	}
	m.notice = err.Error()
	var unkept *interview.NotKeptError
	return errors.As(err, &unkept)
}

func (m *interviewModel) paste(text string) {
	switch {
	case m.search != nil:
		m.search.line.Insert(text)
		m.search.look()
	case m.note != nil:
		m.otherNote()
		m.note.Insert(text)
		m.typed()
	}
}

func (m *interviewModel) key(k tea.KeyPressMsg) tea.Cmd {
	a := m.keys.of(k.String())
	if a == actQuit {
		return tea.Quit
	}
	if cmd, taken := m.ofTerminal(a); taken {
		return cmd
	}
	m.notice = ""
	switch {
	case m.search != nil:
		m.inSearch(k)
	case m.note != nil:
		m.inNote(k)
	case m.help:
		m.inHelp(a, m.room())
	case m.leaving:
		if m.leaving = false; a == actLeave {
			return tea.Quit
		}
	default:
		m.obey(k.String(), a)
	}
	return nil
}

// obey does what a key says while nothing is being typed.
func (m *interviewModel) obey(key string, a action) {
	if p := digit(key); p > 0 && p <= len(interviewPages) {
		m.turnTo(p - 1)
		return
	}
	switch {
	case a == actHelp:
		m.help, m.helping = true, scroll{}
	case a == actLeave:
		m.leaving = true
	case a == actSearch:
		m.startSearch()
	case key == "c":
		m.startCauses()
	case a == actNote:
		m.startNote()
	case key == "N":
		m.naming, m.half = true, false
		l := newLine(m.n.Candidate())
		m.note = &l
	case key == "r":
		m.dropIn()
	case key == "i":
		m.toHints()
	case a == actPause:
		m.tell(m.n.Hold())
	case a == actReport:
		m.write()
	case a == actTick:
		m.toggle()
	case a == actFilter:
		m.all, m.detail = !m.all, scroll{}
	default:
		m.move(a)
	}
}

// move moves on the screen.
func (m *interviewModel) move(a action) {
	lines := m.entries()
	at := m.cursors[m.page]
	switch a {
	case actEnter:
		m.zoomed, m.detail = !m.zoomed, scroll{}
		return
	case actBack:
		m.zoomed = false
		return
	case actNext:
		m.turnTo((m.page + 1) % len(interviewPages))
		return
	case actPrevious:
		m.turnTo((m.page + len(interviewPages) - 1) % len(interviewPages))
		return
	case actPageUp, actPageDown:
		m.detail.turn(a, m.detailRoom())
		return
	case actUp:
		at--
	case actDown:
		at++
	case actFirst:
		at = 0
	case actLast:
		at = len(lines) - 1
	case actNextGroup:
		at = nextHead(lines, at)
	}
	m.putAt(at)
}

// putAt puts the cursor on a line of the page, or the nearest there is.
func (m *interviewModel) putAt(at int) {
	at = max(0, min(at, len(m.entries())-1))
	if at != m.cursors[m.page] {
		m.detail, m.asked = scroll{}, ""
	}
	m.cursors[m.page] = at
}

// nextHead is the first line under the next heading, of the first one after the last.
func nextHead(lines []*interview.Entry, at int) int {
	for i := at; i < len(lines); i++ {
		if lines[i].Head != lines[at].Head {
			return i
		}
	}
	return 0
}

func (m *interviewModel) turnTo(page int) {
	m.page, m.detail, m.zoomed, m.asked = page, scroll{}, false, ""
}

// entries are the lines of the page.
func (m *interviewModel) entries() []*interview.Entry {
	switch p := interviewPages[m.page]; p {
	case cardPage:
		return m.cards
	case interview.PageClose:
		says := &interview.Entry{Key: verdictKey, Page: p, Head: "What they conclude", Title: m.concluded(), Know: m.truth()}
		return append([]*interview.Entry{says}, m.n.Script(p)...)
	default:
		return m.n.Script(p)
	}
}

// verdictKey is the line that shows what they conclude.
const verdictKey interview.Key = "verdict:"

// truth is what it really is.
func (m *interviewModel) truth() []string {
	if e := m.n.Entry(interview.KeyOf(interview.Story, "truth")); e != nil {
		return append([]string{m.keys.key(actTick) + " or c: find the cause that they name. In truth:"}, e.Know...)
	}
	return nil
}

// current is the line at the cursor, nil on an empty page.
func (m *interviewModel) current() *interview.Entry {
	if m.search != nil {
		return m.search.current()
	}
	lines := m.entries()
	if at := m.cursors[m.page]; at < len(lines) {
		return lines[at]
	}
	return nil
}

// goTo shows a line of the script.
func (m *interviewModel) goTo(k interview.Key) {
	e := m.n.Entry(k)
	if e == nil {
		return
	}
	m.turnTo(slices.Index(interviewPages, e.Page))
	m.putAt(slices.IndexFunc(m.entries(), func(have *interview.Entry) bool { return have.Key == k }))
}

// toggle ticks the line at the cursor, or gives a section its next level.
func (m *interviewModel) toggle() {
	e := m.current()
	switch {
	case e == nil:
	case e.Key == verdictKey:
		m.startCauses()
	case e.Key.Kind() == interview.Section:
		m.tell(m.n.Decide(e.Key.ID(), m.nextLevel(m.n.Decided(e.Key.ID()))))
	case e.Tickable():
		m.tell(m.n.Toggle(e.Key))
		if e.Key.Kind() == interview.Hint {
			hints := m.n.Hints()
			m.notice = "given: " + hints[len(hints)-1].Says
		}
	}
}

// nextLevel is the level after one, in a circle from none over the lowest to the
// highest.
func (m *interviewModel) nextLevel(level string) string {
	circle := []string{"", interview.Below}
	for _, l := range m.n.Rubric().Levels {
		circle = append(circle, l.ID)
	}
	return circle[(slices.Index(circle, level)+1)%len(circle)]
}

// toHints goes to the hints.
func (m *interviewModel) toHints() {
	hints := m.n.Rubric().Hints
	if len(hints) == 0 {
		m.notice = "the rubric has no hints"
		return
	}
	m.goTo(interview.KeyOf(interview.Hint, hints[0].ID))
}

// dropIn ticks the first remark that is due, and shows it.
func (m *interviewModel) dropIn() {
	due := m.n.Due()
	if len(due) == 0 {
		m.notice = "no remark is due"
		return
	}
	if m.tell(m.n.Tick(due[0].Key)) {
		m.notice = "dropped in"
	}
}

func (m *interviewModel) write() {
	path, err := m.options.Write(m.n)
	if err != nil {
		m.notice = "the scorecard was not written: " + err.Error()
		return
	}
	m.notice = "the scorecard: " + path
}
