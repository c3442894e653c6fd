// Package ui is the terminal program: the walkthrough through the checklist
// with live evidence, the causes, the tree, the plan and the report. It knows
// nothing of TCP and reads nothing of the host: it shows a case and passes on
// what the operator says.
package ui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/probes/fact"
)

// Options are what the terminal program works on.
type Options struct {
	// Open loads the content and opens the case. It is called in the background
	// after the first screen is shown.
	Open func() (*checklist.Case, error)
	// Watch observes the host until the context ends and calls back with each
	// new set of facts.
	Watch func(context.Context, func(*fact.Facts))
	// Export writes the incident report and returns where.
	Export func(*checklist.Case, *checklist.Diagnosis) (string, error)
}

// screen names what is shown.
type screen int

const (
	welcome screen = iota
	walk
	causes
	tree
	plan
	report
)

// screens are the ones with a key of their own, in the order of the tabs.
var screens = []struct {
	key, title string
	screen     screen
}{
	{"1", "Walk", walk},
	{"2", "Causes", causes},
	{"3", "Tree", tree},
	{"4", "Plan", plan},
	{"5", "Report", report},
}

// Messages.
type (
	factsMsg struct{ facts *fact.Facts }
	openMsg  struct {
		kase *checklist.Case
		err  error
	}
	exportMsg struct {
		path string
		err  error
	}
)

// model is the whole program's state. It changes only in Update.
type model struct {
	options Options
	theme   theme
	layout  layout

	kase      *checklist.Case
	diagnosis *checklist.Diagnosis
	facts     *fact.Facts // newest, also while paused or before the case is open
	paused    bool
	failed    error // the content could not be loaded

	screen, before screen
	help, leaving  bool
	notice         string // one line about what just happened

	walk       walkScreen
	causes     causesScreen
	tree       treeScreen
	plan       pager
	report     reportScreen
	helpScroll scroll

	now func() time.Time
}

func newModel(o Options) *model {
	return &model{options: o, theme: newTheme(asciiOnly()), layout: arrange(80, 24), walk: newWalk(), now: time.Now}
}

// Init opens the case after the first screen is drawn.
func (m *model) Init() tea.Cmd {
	return func() tea.Msg {
		k, err := m.options.Open()
		return openMsg{k, err}
	}
}

// Update handles one message. It never reads or writes anything itself.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.layout = arrange(msg.Width, msg.Height)
	case openMsg:
		m.kase, m.failed = msg.kase, msg.err
		m.judge()
	case factsMsg:
		m.facts = msg.facts
		if !m.paused || m.diagnosis == nil {
			m.judge()
		}
	case exportMsg:
		m.notice = "report written to " + msg.path
		if msg.err != nil {
			m.notice = "the report could not be written: " + msg.err.Error()
		}
	case tea.PasteMsg:
		if m.walk.editing {
			m.walk.note.Insert(msg.Content)
			m.walk.keepNote(m)
		}
	case tea.KeyPressMsg:
		return m, m.key(msg)
	}
	return m, nil
}

// judge diagnoses anew, after new facts or a changed answer.
func (m *model) judge() {
	if m.kase == nil {
		return
	}
	if m.facts != nil && (!m.paused || m.kase.Facts == nil) {
		m.kase.Facts = m.facts
	}
	m.diagnosis = m.kase.Diagnose()
}

func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	switch name {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	if m.leaving {
		return m.leave(name)
	}
	if m.screen == walk && m.walk.editing {
		m.walk.edit(m, k)
		return nil
	}
	m.notice = ""
	if m.help {
		m.inHelp(name)
		return nil
	}
	if m.screen == welcome {
		return m.begin(name)
	}
	return m.command(name)
}

// command obeys a key that means the same on all screens.
func (m *model) command(name string) tea.Cmd {
	for _, s := range screens {
		if name == s.key {
			m.show(s.screen)
			return nil
		}
	}
	switch name {
	case "?":
		m.help, m.helpScroll.top = true, 0
	case "q":
		m.leaving = true
	case "esc":
		m.show(m.before)
	case "e":
		return m.export()
	case "s":
		m.show(walk)
		m.walk.suggested(m)
	case "P":
		m.paused = !m.paused
		m.judge()
	default:
		m.keyOnScreen(name)
	}
	return nil
}

// inHelp scrolls the keys where they have no room; any other key closes them.
func (m *model) inHelp(name string) {
	switch name {
	case "down", "j", "pgdown":
		m.helpScroll.top++
	case "up", "k", "pgup":
		m.helpScroll.top--
	default:
		m.help = false
	}
}

func (m *model) show(s screen) {
	if s == welcome {
		s = walk
	}
	if s != m.screen {
		m.before, m.screen = m.screen, s
	}
}

func (m *model) begin(name string) tea.Cmd {
	switch name {
	case "q":
		return tea.Quit
	case "?":
		m.help, m.helpScroll.top = true, 0
	case "enter", "space", "1":
		if m.kase != nil {
			m.screen, m.before = walk, walk
		}
	}
	return nil
}

func (m *model) leave(name string) tea.Cmd {
	switch name {
	case "y", "q", "enter":
		return tea.Quit
	case "e":
		m.leaving = false
		return m.export()
	default:
		m.leaving = false
	}
	return nil
}

func (m *model) export() tea.Cmd {
	if m.kase == nil || m.diagnosis == nil {
		return nil
	}
	m.notice = "writing the report"
	k, d := *m.kase, m.diagnosis
	answers := make(map[string]checklist.Answer, len(k.Answers))
	for q, a := range k.Answers {
		answers[q] = a
	}
	k.Answers = answers
	return func() tea.Msg {
		path, err := m.options.Export(&k, d)
		return exportMsg{path, err}
	}
}

func (m *model) keyOnScreen(name string) {
	switch m.screen {
	case walk:
		m.walk.key(m, name)
	case causes:
		m.causes.key(m, name)
	case tree:
		m.tree.key(m, name)
	case plan:
		if name == "enter" {
			m.show(report)
			return
		}
		m.plan.key(name, m.layout.bodyHeight)
	case report:
		m.report.key(name, m.layout.bodyHeight)
	}
}

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(strings.Join(m.draw(), "\n"))
	v.AltScreen = true
	return v
}
