// Package ui is the terminal program: the walkthrough through the checklist
// with live evidence, the causes, the tree, the packet's journey, the flows, the
// facts, the plan and the report. It knows nothing of TCP and reads nothing of
// the host: it shows a case and passes on what the operator says.
package ui

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
	"whydrop/ui/tty"
)

// Options are what the terminal program works on, and how.
type Options struct {
	// First is the question that stands on the first screen, before the content
	// is loaded; nil for none.
	First *content.Question
	// Open loads the content and opens the case. It is called in the background
	// after the first screen is shown.
	Open func() (*checklist.Case, error)
	// Watch observes the host until the context ends and calls back with each
	// new set of facts.
	Watch func(context.Context, func(*fact.Facts))
	// Player moves in the recording that Watch shows; nil for a host.
	Player *record.Player
	// Amiss brings in words what is amiss with the connection to the host, "" when
	// nothing is any more; nil for this machine.
	Amiss <-chan string
	// Try tries a destination, HOST or HOST:PORT, until the context ends, and
	// returns what it found. It is called only when the operator asks for it: it
	// sends packets. Nil where nothing can be tried.
	Try func(context.Context, string) (*fact.Facts, error)
	// Apply looks at what a step of the plan would change on this host. Its error
	// says why it cannot be applied. Nil where nothing can be.
	Apply func(context.Context, checklist.PlanStep) (checklist.Attempt, error)
	// Export writes the incident report and returns where.
	Export func(*checklist.Case, *checklist.Diagnosis) (string, error)
	// Keep is given the case after every message, to keep what the operator said
	// since before it is shown; nil keeps nothing. It must not wait for long. Its
	// error says once what is amiss with the keeping.
	Keep func(casefile.Snapshot) error
	// Unkept says whether something that was said is on no disk; nil for never.
	Unkept func() bool
	// Resume is where to begin in a case that is gone on with; nil for the first
	// screen.
	Resume *casefile.Place
	// Redact returns the case and its diagnosis as a redacted report tells them;
	// nil if the report is not redacted.
	Redact func(*checklist.Case) (*checklist.Case, *checklist.Diagnosis)
	// Note is one line for the first screen: where the facts come from if not
	// from this host.
	Note string

	Theme   string            // "auto", "ascii"
	Colours string            // "auto", "16", "256", "never"
	Keys    map[string]string // keys by action, separated by spaces
	Mouse   bool              // the wheel and clicks are for the program
}

// surface is the terminal that is drawn on.
type surface interface {
	Show(lines []string, size tty.Size)
	Redraw()
	Mouse(on bool)
	Copy(text string) error
	Print(ctx context.Context, text string) error
	Suspend() error
	Lend(do func() error) error
}

// Messages.
type (
	factsMsg struct{ facts *fact.Facts }
	amissMsg string
	openMsg  struct {
		kase *checklist.Case
		err  error
	}
	exportMsg struct {
		path string
		err  error
	}
	brokenMsg struct{ err error }
	drawMsg   struct{}
)

// model is the whole program's state. It changes only in Update.
type model struct {
	options Options
	theme   theme
	keys    keymap
	layout  layout
	surface surface         // nil in tests
	ctx     context.Context // of the whole program: what waits for the operator ends with it
	mouse   bool

	kase      *checklist.Case
	diagnosis *judgement
	facts     *fact.Facts // newest, also while paused or before the case is open
	wanted    int         // generation of the newest judgement that was asked for
	judging   bool        // one is under way
	paused    bool
	furthest  time.Time // the end of what a recording has shown
	past      checklist.Past
	failed    error // the content could not be loaded
	broken    error // a fault of whydrop ended the program

	welcome bool // the first screen is shown
	begun   bool // the walk: nothing goes back to the first screen any more
	on      screenID
	came    []screenID // the screens that one came from
	help    bool
	leaving bool
	prompt  *prompt   // a line is being typed
	copying *copyList // what is to be copied is being chosen
	notice  string    // one line about what just happened
	heldTo  time.Time // no key takes the notice away before
	news    news
	endings endings
	trial   trial
	change  change
	amiss   string            // with the connection to the host
	unkept  bool              // what was said is on no disk
	draft   string            // of a mark that was left
	early   []tea.KeyPressMsg // typed before the checklist was there

	walk       walkScreen
	causes     causesScreen
	tree       treeScreen
	journey    journeyScreen
	flows      flowsScreen
	evidence   evidenceScreen
	plan       planScreen
	report     reportScreen
	helpScroll scroll
	sides      []sideDrawing
	answered   int // how often answers changed

	now     func() time.Time
	later   func(time.Duration, tea.Msg) // sends a message after a while; nil in tests
	drawn   time.Time                    // when the screen was shown last
	drawing bool                         // it will be shown when the burst is over
}

// burst is how soon after one screen the next need not be drawn at once.
const burst = 8 * time.Millisecond

func newModel(o Options) (*model, error) {
	keys, err := newKeymap(o.Keys)
	if err != nil {
		return nil, err
	}
	resumed := o.Resume != nil && o.Resume.Screen != ""
	return &model{
		options: o, theme: newTheme(o.Theme == "ascii"), keys: keys, layout: arrange(80, 24), welcome: !resumed, begun: resumed,
		walk: newWalk(), mouse: o.Mouse, now: time.Now, ctx: context.Background(),
	}, nil
}

// Init opens the case after the first screen is drawn.
func (m *model) Init() tea.Cmd {
	return m.background(func() tea.Msg {
		k, err := m.options.Open()
		return openMsg{k, err}
	})
}

// background is a command that cannot take the program down with it.
func (m *model) background(do func() tea.Msg) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = brokenMsg{fault(r)}
			}
		}()
		return do()
	}
}

func fault(r any) error {
	return fmt.Errorf("a fault of whydrop, please report it: %v\n%s", r, debug.Stack())
}

// Update handles one message. It never reads or writes anything itself.
func (m *model) Update(msg tea.Msg) (_ tea.Model, cmd tea.Cmd) {
	defer func() {
		if r := recover(); r != nil {
			m.broken, cmd = fault(r), tea.Quit
		}
	}()
	cmd = m.update(msg)
	m.keepAnswers()
	return m, cmd
}

// heldFor is for how long something stays that must not be overlooked.
const heldFor = 5 * time.Second

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.arrange(msg.Width, msg.Height)
	case openMsg:
		m.kase, m.failed = msg.kase, msg.err
		m.resume()
		return m.judge()
	case triedMsg:
		return m.tried(msg)
	case amissMsg:
		m.amiss = string(msg)
		return nil
	case factsMsg:
		return m.measured(msg.facts)
	case judgedMsg:
		return m.judged(msg)
	case exportMsg:
		if m.notice = msg.says(); msg.err == nil {
			m.kase.Track.Export(m.moment(), m.options.Redact != nil)
		}
	case brokenMsg:
		m.broken = msg.err
		return tea.Quit
	case drawMsg:
		m.drawing = false
	case tea.PasteMsg:
		return m.paste(msg.Content)
	case tea.MouseWheelMsg:
		return m.wheel(msg.Mouse())
	case tea.MouseClickMsg:
		return m.click(msg.Mouse())
	case tea.KeyPressMsg:
		return m.key(msg)
	default:
		return m.inChange(msg)
	}
	return nil
}

// paste puts text into the line that is being typed, if one is.
func (m *model) paste(text string) tea.Cmd {
	switch {
	case m.prompt != nil:
		m.prompt.insert(text)
		if m.prompt.typed != nil {
			return m.prompt.typed(m.prompt.line.String())
		}
	case m.noting():
		m.walk.note.Insert(text)
		m.walk.keepNote(m)
	}
	return nil
}

// meant is the key that was pressed. Enter before the terminal was switched to
// single keys comes as a line feed.
func meant(k tea.KeyPressMsg) tea.KeyPressMsg {
	if k.String() == "ctrl+j" {
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	}
	return k
}

func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	k = meant(k)
	switch a := m.keys.of(k.String()); {
	case a == actQuit:
		return tea.Quit
	case a == actSuspend:
		return m.suspend()
	case a == actRedraw:
		m.redraw()
		return nil
	case m.leaving:
		return m.leave(k.String(), a)
	case m.prompt != nil:
		return m.prompt.take(k, &m.prompt)
	case m.noting():
		return m.walk.edit(m, k)
	case m.waiting():
		return m.keep(k, a)
	case m.deciding():
		return m.decideOrObey(k.String(), a)
	default:
		return m.obey(a)
	}
}

// noting says whether a note to a question is being typed.
func (m *model) noting() bool { return !m.welcome && m.on == walkID && m.walk.editing }

// waiting says whether the checklist is wanted and not there yet.
func (m *model) waiting() bool { return m.diagnosis == nil && !m.welcome && !m.help }

// keep keeps a key until the checklist is there.
func (m *model) keep(k tea.KeyPressMsg, a action) tea.Cmd {
	if a == actLeave {
		return tea.Quit
	}
	m.early = append(m.early, k)[:min(len(m.early)+1, mostEarly)]
	return nil
}

func (m *model) redraw() {
	if m.surface != nil {
		m.surface.Redraw()
	}
}

// obey obeys an action where nothing is being typed.
func (m *model) obey(a action) tea.Cmd {
	if !m.now().Before(m.heldTo) {
		m.notice = ""
	}
	switch {
	case m.help:
		m.inHelp(a)
		return nil
	case m.copying != nil:
		return m.inCopyList(a)
	case m.welcome:
		return m.begin(a)
	}
	return m.command(a)
}

// mostEarly is how many keys may be typed before the checklist is there: more are
// a paste that went astray.
const mostEarly = 64

// typedEarly does what was typed before the checklist was there.
func (m *model) typedEarly() tea.Cmd {
	var cmds []tea.Cmd
	early := m.early
	m.early = nil
	for _, k := range early {
		cmds = append(cmds, m.key(k))
	}
	return tea.Batch(cmds...)
}

// command obeys an action that means the same on all screens, or passes it on to
// the one that one is on.
func (m *model) command(a action) tea.Cmd {
	if m.tabbed(a) {
		return nil
	}
	switch a {
	case "":
	case actHelp:
		m.help, m.helpScroll.top = true, 0
	case actLeave:
		m.leaving = true
	case actTry:
		m.try()
	case actBack:
		m.back()
	case actReport:
		return m.export()
	case actSuggested:
		m.show(walkID)
		m.walk.suggested(m)
	case actPause:
		return m.pause()
	case actStepBack, actStep, actSkipBack, actSkip, actSlower, actFaster:
		m.movePlayer(a)
	case actMark:
		m.mark()
	case actSearch:
		m.startSearch()
	case actCopy, actPrint:
		return m.copy(a == actPrint)
	case actMouse:
		m.switchMouse()
	default:
		return m.onScreen(a)
	}
	return nil
}

// onlyWalking are the actions that no screen but the walk has a use for.
var onlyWalking = []action{actNote, actDontKnow, actFindOut, actNextGroup}

// onScreen passes an action on to the screen that one is on.
func (m *model) onScreen(a action) tea.Cmd {
	switch {
	case m.diagnosis == nil:
		return nil
	case m.on != planID && a == actApply:
		m.notice = fmt.Sprintf("%s applies a step of the plan: %s goes there", m.keys.key(a), m.keys.key(actPlan))
		return nil
	case m.on != walkID && slices.Contains(onlyWalking, a):
		m.notice = fmt.Sprintf("%s is for the questions: %s goes there", m.keys.key(a), m.keys.key(actWalk))
		return nil
	}
	return m.screen().do(m, a)
}

// inHelp scrolls the keys where they have no room; any other key closes them.
func (m *model) inHelp(a action) {
	switch a {
	case actDown, actPageDown:
		m.helpScroll.top++
	case actUp, actPageUp:
		m.helpScroll.top--
	default:
		m.help = false
	}
}

// tabbed goes to the screen that an action stands for, and says whether it
// stands for one.
func (m *model) tabbed(a action) bool {
	id := slices.IndexFunc(tabs[:], func(tab tab) bool { return tab.action == a })
	if id < 0 {
		return false
	}
	m.show(screenID(id))
	return true
}

// begin obeys a key on the first screen: it starts the walk, or goes straight to
// another screen, from which esc comes back.
func (m *model) begin(a action) tea.Cmd {
	if m.failed == nil && m.tabbed(a) {
		return nil
	}
	switch a {
	case actLeave:
		return tea.Quit
	case actHelp:
		m.help, m.helpScroll.top = true, 0
	case actEnter, actTick, actNext:
		if m.failed == nil {
			m.show(walkID)
		}
	}
	return nil
}

func (m *model) leave(name string, a action) tea.Cmd {
	m.leaving = false
	switch {
	case m.change.made():
		return m.leaveWith(name, a)
	case name == "y", a == actLeave, a == actEnter:
		return tea.Quit
	case a == actReport:
		return m.export()
	}
	return nil
}

// suspend gives the terminal back and stops the program until the shell
// continues it.
func (m *model) suspend() tea.Cmd {
	if m.surface == nil {
		return nil
	}
	return m.beside(m.surface.Suspend)
}

// beside does something on the plain terminal. An error is of a terminal that
// can't be taken again: it ends the program.
func (m *model) beside(do func() error) tea.Cmd {
	return m.background(func() tea.Msg {
		if err := do(); err != nil {
			return brokenMsg{err}
		}
		return nil
	})
}

// View shows the screen. The terminal library draws nothing itself: it would
// write on a ticker, which makes a key wait and wakes an idle host. Of a burst of
// messages the first is shown at once and the last when the burst is over.
func (m *model) View() tea.View {
	if m.surface == nil || m.broken != nil || m.drawing {
		return tea.View{}
	}
	if rest := burst - time.Since(m.drawn); rest > 0 && m.later != nil {
		m.drawing = true
		m.later(rest, drawMsg{})
		return tea.View{}
	}
	m.surface.Show(m.draw(), tty.Size{Width: m.layout.width, Height: m.layout.height})
	m.drawn = time.Now()
	return tea.View{}
}
