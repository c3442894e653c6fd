package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// draw returns the lines of the whole screen.
func (m *model) draw() []string {
	l, t := m.layout, m.theme
	if l.width <= 0 || l.height <= 0 {
		return []string{""}
	}
	lines := t.block(m.drawHeader(), l.width, l.header)
	if m.welcome || m.help || len(l.sides) == 0 {
		lines = append(lines, t.block(m.drawMain(l.width), l.width, l.bodyHeight)...)
	} else {
		body := t.block(m.drawMain(l.mainWidth), l.mainWidth, l.bodyHeight)
		for _, s := range l.sides {
			for i, beside := range m.side(s) {
				body[i] += beside
			}
		}
		lines = append(lines, body...)
	}
	foot := m.drawFooter()
	lines = lines[:max(0, min(len(lines), l.height-len(foot)))]
	return append(lines, t.block(foot, l.width, len(foot))...)[:l.height]
}

func (m *model) drawHeader() []string {
	t, l := m.theme, m.layout
	lines := []string{m.verdictLine(l.width)}
	if l.banner > 0 {
		lines = append(lines, m.banner(l.width))
	}
	if !l.tabbed() {
		return lines
	}
	lines = append([]string{t.apart(m.tabLine(), m.hostLine(), l.width)}, lines...)
	return append(lines, t.dim.Render(strings.Repeat(t.rule, l.width)))
}

// tabLine names the screens with their keys, the one that one is on in brackets.
func (m *model) tabLine() string {
	text := m.theme.bold.Render(m.tabHead())
	for id := range tabs {
		tab := m.tab(screenID(id))
		if screenID(id) == m.on && !m.welcome {
			tab = m.theme.bold.Render(tab)
		}
		text += tab
	}
	return text
}

func (m *model) tabHead() string {
	if m.layout.width < 88 {
		return ""
	}
	return "whydrop "
}

// tab is one screen in the line of the tabs. Where there is no room only the
// keys of the others are left.
func (m *model) tab(id screenID) string {
	key := m.keys.key(tabs[id].action)
	name := key + " " + tabs[id].title
	switch {
	case id == m.on && !m.welcome:
		return "[" + name + "]"
	case m.layout.width < 80:
		return " " + key + " "
	default:
		return " " + name + " "
	}
}

func (m *model) hostLine() string {
	if m.facts == nil {
		return ""
	}
	return m.theme.dim.Render(content.Show(m.facts.Host))
}

// mostNotice is how many lines what just happened may take from the screen until
// the next key.
const mostNotice = 4

// leastKeys is in how much room beside a notice some keys are still named.
const leastKeys = 24

// drawFooter is the last line of the screen; what just happened is told in full,
// on more lines if need be, and with some keys beside it where there is room.
func (m *model) drawFooter() []string {
	t, w := m.theme, m.layout.width
	if m.leaving || m.prompt != nil || m.notice == "" || m.deciding() && m.change.phase == asked {
		return []string{m.footLine()}
	}
	lines := wrap(content.Show(m.notice), w, "")
	lines = styled(t.atMost(min(mostNotice, max(1, m.layout.bodyHeight/2)), lines, w), t.bold.Render)
	if rest := w - ansi.StringWidth(lines[0]) - gap; len(lines) == 1 && rest >= leastKeys {
		lines[0] += " " + t.dim.Render(t.border) + " " + m.keyHelp(rest)
	}
	return lines
}

func (m *model) footLine() string {
	t, w := m.theme, m.layout.width
	switch {
	case m.leaving && m.change.made() && w < 60:
		return t.warn.Render("Not kept: b take back, k keep, n stay")
	case m.leaving && m.change.made():
		return t.warn.Render("Leave? The change is not kept: b take it back (enter), k keep it, n stay.")
	case m.leaving && w < 76:
		return t.warn.Render("Leave? y yes, n no, " + m.keys.key(actReport) + " report first")
	case m.leaving && m.unkept:
		return t.bad.Render("Leave? y yes, n stay. THE ANSWERS ARE NOT KEPT.")
	case m.leaving:
		return t.warn.Render("Leave? y yes, " + m.keys.key(actReport) + " write the report first, n stay. The answers are kept.")
	case m.prompt != nil:
		return m.prompt.draw(t, w)
	case m.trial.leave != nil:
		return t.bold.Render(m.trialLine())
	}
	return m.keyHelp(w)
}

// keyHelp names as many keys as there is room for, the most needed first; how
// to see all of them is always among them.
func (m *model) keyHelp(w int) string {
	help := m.keys.key(actHelp)
	text, used := "", ansi.StringWidth(help)+len(" keys")
	if foot := m.amissFoot(w); foot != "" {
		text, used = m.theme.warn.Render(foot)+"  ", used+ansi.StringWidth(foot)+2
	} else if foot := m.replayFoot(w); foot != "" {
		text, used = m.theme.bold.Render(foot)+"  ", used+ansi.StringWidth(foot)+2
	} else if foot := m.changeFoot(w); foot != "" {
		text, used = m.theme.warn.Render(foot)+"  ", used+ansi.StringWidth(foot)+2
	}
	told := map[action]bool{}
	for _, h := range m.hints() {
		if told[h.action] {
			continue
		}
		told[h.action] = true
		key := m.keys.key(h.action)
		if h.action == actDown {
			key = m.keys.key(actUp) + "/" + key
		}
		if used += ansi.StringWidth(key) + 1 + ansi.StringWidth(h.words) + 2; used > w {
			break
		}
		text += m.theme.bold.Render(key) + " " + h.words + "  "
	}
	return text + m.theme.bold.Render(help) + " keys"
}

// hints are the actions of the screen that one is on, the most used first.
func (m *model) hints() []hint {
	switch {
	case m.help:
		return []hint{{actBack, "closes this"}, {actDown, "scroll"}}
	case m.copying != nil:
		return []hint{{actEnter, "copy"}, {actPrint, "print"}, {actBack, "leave it"}}
	case m.welcome && m.failed == nil:
		return []hint{{actEnter, "start"}, {actCauses, "causes so far"}, {actLeave, "quit"}}
	case m.kase == nil || m.diagnosis == nil:
		return []hint{{actLeave, "quit"}}
	case m.noting():
		return []hint{{actEnter, "keep the note"}}
	}
	hints := m.screen().hints(m)
	if m.held() {
		hints = append([]hint{{actPause, "go on"}}, hints...)
	}
	return append(hints,
		hint{actLeave, "quit"}, hint{actMark, "mark"}, hint{actPause, "pause"}, hint{actReport, "write report"},
		hint{actCopy, "copy"}, hint{actSuggested, "most telling question"})
}

func (m *model) drawMain(w int) []string {
	h := m.layout.bodyHeight
	switch {
	case m.help:
		return m.drawHelp(w, h)
	case m.welcome:
		return m.drawWelcome(w)
	case m.failed != nil:
		return m.drawFailure(w)
	case m.diagnosis == nil:
		return []string{m.theme.dim.Render("reading the checklist")}
	case m.copying != nil:
		return m.copying.draw(m, w, h)
	}
	return m.screen().draw(m, w, h)
}

// sideDrawing is a column as it was drawn last. It is drawn anew for a new
// judgement, not for every key, and while nothing else is named not for each: what
// changes in the corner of the eye every second is no help, and costs a slow line.
type sideDrawing struct {
	of     *judgement
	at     time.Time
	on     screenID
	side   side
	height int
	lines  []string
}

// side returns a column with the line that parts it from what is at its left.
func (m *model) side(s side) []string {
	t, h := m.theme, m.layout.bodyHeight
	for _, d := range m.sides {
		if d.on == m.on && d.side == s && d.height == h && (d.of == m.diagnosis || m.now().Sub(d.at) < sideEvery && m.alike(d.of)) {
			return d.lines
		}
	}
	border := " " + t.dim.Render(t.border) + " "
	lines := t.block(m.drawSide(s), s.width, h)
	for i := range lines {
		lines[i] = border + lines[i]
	}
	if m.sides = append(m.sides, sideDrawing{m.diagnosis, m.now(), m.on, s, h, lines}); len(m.sides) > 2 {
		m.sides = m.sides[1:]
	}
	return lines
}

// sideEvery is how far apart a column is drawn anew for new measurements alone.
const sideEvery = 3 * time.Second

// alike tells whether a judgement says what the newest says but for its numbers: it
// is of earlier measurements, with the same answers, and names the same.
func (m *model) alike(j *judgement) bool {
	if j == nil || m.diagnosis == nil || j.facts == nil || j.answered != m.diagnosis.answered {
		return false
	}
	return j.Verdict == m.diagnosis.Verdict && slices.EqualFunc(j.Named(), m.diagnosis.Named(), func(a, b *checklist.Finding) bool { return a.Cause == b.Cause })
}

// part draws something in a column of a width, in at most so many lines.
type part func(w, h int) []string

// sideParts are what stands in a column beside the screen that one is on, from
// the top. What that screen shows in full is not shown again: the tree stands
// there instead.
func (m *model) sideParts(s side) []part {
	causes, way := m.causesSide, m.journeySide
	rest := []part{m.nextLines, m.blindIn}
	switch m.on {
	case causesID: // whose summary tells the rest
		causes, rest = m.treeSide, nil
	case journeyID:
		way = m.treeSide
	}
	trouble := m.troubleSide
	if m.on == flowsID {
		trouble = nil
	}
	switch {
	case s.both && m.on == causesID:
		return []part{way, trouble}
	case s.both:
		top := func(w, h int) []string { return causes(w, h/2) }
		return append([]part{top, way}, append(rest, trouble)...)
	case s.shows == causesID:
		return append([]part{causes}, rest...)
	}
	return []part{way, trouble}
}

// drawSide is a column beside the screen that one is on: of its parts as many as
// there is room for.
func (m *model) drawSide(s side) []string {
	if m.diagnosis == nil {
		return nil
	}
	var lines []string
	for _, draw := range m.sideParts(s) {
		if draw == nil || len(lines) >= m.layout.bodyHeight-3 {
			continue
		}
		above := len(lines)
		if above > 0 {
			above++
		}
		if more := draw(s.width, m.layout.bodyHeight-above); len(more) > 0 {
			lines = append(append(lines, make([]string, above-len(lines))...), more...)
		}
	}
	return m.theme.atMost(m.layout.bodyHeight, lines, s.width)
}
