package ui

import (
	"context"
	"slices"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/drill"
	"whydrop/checklist/progress"
)

// DrillOptions are what the drill's screen works on, and how.
type DrillOptions struct {
	Session *drill.Session
	// Keep adds an answer to the log and returns all that is in it. It is called beside
	// the screen, once at a time; its error says why the answer is not kept.
	Keep func(progress.Entry) ([]progress.Entry, error)
	// Place is the name of a hop.
	Place func(hop string) string
	// Ahead says at the end what is due when.
	Ahead func() string

	Look
}

// drillPhase is where one is with a card.
type drillPhase int

const (
	cardAsked  drillPhase = iota
	cardJudged            // the answer is shown, and waits for its grade
	cardGraded            // the grade is on its way to the disk
	drillOver
)

// drillKept says that an answer was handed to the log.
type drillKept struct {
	entry   progress.Entry
	entries []progress.Entry
	err     error
}

// drillModel is the drill's screen. It changes only in Update.
type drillModel struct {
	desk
	options DrillOptions

	phase  drillPhase
	of     int // cards that were to be asked at the beginning
	asked  time.Time
	unkept error // why the last answer is not on disk
	body   scroll
	drillAnswer
	before drillAnswer // to the card before

	now func() time.Time
}

// drillAnswer is a card and what was done with it.
type drillAnswer struct {
	shown    drill.Shown
	fresh    bool // the card was never answered before
	took     time.Duration
	cursor   int
	picked   []int // of an order: the places of the steps so far
	unsure   bool  // "don't know" was pressed
	verdict  drill.Verdict
	proposed drill.Grade
}

// RunDrill asks the cards of a session on the screen until all were answered, the
// person leaves or ctx ends. The terminal is left as it was found.
func RunDrill(ctx context.Context, o DrillOptions) error {
	m, err := newDrill(o)
	if err != nil {
		return err
	}
	return m.run(ctx, m, func() {})
}

func newDrill(o DrillOptions) (*drillModel, error) {
	d, err := newDesk(o.Look)
	return &drillModel{desk: d, options: o, of: o.Session.Left(), now: time.Now}, err
}

// Init shows the first card.
func (m *drillModel) Init() tea.Cmd {
	m.deal()
	return nil
}

// deal takes the next card.
func (m *drillModel) deal() {
	shown, more := m.options.Session.Card()
	m.phase, m.body, m.asked = cardAsked, scroll{}, m.now()
	m.drillAnswer = drillAnswer{shown: shown, fresh: m.options.Session.New()}
	if !more {
		m.phase = drillOver
	}
}

// Update handles one message. It never reads or writes anything itself.
func (m *drillModel) Update(msg tea.Msg) (_ tea.Model, cmd tea.Cmd) {
	defer m.rescue(&cmd)
	switch msg := msg.(type) {
	case drillKept:
		m.unkept = msg.err
		m.options.Session.Next(msg.entry, msg.entries, msg.err == nil)
		m.before = m.drillAnswer
		m.deal()
	case tea.KeyPressMsg:
		return m, m.key(meant(msg))
	default:
		return m, m.take(msg)
	}
	return m, nil
}

// View shows the screen.
func (m *drillModel) View() tea.View {
	return m.show(m.draw)
}

func (m *drillModel) key(k tea.KeyPressMsg) tea.Cmd {
	a := m.keys.of(k.String())
	if cmd, taken := m.ofTerminal(a); taken {
		return cmd
	}
	switch {
	case a == actQuit, a == actLeave:
		return tea.Quit
	case m.help:
		m.inHelp(a, m.room())
	case a == actHelp:
		m.help, m.helping = true, scroll{}
	case m.phase == cardAsked:
		m.answer(k.String(), a)
	case m.phase == cardJudged:
		return m.grade(k.String(), a)
	case m.phase == drillOver && a == actEnter:
		return tea.Quit
	case m.phase == drillOver && a == actPrevious:
		m.regrade()
	}
	return nil
}

// digit is the number of a key, 0 for another.
func digit(key string) int {
	if n, err := strconv.Atoi(key); err == nil && len(key) == 1 {
		return n
	}
	return 0
}

// answer obeys a key while a card is asked.
func (m *drillModel) answer(key string, a action) {
	n := digit(key)
	switch {
	case n > 0 && n <= len(m.shown.Choices):
		m.cursor = n - 1
		m.choose()
	case n > 0:
	case a == actUp:
		m.cursor = max(0, m.cursor-1)
	case a == actDown:
		m.cursor = min(len(m.shown.Choices)-1, m.cursor+1)
	case a == actPageUp, a == actPageDown:
		m.body.turn(a, m.room())
	case a == actDontKnow:
		m.unsure = true
		m.judge(drill.Wrong)
	case len(m.picked) > 0 && (a == actPrevious || a == actBack || key == "backspace"):
		m.picked = m.picked[:len(m.picked)-1]
	case a == actPrevious:
		m.regrade()
	case a == actEnter, a == actTick:
		m.choose()
	}
}

// choose takes what the cursor is at.
func (m *drillModel) choose() {
	switch m.shown.Form {
	case drill.Choice:
		m.judge(m.shown.Choose(m.cursor))
	case drill.Order:
		m.pick()
	default:
		m.judge(drill.Right)
	}
}

// pick puts the step at the cursor behind those that were picked; the last one
// follows by itself. Then enter has the order judged.
func (m *drillModel) pick() {
	switch {
	case len(m.picked) == len(m.shown.Choices):
		m.judge(m.shown.Arrange(m.picked))
		return
	case slices.Contains(m.picked, m.cursor):
		return
	}
	m.picked = append(m.picked, m.cursor)
	left := m.unpicked()
	if len(left) == 1 {
		m.picked = append(m.picked, left[0])
	}
	if len(left) > 1 && slices.Contains(m.picked, m.cursor) {
		m.cursor = left[0]
	}
}

// unpicked are the places of the steps that were not picked yet.
func (m *drillModel) unpicked() []int {
	var left []int
	for i := range m.shown.Choices {
		if !slices.Contains(m.picked, i) {
			left = append(left, i)
		}
	}
	return left
}

func (m *drillModel) judge(v drill.Verdict) {
	m.took = m.now().Sub(m.asked)
	m.phase, m.verdict, m.body = cardJudged, v, scroll{}
	m.proposed = m.shown.Propose(v, m.took, m.fresh)
}

// grade obeys a key while an answer waits for its grade.
func (m *drillModel) grade(key string, a action) tea.Cmd {
	n := drill.Grade(digit(key))
	switch {
	case slices.Contains(m.verdict.Grades(), n):
		return m.keep(n)
	case a == actEnter:
		return m.keep(m.proposed)
	case a == actTick && m.hidden() > 0:
		m.body.turn(actPageDown, m.room())
	case a == actTick:
		return m.keep(m.proposed)
	default:
		m.body.turn(a, m.room())
	}
	return nil
}

// regrade goes back to the grade of the card before.
func (m *drillModel) regrade() {
	if e, ok := m.options.Session.Back(); ok {
		m.phase, m.body, m.drillAnswer = cardJudged, scroll{}, m.before
		m.proposed = drill.Grade(e.Grade)
	}
}

// keep has a grade written beside the screen; the next card comes when it is.
func (m *drillModel) keep(g drill.Grade) tea.Cmd {
	m.phase = cardGraded
	e, add := m.options.Session.Entry(g, m.took), m.options.Keep
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = brokenMsg{fault(r)}
			}
		}()
		entries, err := add(e)
		return drillKept{e, entries, err}
	}
}
