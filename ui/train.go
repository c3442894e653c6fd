package ui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
	"whydrop/content"
)

// TrainOptions are what the candidate's seat works on, and how.
type TrainOptions struct {
	Book *content.Book
	// Incidents are what one can choose from. It is called whenever the list is shown.
	Incidents func() []TrainIncident
	// First is the incident to begin with, "" for the list.
	First string
	// Open begins an incident, or goes on with the kept one. It is called beside the
	// screen. Its error is shown on the list.
	Open func(incident string, anew bool) (*TrainSeat, error)

	Look
}

// TrainIncident is a scenario as it stands in the list. Nothing of it tells the cause.
type TrainIncident struct {
	ID, Title string
	Level     int
	Times     int     // how often it was done
	Best      float64 // mark, 0 to 1
	// Begun says that a session of it is kept that is not over, Steps are those of it.
	Begun bool
	Steps int
	// Why is set for the one that is suggested.
	Why string
}

// TrainSeat is an incident that was opened.
type TrainSeat struct {
	// Session is new, or one that is gone on with. The screen alone uses it, and
	// whatever of the functions below is given it, until Close.
	Session *train.Session
	// Notes are lines for the beginning.
	Notes []string
	// Draft is what was being typed when the session was left.
	Draft TrainDraft
	// KeepDraft keeps it, at every key; nil keeps nothing.
	KeepDraft func(TrainDraft) error
	// Kept says whether there is something on disk to go on with; nil: there is not.
	Kept func() bool
	// Scorecard writes the scorecard and returns where.
	Scorecard func(*train.Session) (string, error)
	// Learned takes note of how it went, and returns what to do next. A later call for
	// the session replaces an earlier one.
	Learned func(*train.Session, *train.Feedback) ([]TrainAdvice, error)
	// Close ends it. Nil where nothing is to be ended.
	Close func()
	// Live is what can be done on a host that is there; nil for a recorded one.
	Live *TrainLive
}

// TrainAdvice is one thing to do next.
type TrainAdvice struct{ Do, Command, Why string }

// TrainDraft is what was typed and not handed in yet.
type TrainDraft struct {
	Conclusion train.Conclusion `json:"conclusion"`
	Note       string           `json:"note,omitempty"`
}

// Messages of the candidate's seat.
type (
	trainOpened struct {
		seat *TrainSeat
		err  error
	}
	trainReviewed struct {
		debrief  *train.Debrief
		feedback *train.Feedback
		advice   []TrainAdvice
		err      error
	}
	trainTick struct{}
	trainFind struct{ in *picker }
)

// trainPhase is where one is.
type trainPhase int

const (
	trainListing trainPhase = iota
	trainOpening            // an incident is on its way
	trainTalking
	trainConcluding // the form of the conclusion is filled in
	trainReviewing
	trainGone // the program ends
)

// trainModel is the candidate's seat. It changes only in Update.
type trainModel struct {
	desk
	options TrainOptions

	phase   trainPhase
	list    trainList
	seat    *TrainSeat
	talk    transcript
	form    conclusionForm
	review  trainReview
	picker  *picker
	prompt  *prompt
	confirm *confirmation
	notice  string // one line about what just happened
	// looking says that a live host is looked at, unjudged is what was seen while the
	// session was not free.
	looking  bool
	unjudged *trainLooked
	// left says that an interview was open when the screen was left, with something to
	// go on with.
	left bool
}

// RunTrain seats the candidate before the screen until they leave or ctx ends. It says
// whether they left an interview that they can go on with. The terminal is left as it
// was found.
func RunTrain(ctx context.Context, o TrainOptions) (left bool, err error) {
	m, err := newTrain(o)
	if err != nil {
		return false, err
	}
	err = m.run(ctx, m, func() { m.leave() }) // where a signal ended it
	return m.left, err
}

func newTrain(o TrainOptions) (*trainModel, error) {
	d, err := newDesk(o.Look)
	if err != nil {
		return nil, err
	}
	m := &trainModel{desk: d, options: o}
	m.list.show(o.Incidents())
	m.list.move(o.First)
	return m, nil
}

// Init shows the list, or begins with the incident that was asked for.
func (m *trainModel) Init() tea.Cmd {
	m.tick()
	if m.options.First == "" {
		return nil
	}
	return m.open(m.options.First, false)
}

// tick has the clock drawn anew in a second.
func (m *trainModel) tick() {
	if m.later != nil {
		m.later(time.Second, trainTick{})
	}
}

// Update handles one message. Of files it writes what has to be on disk before the
// next key: the session's events and what is being typed.
func (m *trainModel) Update(msg tea.Msg) (_ tea.Model, cmd tea.Cmd) {
	defer m.rescue(&cmd)
	return m, m.update(msg)
}

func (m *trainModel) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.KeyPressMsg:
		return m.key(meant(msg))
	case trainOpened:
		return m.opened(msg)
	case trainTick:
		m.tick()
		if m.phase == trainTalking || m.phase == trainConcluding { // else the session may not be free
			m.done(m.seat.Session.Beat())
		}
	case trainFind:
		if msg.in == m.picker && msg.in.stale {
			msg.in.find()
		}
	case tea.WindowSizeMsg, brokenMsg:
		m.review.seek = true
		return m.take(msg)
	default:
		m.learnt(msg)
	}
	return nil
}

// learnt takes what was worked out or looked at beside the screen.
func (m *trainModel) learnt(msg tea.Msg) {
	switch msg := msg.(type) {
	case trainReviewed:
		m.review.take(msg)
		m.tell(msg.err, "what was trained is NOT kept: ")
		if m.unjudged != nil {
			m.looked(*m.unjudged)
		}
	case trainShell:
		m.tell(msg.err, "the shell: ")
	case trainLooked:
		m.looked(msg)
	}
}

// View shows the screen.
func (m *trainModel) View() tea.View {
	if m.phase == trainGone {
		return tea.View{}
	}
	return m.show(m.draw)
}

// tell shows an error, if there is one.
func (m *trainModel) tell(err error, before string) {
	if err != nil {
		m.notice = before + err.Error()
	}
}

// done says whether something was done, and tells what is amiss: what counts but is
// not on disk was done.
func (m *trainModel) done(err error) bool {
	var unkept *train.NotKeptError
	m.tell(err, "")
	return err == nil || errors.As(err, &unkept)
}

func (m *trainModel) paste(text string) {
	switch {
	case m.prompt != nil:
		m.prompt.insert(text)
		m.full(&m.prompt.line)
		if m.prompt.typed != nil {
			m.prompt.typed(m.prompt.line.String())
		}
	case m.picker != nil:
		m.picker.line.Insert(text)
		m.full(&m.picker.line)
		m.typed(m.picker)
	}
}

func (m *trainModel) key(k tea.KeyPressMsg) tea.Cmd {
	a := m.keys.of(k.String())
	if a == actQuit {
		return m.leave()
	}
	if cmd, taken := m.ofTerminal(a); taken {
		return cmd
	}
	m.notice = ""
	switch {
	case m.confirm != nil:
		return m.decide(k.String())
	case m.prompt != nil:
		p := m.prompt
		cmd := p.take(k, &m.prompt)
		if m.prompt == p && k.Text != "" {
			m.full(&p.line)
		}
		return cmd
	case m.help:
		m.inHelp(a, m.room())
	case m.picker != nil:
		return m.pick(k)
	case a == actHelp:
		m.help, m.helping = true, scroll{}
	case m.ofLive(k.String()):
		return m.inLive(k.String())
	default:
		return m.obey(k.String(), a)
	}
	return nil
}

// obey obeys a key where nothing lies over the place where one is.
func (m *trainModel) obey(key string, a action) tea.Cmd {
	switch m.phase {
	case trainListing:
		return m.inList(key, a)
	case trainTalking:
		return m.inTalk(key, a)
	case trainConcluding:
		return m.inForm(key, a)
	case trainReviewing:
		return m.inReview(key, a)
	}
	if a == actLeave {
		return m.leave()
	}
	return nil
}

// confirmation is a question that is answered with a key before anything happens.
type confirmation struct {
	asks string
	keys string                    // what each key does, in short
	by   map[string]func() tea.Cmd // any other key: nothing
}

// draw is the question, of which the keys are always to be seen.
func (c *confirmation) draw(t theme, w, h int) []string {
	keys := wrap(c.keys, w, "")
	asks := t.atMost(max(1, h-len(keys)), wrap(c.asks, w, ""), w)
	return styled(append(asks, keys...), t.warn.Render)
}

func (m *trainModel) decide(key string) tea.Cmd {
	do := m.confirm.by[key]
	m.confirm = nil
	if do == nil {
		return nil
	}
	return do()
}

// leave ends the program. What was done is kept.
func (m *trainModel) leave() tea.Cmd {
	switch {
	case m.seat == nil:
	case m.phase == trainReviewing:
		m.learn()
	default:
		m.left = m.kept()
	}
	m.close()
	m.phase = trainGone
	return tea.Quit
}

// kept says whether there is something to go on with.
func (m *trainModel) kept() bool { return m.seat.Kept != nil && m.seat.Kept() }

// close ends the incident that is open.
func (m *trainModel) close() {
	if m.seat != nil && m.seat.Close != nil {
		m.seat.Close()
	}
	m.seat = nil
}

// open has an incident opened beside the screen.
func (m *trainModel) open(id string, anew bool) tea.Cmd {
	m.phase = trainOpening
	return m.background(func() tea.Msg {
		seat, err := m.options.Open(id, anew)
		return trainOpened{seat, err}
	})
}

func (m *trainModel) opened(msg trainOpened) tea.Cmd {
	if msg.err != nil {
		m.phase = trainListing
		m.notice = msg.err.Error()
		return nil
	}
	m.seat, m.phase = msg.seat, trainTalking
	if s := m.seat.Session; s.Concluded() != nil {
		return m.beginReview()
	}
	m.form = conclusionForm{conclusion: m.seat.Draft.Conclusion}
	if c := m.seat.Session.Named(); c != nil {
		m.form.conclusion.Healthy, m.form.conclusion.Causes, m.form.conclusion.Hop = c.Healthy, c.Causes, c.Hop
		m.form.cursor = place + 1
	}
	m.talk = transcript{}
	m.talk.begin(m)
	m.done(m.seat.Session.Begin())
	return nil
}
