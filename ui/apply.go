package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// change is a step of the plan on its way onto the host. There is one at a time. What
// takes time is done beside the screen.
type change struct {
	phase    phase
	step     checklist.PlanStep
	attempt  checklist.Attempt
	settings []checklist.SettingChange
	until    time.Time // when it goes back by itself
	fate     checklist.Fate
	says     string // why it was refused, or what else there is to know of its end
	asking   bool   // whether it is still there is being looked at
	scroll   scroll
}

// phase is how far a change has come.
type phase int

const (
	noChange  phase = iota
	looking         // its values are being read
	asked           // it is shown: y applies it
	refused         // it cannot be made
	making          // it is being made
	waiting         // it is made, and waits to be kept
	keepingOn       // the lines that keep it over a reboot are shown: y writes them
	ending          // it is being kept or taken back
	over            // it is kept or back
)

// made says whether the host is, or may be, changed and nobody has said that it is to
// stay so.
func (c *change) made() bool { return c.phase >= making && c.phase <= ending }

type (
	lookedMsg struct {
		attempt checklist.Attempt
		err     error
	}
	madeMsg struct {
		until time.Time
		err   error
	}
	endMsg struct {
		fate checklist.Fate
		says string
		err  error
		quit bool
	}
	goneMsg struct {
		of   checklist.Attempt
		gone bool
		err  error
	}
	tickMsg struct{ of checklist.Attempt }
)

// inChange takes what came of something that was done beside the screen.
func (m *model) inChange(msg tea.Msg) tea.Cmd {
	c := &m.change
	switch msg := msg.(type) {
	case lookedMsg:
		if c.phase == looking {
			c.attempt = msg.attempt
			m.looked(msg.err)
		}
	case madeMsg:
		return m.madeChange(msg)
	case endMsg:
		return m.endedChange(msg)
	case goneMsg:
		if msg.of != c.attempt {
			return nil // of an earlier change
		}
		c.asking = false
		if msg.gone && (c.phase == waiting || c.phase == keepingOn) {
			m.wentBack(msg.err)
		}
	case tickMsg:
		if msg.of == c.attempt {
			return m.tick()
		}
	}
	return nil
}

// lookAt reads what a step would change.
func (m *model) lookAt(s checklist.PlanStep) tea.Cmd {
	c := &m.change
	switch {
	case c.made():
		m.notice = "one change at a time: first keep it or take it back"
		return nil
	case len(s.Changes) == 0:
		m.notice = "this step is yours: " + whose(s) + "; " + m.keys.key(actCopy) + " copies what it needs"
		return nil
	case m.options.Apply == nil:
		m.notice = "nothing can be applied here: these measurements are not of this host"
		return nil
	}
	*c = change{phase: looking, step: s}
	return m.background(func() tea.Msg {
		attempt, err := m.options.Apply(m.ctx, s)
		return lookedMsg{attempt, err}
	})
}

func (m *model) looked(err error) {
	c := &m.change
	if err != nil {
		c.phase, c.says = refused, err.Error()
		return
	}
	c.phase, c.settings = asked, c.attempt.Settings()
}

// decideOrObey obeys a key where a change stands on the screen.
func (m *model) decideOrObey(name string, a action) tea.Cmd {
	if cmd, done := m.decide(name, a); done {
		return cmd
	}
	return m.obey(a)
}

// decide obeys a key while a change is shown on the plan, and says whether it was
// meant for the change. What was not read is not applied: only y does that, and only
// below the question.
func (m *model) decide(name string, a action) (cmd tea.Cmd, done bool) {
	c := &m.change
	switch c.phase {
	case looking, making, ending:
		return nil, name == "y" || name == "k" || name == "r" || name == "b" || a == actApply
	case asked, keepingOn:
		return m.answerChange(name, a)
	case waiting:
		return m.keepOrNot(name)
	case refused, over:
		if a == actBack || a == actEnter || name == "n" {
			m.forgetChange()
			return nil, true
		}
	}
	return nil, false
}

// keepOrNot obeys a key while a change waits.
func (m *model) keepOrNot(name string) (cmd tea.Cmd, done bool) {
	switch name {
	case "k":
		return m.endChange(checklist.Kept, false), true
	case "r":
		m.change.phase, m.change.scroll.top = keepingOn, 0
		return nil, true
	case "b":
		return m.endChange(checklist.TakenBack, false), true
	}
	return nil, false
}

// besides are the actions that go on below a question: they neither answer nor hide it.
var besides = []action{actUp, actDown, actPageUp, actPageDown, actFirst, actLast, actLeave, actHelp, actPause, actMark, actReport}

// answerChange obeys a key below a question: anything but y changes nothing.
func (m *model) answerChange(name string, a action) (cmd tea.Cmd, done bool) {
	c := &m.change
	switch {
	case name == "y" && c.phase == asked:
		return m.makeChange(), true
	case name == "y":
		return m.endChange(checklist.KeptOn, false), true
	case name == "n", a == actBack:
		m.leaveChange()
		return nil, true
	case slices.Contains(besides, a):
		return nil, false
	}
	for _, tab := range tabs {
		if tab.action == a {
			m.leaveChange()
			return nil, false
		}
	}
	return nil, true
}

// leaveChange leaves the question that is shown, and changes nothing.
func (m *model) leaveChange() {
	switch m.change.phase {
	case keepingOn:
		m.change.phase = waiting
	case asked:
		m.forgetChange()
		m.notice = "left: nothing was changed"
	}
}

func (m *model) forgetChange() {
	m.change = change{}
	m.arrange(m.layout.width, m.layout.height)
}

func (m *model) makeChange() tea.Cmd {
	m.change.phase = making
	attempt := m.change.attempt
	return m.background(func() tea.Msg {
		until, err := attempt.Make()
		return madeMsg{until, err}
	})
}

func (m *model) madeChange(msg madeMsg) tea.Cmd {
	c := &m.change
	if msg.err != nil {
		c.phase, c.says = refused, msg.err.Error()
		return nil
	}
	c.phase, c.until = waiting, msg.until
	m.kase.Apply(m.now(), c.step, c.settings, m.facts)
	m.notice = ""
	m.plan.scroll.top = 0
	m.arrange(m.layout.width, m.layout.height)
	m.nextTick()
	return nil
}

// nextTick has the countdown drawn anew when its next second begins.
func (m *model) nextTick() {
	if m.later != nil {
		left := m.change.until.Sub(m.now())
		m.later(max(left%time.Second, 0)+10*time.Millisecond, tickMsg{m.change.attempt})
	}
}

// tick looks whether a change is still there, each second until it is kept or back.
func (m *model) tick() tea.Cmd {
	c := &m.change
	if !c.made() {
		return nil
	}
	if left := c.until.Sub(m.now()); left > 0 {
		m.nextTick()
	} else if m.later != nil {
		m.later(time.Second, tickMsg{c.attempt})
	}
	if c.asking || c.phase != waiting && c.phase != keepingOn {
		return nil
	}
	c.asking = true
	attempt := c.attempt
	return m.background(func() tea.Msg {
		gone, err := attempt.Gone()
		return goneMsg{attempt, gone, err}
	})
}

// endChange keeps a change or takes it back, and then leaves the program if wanted.
func (m *model) endChange(fate checklist.Fate, quit bool) tea.Cmd {
	c := &m.change
	c.phase = ending
	attempt := c.attempt
	return m.background(func() tea.Msg {
		end := endMsg{fate: fate, quit: quit}
		if fate == checklist.TakenBack {
			end.err = attempt.Undo()
		} else {
			end.says, end.err = attempt.Keep(fate == checklist.KeptOn)
		}
		return end
	})
}

// endedChange takes what came of keeping a change or taking it back. One that could
// not be kept goes on waiting, and goes back.
func (m *model) endedChange(msg endMsg) tea.Cmd {
	c := &m.change
	switch {
	case msg.err != nil && msg.fate == checklist.TakenBack:
		m.settle(checklist.Stuck, msg.err.Error()+"; whydrop rollback tries it again")
		return nil
	case msg.err != nil:
		c.phase = waiting
		m.notice, m.heldTo = "not kept: "+msg.err.Error(), m.now().Add(heldFor)
		return nil
	}
	m.settle(msg.fate, msg.says)
	if msg.quit {
		return tea.Quit
	}
	return nil
}

// wentBack notes that a change went back by itself.
func (m *model) wentBack(err error) {
	switch {
	case err != nil:
		m.settle(checklist.Stuck, err.Error()+"; whydrop rollback tries it again")
	case m.now().Before(m.change.until):
		m.settle(checklist.WentBack, "its guard was told to end, or somebody took it back from elsewhere")
	default:
		m.settle(checklist.WentBack, fmt.Sprintf("nobody kept it within %s", countdown(checklist.KeepWithin)))
	}
}

// settle notes what became of a change.
func (m *model) settle(fate checklist.Fate, says string) {
	c := &m.change
	c.phase, c.fate, c.says = over, fate, says
	c.scroll.top, m.plan.scroll.top = 0, 0
	m.kase.Ended(m.now(), fate, says)
	m.arrange(m.layout.width, m.layout.height)
}

// leaveWith obeys a key below the question whether a change is to be kept when one
// leaves.
func (m *model) leaveWith(name string, a action) tea.Cmd {
	switch c := &m.change; {
	case c.phase == making || c.phase == ending:
		m.notice = "one moment: a setting is being changed"
		return nil
	case c.phase == over || c.phase == noChange: // it went back meanwhile
		return tea.Quit
	case name == "k":
		return m.endChange(checklist.Kept, true)
	case name == "b", name == "y", a == actEnter, a == actLeave:
		return m.endChange(checklist.TakenBack, true)
	}
	return nil
}

// countdown is a time that is left, in minutes and seconds.
func countdown(d time.Duration) string {
	s := max(0, int((d+time.Second/2)/time.Second))
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// changed tells in a few words what is changed, the longest first.
func (c *change) changed() []string {
	var all []string
	for _, s := range c.settings {
		if s.Left == "" {
			text := s.String()
			if c.phase == over && c.fate == checklist.WentBack {
				text = s.Back()
			}
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return []string{c.step.Remedy.Title}
	}
	brief := all[0]
	if name, rest, ok := strings.Cut(brief, " "); ok && strings.ContainsAny(name, "./") {
		brief = name[strings.LastIndexAny(name, "./")+1:] + " " + rest
	}
	more := ""
	if n := len(all) - 1; n > 0 {
		more = fmt.Sprintf(" +%d", n)
	}
	return []string{strings.Join(all, ", "), all[0] + more, brief + more}
}

// banner says on every screen that something is changed and not kept, or that it went
// back by itself; "" for nothing to say.
func (m *model) banner(w int) string {
	c := &m.change
	head, tails := "APPLIED ", []string{": one moment", ""}
	key := m.keys.key(actPlan)
	switch {
	case c.phase == waiting || c.phase == keepingOn:
		left := countdown(c.until.Sub(m.now()))
		tails = []string{fmt.Sprintf(": goes back in %s unless kept (%s)", left, key), fmt.Sprintf(": back in %s (%s)", left, key), fmt.Sprintf(" %s (%s)", left, key)}
		if c.until.Before(m.now()) {
			tails = []string{": going back now"}
		}
	case c.phase == ending:
	case c.phase == over && c.fate == checklist.WentBack:
		head, tails = "WENT BACK BY ITSELF: ", []string{fmt.Sprintf(" (%s tells why)", key), fmt.Sprintf(" (%s)", key)}
	case c.phase == over && c.fate == checklist.Stuck:
		head, tails = "NOT TAKEN BACK: ", []string{fmt.Sprintf(" (%s tells why)", key), fmt.Sprintf(" (%s)", key)}
	default:
		return ""
	}
	texts := c.changed()
	for _, text := range texts {
		for _, tail := range tails {
			if line := head + content.Show(text) + tail; ansi.StringWidth(line) <= w {
				return m.theme.warn.Render(line)
			}
		}
	}
	tail := tails[len(tails)-1]
	return m.theme.warn.Render(head + m.theme.clip(content.Show(texts[len(texts)-1]), w-ansi.StringWidth(head+tail)) + tail)
}

// bannered says whether a line of the header is for the change.
func (c *change) bannered() bool {
	return c.phase == waiting || c.phase == keepingOn || c.phase == ending || c.phase == over && (c.fate == checklist.WentBack || c.fate == checklist.Stuck)
}

// deciding says whether a change stands on the screen that one is on.
func (m *model) deciding() bool {
	return m.change.phase != noChange && m.on == planID && !m.welcome && !m.help && m.copying == nil && m.diagnosis != nil
}

// whose says of a step that whydrop does not take whose it is.
func whose(s checklist.PlanStep) string {
	switch s.Remedy.Kind {
	case "firewall":
		return "whydrop changes no firewall rules"
	case "application":
		return "a matter of the application"
	case "network":
		return "a matter of the network, outside this host"
	case "investigate":
		return "something to find out"
	}
	if len(s.Remedy.Sets) > 0 {
		return "it could not be seen here what exactly to set"
	}
	return "whydrop does not do this by itself"
}
