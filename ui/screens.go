package ui

import tea "charm.land/bubbletea/v2"

// screenID names a screen; it is its place among the tabs.
type screenID int

const (
	walkID screenID = iota
	causesID
	treeID
	journeyID
	flowsID
	evidenceID
	planID
	reportID
	screenCount
)

// screen is one of the screens that have a key of their own. It keeps where one
// is on it; what it shows it takes from the model.
type screen interface {
	// do obeys an action that is not the same on all screens.
	do(m *model, a action) tea.Cmd
	// draw returns the lines of the screen, at most h of at most w columns.
	draw(m *model, w, h int) []string
	// hints are the actions of the screen, the most used first.
	hints(m *model) []hint
	// copies are what can be copied from the screen as it stands, the likeliest
	// first.
	copies(m *model) []copyable
}

// clickable is a screen on which the mouse can choose something. row and column
// are those of its last drawing.
type clickable interface {
	click(m *model, row, column int) tea.Cmd
}

// shuttable is a screen on which something can stand open that esc shuts.
type shuttable interface {
	// shut shuts it and says whether anything was open.
	shut() bool
}

// searchable is a screen whose list can be searched. It is told the text as it
// is typed, and the text that is already there is returned to go on with.
type searchable interface {
	search(m *model, text string)
	searching() string
}

// tab is a screen among the others: what goes there and its name.
type tab struct {
	action action
	title  string
}

// tabs are the screens in their order.
var tabs = [screenCount]tab{
	walkID: {actWalk, "Walk"}, causesID: {actCauses, "Causes"}, treeID: {actTree, "Tree"},
	journeyID: {actJourney, "Journey"}, flowsID: {actFlows, "Flows"}, evidenceID: {actEvidence, "Evidence"},
	planID: {actPlan, "Plan"}, reportID: {actPreview, "Report"},
}

// screens returns the screens of a model.
func (m *model) screens() [screenCount]screen {
	return [screenCount]screen{
		walkID: &m.walk, causesID: &m.causes, treeID: &m.tree, journeyID: &m.journey,
		flowsID: &m.flows, evidenceID: &m.evidence, planID: &m.plan, reportID: &m.report,
	}
}

// screen is the one that one is on.
func (m *model) screen() screen { return m.screens()[m.on] }

// arrange lays the screen that one is on out.
func (m *model) arrange(width, height int) {
	m.layout = arrange(width, height)
	if !m.welcome && (m.on == flowsID || m.on == evidenceID) {
		m.layout = m.layout.roomy()
	}
	if m.change.bannered() {
		m.layout = m.layout.bannered()
	}
}

// show goes to a screen; esc comes back from it.
func (m *model) show(s screenID) {
	if m.begun = m.begun || s == walkID; m.welcome {
		m.welcome, m.on = false, s
	}
	if s == evidenceID {
		m.evidence.anew()
	}
	if s != m.on {
		if m.came = append(m.came, m.on); len(m.came) > 32 {
			m.came = m.came[1:]
		}
		m.on = s
	}
	m.arrange(m.layout.width, m.layout.height)
}

// back leaves what is under way, shuts what stands open, or goes to the screen that one came from.
func (m *model) back() {
	if m.leaveTrial() {
		return
	}
	if s, ok := m.screen().(shuttable); ok && m.diagnosis != nil && s.shut() {
		return
	}
	defer func() { m.arrange(m.layout.width, m.layout.height) }()
	if n := len(m.came); n > 0 {
		m.on, m.came = m.came[n-1], m.came[:n-1]
		return
	}
	m.on, m.welcome = walkID, !m.begun
}
