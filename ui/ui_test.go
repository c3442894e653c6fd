package ui

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// sickHost is a host whose accept queue overflows. Every counter and table
// could be read, but for those of the packet filter.
func sickHost(v *content.Vocabulary) *fact.Facts {
	f := fact.New(time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), 15)
	f.Host, f.Kernel = "db1", "6.12.0"
	for _, d := range v.Facts() {
		switch {
		case d.Probe == "filters" || d.Probe == "ledger":
		case d.Type == "count":
			f.Count(d.Name, 0, 7)
		case d.Type == "flag":
			f.Flag(d.Name, false)
		}
	}
	for _, t := range v.Tables() {
		if t.Probe != "filters" {
			f.Table(t.Name)
		}
	}
	for name, growth := range map[string]float64{
		"TcpExt.ListenOverflows": 42, "TcpExt.ListenDrops": 42, "TcpExt.TCPSynRetrans": 3, "Tcp.RetransSegs": 4,
		"TcpExt.TCPOrigDataSent": 9000, "Tcp.PassiveOpens": 610, "Tcp.ActiveOpens": 3, "Tcp.AttemptFails": 0,
		"TcpExt.TCPReqQFullDrop": 0, "TcpExt.TCPReqQFullDoCookies": 0, "TcpExt.TCPDSACKRecv": 0, "Tcp.InSegs": 18000,
		"Ip.InReceives": 18000, "Ip.InDelivers": 18000, "softnet.dropped": 0, "TcpExt.TCPTimeouts": 3,
	} {
		f.Count(name, growth, growth*100)
	}
	f.Gauge("sysctl.net.core.somaxconn", 4096)
	for name, n := range map[string]float64{
		"tcp.flows_stalled": 0, "tcp.flows_sending": 40, "tcp.flows_retrans": 2, "tcp.top_peer_retrans_share": 0.5,
		"tcp.syn_sent_retrying": 0, "tcp.flows_stalled_full_size": 0, "tcp.flows_peer_window_closed": 0,
	} {
		f.Gauge(name, n)
	}
	f.Add("listener", fact.Row{
		"name": "0.0.0.0:5432", "port": 5432.0, "process": "postgres", "pid": 811.0, "queue": 129.0,
		"queue_peak": 129.0, "limit": 128.0, "full_share": 1.0, "standing": true, "at_somaxconn": false, "syn_recv": 4.0,
		"fds": 210.0, "fd_limit": 1024.0, "fd_share": 0.2, "cpu_share": 0.3, "cpu_wait_share": 0.01, "threads": 4.0,
		"stopped": false, "throttled_share": 0.0, "throttled_periods_share": 0.0,
	})
	f.CannotSee("filters", "firewall rules", "CAP_NET_ADMIN")
	f.Probes = []fact.Status{{Name: "counters", Status: "ok", Millis: 1}}
	return f
}

// operator is a person at the terminal.
type operator struct {
	t *testing.T
	m *model
}

func asciiModel(t testing.TB, o Options) *model {
	t.Helper()
	o.Theme = "ascii"
	m, err := newModel(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sitDown(t *testing.T, width, height int) *operator {
	t.Helper()
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t, asciiModel(t, Options{
		Export: func(*checklist.Case, *checklist.Diagnosis) (string, error) { return "/tmp/report.md", nil },
		First:  book.Questions()[0],
	})}
	o.m.now = func() time.Time { return time.Date(2026, 3, 1, 3, 1, 0, 0, time.UTC) }
	o.resize(width, height)
	o.send(openMsg{kase: checklist.NewCase(book, time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC))})
	o.send(factsMsg{sickHost(book.Facts)})
	return o
}

func (o *operator) send(msg tea.Msg) {
	_, cmd := o.m.Update(msg)
	if o.m.broken != nil {
		o.t.Fatal(o.m.broken)
	}
	o.run(cmd)
}

// run does what a command does, and what follows from it.
func (o *operator) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch next := cmd().(type) {
	case nil, tea.QuitMsg:
	case tea.BatchMsg:
		for _, each := range next {
			o.run(each)
		}
	default:
		o.send(next)
	}
}

func (o *operator) resize(width, height int) {
	o.send(tea.WindowSizeMsg{Width: width, Height: height})
}

// press sends keys: names such as "enter", or text typed letter by letter.
func (o *operator) press(keys ...string) *operator {
	for _, key := range keys {
		for _, k := range presses(key) {
			o.send(k)
		}
	}
	return o
}

func (o *operator) screen() string {
	lines := o.m.draw()
	if len(lines) != o.m.layout.height {
		o.t.Errorf("%d lines on a screen of %d", len(lines), o.m.layout.height)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > o.m.layout.width {
			o.t.Errorf("line %d is %d columns wide on a screen of %d: %q", i, w, o.m.layout.width, l)
		}
		lines[i] = strings.TrimRight(ansi.Strip(l), " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// see checks that texts are on the screen.
func (o *operator) see(texts ...string) {
	o.t.Helper()
	s := o.screen()
	for _, text := range texts {
		if !strings.Contains(s, text) {
			o.t.Errorf("%q is not on the screen:\n%s", text, s)
		}
	}
}

func TestAnswersChangeWhatIsBelieved(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter")
	o.m.facts, o.m.kase.Facts = nil, nil
	o.run(o.m.judge())
	before := o.m.diagnosis.Finding("listen.accept-queue-full").Probability
	o.press("space") // Q1a: one application
	after := o.m.diagnosis.Finding("listen.accept-queue-full").Probability
	if after <= before {
		t.Errorf("the answer moved the cause from %v to %v", before, after)
	}
	if after > checklist.Named {
		t.Errorf("an answer alone convicted: %v", after)
	}
	o.press("space")
	if back := o.m.diagnosis.Finding("listen.accept-queue-full").Probability; back != before {
		t.Errorf("taking the answer back left %v, it was %v", back, before)
	}
}

func TestMovingAboutLosesNothing(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "down", "space", "n", "since the deploy", "esc", "enter", "d")
	want := o.m.kase.Answers["Q1a"]
	if len(want.Options) != 1 || want.Note != "since the deploy" {
		t.Fatalf("answer to Q1a is %+v", want)
	}
	o.press("2", "3", "4", "5", "esc", "1", "b", "b")
	o.resize(40, 10)
	o.resize(200, 60)
	if got := o.m.kase.Answers["Q1a"]; got.Note != want.Note || got.Options[0] != want.Options[0] {
		t.Errorf("answer to Q1a became %+v", got)
	}
	o.see("Q1a", "since the deploy")
}

func TestNoteIsKeptWhileItIsTyped(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "n", "half a wor")
	if got := o.m.kase.Answers["Q1a"].Note; got != "half a wor" {
		t.Errorf("note is %q", got)
	}
	o.send(tea.PasteMsg{Content: "d\nand \x1b[31mmore"})
	if got := o.m.kase.Answers["Q1a"].Note; got != "half a word and [31mmore" {
		t.Errorf("note after the paste is %q", got)
	}
	o.press("left", "left", "backspace", "enter")
	if got := o.m.kase.Answers["Q1a"].Note; got != "half a word and [31mmre" {
		t.Errorf("note is %q", got)
	}
}

func TestNoteHasALimit(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "n")
	o.send(tea.PasteMsg{Content: strings.Repeat("x", 1_000_000)})
	o.press("y", "left", "z")
	if got := len(o.m.kase.Answers["Q1a"].Note); got != longestNote {
		t.Errorf("the note has %d characters", got)
	}
	o.screen()
}

func TestDontKnowExcludesTheOthers(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "space", "end") // the last question: the answer to the first stays
	o.press("home", "d", "b")
	if got := o.m.kase.Answers["Q1a"].Options; len(got) != 1 || got[0] != content.DontKnow {
		t.Errorf("options are %v", got)
	}
	o.press("home", "space")
	if got := o.m.kase.Answers["Q1a"].Options; len(got) != 1 || got[0] == content.DontKnow {
		t.Errorf("options are %v", got)
	}
}

// New measurements show themselves without moving the cursor.
func TestLivingEvidence(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "down", "down")
	o.see("FAULT")
	healthy := sickHost(o.m.kase.Book.Facts)
	for name := range healthy.Values {
		if v := healthy.Values[name]; v.Total != nil {
			healthy.Count(name, 0, *v.Total)
		}
	}
	healthy.Tables["listener"] = nil
	o.send(factsMsg{healthy})
	if strings.Contains(o.screen(), "FAULT") {
		t.Errorf("the fault is over and still shown:\n%s", o.screen())
	}
	if o.m.walk.option != 2 {
		t.Errorf("the cursor moved to %d", o.m.walk.option)
	}
}

func TestPauseHoldsTheEvidence(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "P")
	quiet := fact.New(time.Now(), 15)
	quiet.Count("TcpExt.ListenOverflows", 0, 0)
	o.send(factsMsg{quiet})
	o.see("PAUSED. FAULT")
	o.press("P")
	if strings.Contains(o.screen(), "FAULT") {
		t.Error("still the old evidence after the pause")
	}
}

func TestEverySizeIsDrawn(t *testing.T) {
	measured := sitDown(t, 80, 24)
	before := &operator{t, asciiModel(t, Options{})} // the case is open, and nothing is measured yet
	before.send(openMsg{kase: checklist.NewCase(measured.m.kase.Book, time.Now())})
	for _, o := range []*operator{before, measured} {
		for _, size := range [][2]int{{0, 0}, {1, 1}, {5, 3}, {20, 5}, {40, 10}, {80, 24}, {109, 30}, {110, 30}, {200, 60}, {400, 100}} {
			o.resize(size[0], size[1])
			for _, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "y", "esc", "m", "enter", "?", "esc", "q", "n", "enter", "n", "a", "enter", "f", "end", "pgdown"} {
				o.press(key)
				if size[0] > 0 {
					o.screen()
				} else {
					o.m.draw()
				}
			}
		}
	}
}

// The question, the option under the cursor and the verdict are to be seen on
// every screen that has the room for them, whatever the question.
func TestQuestionAndCursorAreToBeSeen(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter")
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 60}} {
		o.resize(size[0], size[1])
		o.press("1", "home")
		for _, q := range o.m.kase.Book.Questions() {
			asked := wrap(q.Ask, o.m.layout.mainWidth, "")
			for range q.Options {
				o.see("FAULT", asked[0], asked[len(asked)-1], "> [ ] ", "? keys")
				o.press("down")
			}
			o.see("> [ ] Don't know")
			o.press("right")
		}
	}
}

// The way through: the last question leads to the causes, these to the plan,
// that to the report.
func TestTheWayThrough(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter")
	for range o.m.kase.Book.Questions() {
		o.press("d")
	}
	o.see("[2 Causes]", "All questions are answered", "enter shows the plan")
	o.press("enter")
	o.see("[7 Plan]", "enter report")
	o.press("enter")
	o.see("[8 Report]", "e write it to a file")
	o.press("e")
	o.see("report written to /tmp/report.md")
}

func TestEnterWithoutAnAnswerSaysSo(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "enter")
	o.see("Q1a is left open", "Q1b, 2 of 20")
	o.press("down")
	if strings.Contains(o.screen(), "left open") {
		t.Error("the notice stays")
	}
}

func TestNothingHostileReachesTheTerminal(t *testing.T) {
	o := sitDown(t, 80, 24)
	f := sickHost(o.m.kase.Book.Facts)
	f.Host = "db1\x1b]0;owned\x07"
	f.Tables["listener"][0]["process"] = "evil\x1b[2J\x1b[H\u202e"
	o.send(factsMsg{f})
	for _, key := range []string{"enter", "1", "2", "3", "4", "5", "6", "7", "8", "pgdown"} {
		o.press(key)
		for _, l := range o.m.draw() {
			if s := ansi.Strip(l); strings.ContainsAny(s, "\x1b\x07\u202e") || strings.Contains(l, "\x1b[2J") || strings.Contains(l, "\x1b]0") {
				t.Errorf("on %s: %q", key, l)
			}
		}
	}
}

func TestContentThatCannotBeLoadedIsShown(t *testing.T) {
	m := asciiModel(t, Options{})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(openMsg{err: errors.New("own.yaml:8: unknown fact X")})
	s := ansi.Strip(strings.Join(m.draw(), "\n"))
	if !strings.Contains(s, "own.yaml:8: unknown fact X") || !strings.Contains(s, "q leaves") {
		t.Errorf("the screen says\n%s", s)
	}
	m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	if !m.welcome {
		t.Error("went on without content")
	}
}

// Where the measurements have no room beside the options they stand in their
// place, and no key ticks what is not to be seen.
func TestMeasurementsOnASmallScreen(t *testing.T) {
	o := sitDown(t, 40, 10)
	o.press("enter", "f")
	o.see("This host, last 15 s", "lines 1-", "f the options")
	o.press("down")
	o.see("lines 2-")
	o.press("end", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "1", "home", "f")
	o.press("space")
	o.see("[ ] One application")
	if len(o.m.kase.Answers) > 0 {
		t.Errorf("answered unseen: %v", o.m.kase.Answers)
	}
	o.press("space")
	o.see("[x] One application")
}

// The tabs of the first screen work: they lead straight to their screens, and esc
// comes back until the walk begins.
func TestTheFirstScreenLeadsToAll(t *testing.T) {
	o := sitDown(t, 80, 24)
	for id := causesID; id < screenCount; id++ {
		key := fmt.Sprint(int(id) + 1)
		o.press(key)
		o.see("[" + key + " " + tabs[id].title + "]")
		o.press("esc")
		o.see("enter starts.")
	}
	o.press("2", "enter")
	o.see("[7 Plan]")
	o.press("esc", "esc")
	o.see("enter starts.")
	o.send(tea.MouseClickMsg{Button: tea.MouseLeft, X: 30, Y: 0})
	o.see("[4 Journey]")
	o.press("1", "esc")
	o.see("[4 Journey]")
	o.press("esc")
	o.see("[1 Walk]")
	early := &operator{t, asciiModel(t, Options{})}
	early.resize(80, 24)
	early.press("6", "esc", "5")
	early.see("reading the checklist")
	early.send(openMsg{kase: checklist.NewCase(o.m.kase.Book, time.Now())})
	early.see("[5 Flows]")
}

func BenchmarkAnswerAndDraw(b *testing.B) {
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	o := &operator{m: asciiModel(b, Options{})}
	o.resize(200, 60)
	o.send(openMsg{kase: checklist.NewCase(book, time.Now())})
	o.send(factsMsg{sickHost(book.Facts)})
	o.press("enter")
	for b.Loop() {
		o.press("space")
		o.m.draw()
	}
}

func BenchmarkDraw(b *testing.B) {
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	o := &operator{m: asciiModel(b, Options{})}
	o.send(openMsg{kase: checklist.NewCase(book, time.Now())})
	o.send(factsMsg{sickHost(book.Facts)})
	o.press("enter")
	for id, tab := range tabs {
		for _, size := range [][2]int{{80, 24}, {200, 60}} {
			b.Run(fmt.Sprintf("%s/%dx%d", tab.action, size[0], size[1]), func(b *testing.B) {
				o.resize(size[0], size[1])
				o.m.show(screenID(id))
				for b.Loop() {
					o.m.draw()
				}
			})
		}
	}
}
