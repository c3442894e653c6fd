package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// The page of keys has the keys of the screen that one is on first, then those
// that mean the same everywhere.
var (
	moving  = []action{actUp, actDown, actPageUp, actPageDown, actFirst, actLast}
	goingTo = []action{actWalk, actCauses, actTree, actJourney, actFlows, actEvidence, actPlan, actPreview, actBack}
	always  = []action{actMark, actPause, actCopy, actPrint, actReport, actSuggested, actHelp, actMouse, actRedraw, actSuspend, actLeave, actQuit}
)

// walking are the keys of the checklist.
var walking = []action{actTick, actEnter, actPrevious, actNext, actDontKnow, actNote, actFindOut, actNextGroup}

// toldInFull are the actions that mean the same on each screen that has them.
var toldInFull = []action{actSearch, actSort, actFilter, actReport, actCopy}

// Action is something that a key does in the walkthrough.
type Action struct {
	Name string // in the configuration and in --keys
	Keys string // that it has by default, separated by spaces
	Does string
}

// Actions are all actions whose keys can be changed, in the order of the page of
// keys.
func Actions() []Action {
	all := make([]Action, len(bindings))
	for i, b := range bindings {
		all[i] = Action{string(b.action), b.keys, b.does}
	}
	return all
}

// helpRow is a line of the page before it is wrapped: keys and what they do, or
// a heading.
type helpRow struct{ head, does string }

// signs are the marks of the screens that show more than words.
func (t theme) signs(on screenID) []helpRow {
	switch on {
	case walkID:
		return []helpRow{
			{"- ?", "before a measurement: measured; could not be measured"},
			{t.bar + " ? " + t.barRest, "in the line of the questions: answered, don't know, open"},
			{t.down + " " + t.up, "beside an option: there are more below, above"},
		}
	case causesID:
		return []helpRow{
			{"! ?", "before a cause: named; possible"},
			{"+ - =", "before evidence: for, against, accounted for by another cause"},
			{"+10 -10", "how much it weighs (decibans): ten times the odds, a tenth of them"},
		}
	case treeID:
		return []helpRow{{"! " + t.open + " " + t.shut, "before a place: a cause is named, some are open, all are ruled out"}}
	case journeyID:
		return []helpRow{
			{"!", "a cause at this place is named"},
			{"*", "lost, and no cause is named for it, such as what a rule is there to drop"},
			{"?", "lost elsewhere, not surely lost (maybe), or not to be read"},
			{"0", "counted, and nothing was lost; N before: lost before the measurement"},
			{"-", "nothing on this host counts losses here"},
		}
	case flowsID:
		return []helpRow{{"2/30", "beside a list: 2 of 30 are in trouble"}}
	case planID:
		return []helpRow{
			{"y n", "below the question: apply it; leave it, nothing is changed"},
			{"k r b", "while it waits: keep it; keep it over a reboot too; take it back"},
		}
	case evidenceID:
		return []helpRow{{"! ?", "before a fact: a named cause stands on it; a possible one does"}, {"+N", "grew by N during the measurement; total: since the counter began"}}
	}
	return nil
}

// signsHead is the head over the marks of a screen.
func signsHead(on screenID) string {
	if on == planID {
		return "When a step is applied"
	}
	return "Marks on it"
}

func (m *model) helpRows() []helpRow {
	var rows []helpRow
	does := map[action]string{}
	for _, b := range bindings {
		does[b.action] = b.does
	}
	told := map[action]bool{}
	part := func(title string, actions []action) {
		rows = append(rows, helpRow{head: title})
		for _, a := range actions {
			if !told[a] {
				told[a] = true
				rows = append(rows, helpRow{m.keyNames(a), does[a]})
			}
		}
	}
	if !m.welcome && m.diagnosis != nil {
		here := walking
		does[actEnter] = "go on to the next question"
		if m.on != walkID {
			here = nil
			for _, h := range m.screen().hints(m) {
				switch {
				case h.action == actPageDown:
					does[h.action] = h.words
				case slices.Contains(moving, h.action):
					continue
				case !slices.Contains(toldInFull, h.action):
					does[h.action] = h.words
				}
				here = append(here, h.action)
			}
		}
		part("On this screen: "+tabs[m.on].title, here)
		if signs := m.theme.signs(m.on); len(signs) > 0 {
			rows = append(append(rows, helpRow{head: signsHead(m.on)}), signs...)
		}
	}
	if m.options.Player != nil {
		part("In the recording", append([]action{actPause}, replaying...))
	}
	key := m.keys.key
	rows = append(rows, helpRow{head: "Moving"},
		helpRow{key(actUp) + " " + key(actDown), "one up or down; " + key(actPageUp) + " " + key(actPageDown) + " a page, " + key(actFirst) + " " + key(actLast) + " to the first or last"})
	part("The screens", goingTo)
	part("At any time", always)
	return rows
}

// keyNames are the keys of an action, as many as there is room for.
func (m *model) keyNames(a action) string {
	text := ""
	for _, key := range m.keys.all(a) {
		if next := strings.TrimSpace(text + " " + key); len(next) < helpKeys {
			text = next
		}
	}
	return text
}

// helpKeys is how wide the column of the keys is.
const helpKeys = 13

// drawHelp is the page of keys. It stands in two columns where it is too long
// and there is room for two.
func (m *model) drawHelp(w, h int) []string {
	t, rows := m.theme, m.helpRows()
	lines := t.helpLines(rows, w)
	if len(lines) > h && w >= 2*56+gap {
		lines = t.helpLines(rows, (w-gap)/2)
		lines = t.inTwo(lines, w)
	}
	if len(lines) <= h || h < 4 {
		return m.helpScroll.window(lines, h)
	}
	shown := m.helpScroll.window(lines, h-1)
	place := fmt.Sprintf("lines %d-%d of %d, %s for more", m.helpScroll.top+1, m.helpScroll.top+len(shown), len(lines), m.keys.key(actDown))
	return append(slices.Clone(shown), t.apart("", t.dim.Render(place), w))
}

func (t theme) helpLines(rows []helpRow, w int) []string {
	var lines []string
	for _, r := range rows {
		if r.does == "" {
			if len(lines) > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, t.bold.Render(t.clip(r.head, w)))
			continue
		}
		head := "  " + r.head
		for _, l := range wrap(r.does, w-helpKeys-2, "") {
			lines = append(lines, t.bold.Render(t.pad(head, max(helpKeys+1, ansi.StringWidth(head))))+" "+l)
			head = ""
		}
	}
	return lines
}

// inTwo puts lines in two columns, parted between two parts of the page where
// they come out most alike.
func (t theme) inTwo(lines []string, w int) []string {
	half := len(lines)
	for i, l := range lines {
		if l == "" && max(i, len(lines)-i-1) < max(half, len(lines)-half-1) {
			half = i
		}
	}
	left, right := lines[:half], lines[min(half+1, len(lines)):]
	both := make([]string, max(len(left), len(right)))
	for i := range both {
		if i < len(left) {
			both[i] = left[i]
		}
		both[i] = t.pad(both[i], (w-gap)/2+gap)
		if i < len(right) {
			both[i] += right[i]
		}
	}
	return both
}
