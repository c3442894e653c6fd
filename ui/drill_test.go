package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/checklist/drill"
	"whydrop/checklist/progress"
)

// drillCards are one of each form, of texts as long as real ones are.
func drillCards() []*drill.Card {
	return []*drill.Card{
		{
			ID: "signal:a", Subject: "a", Kind: drill.Signals, Form: drill.Choice, Hops: []string{"listen"},
			Ask:     "The cause: the accept queue of a listening socket overflows. Which of these moves on this host?",
			Choices: []string{"TcpExt.ListenOverflows", "TcpExt.TCPReqQFullDrop, or with SYN cookies TCPReqQFullDoCookies", "TcpExt.PruneCalled", "TcpExt.TCPBacklogDrop"},
			Whys:    []string{"The accept queue overflows", "The SYN queue of a listening socket overflows", "", ""},
			Explain: []string{"TcpExt.ListenOverflows: an accept queue was full.", strings.Repeat("Clients connect in steps of a second or time out. ", 9)},
			Sources: []string{"Linux net/ipv4/tcp_input.c, tcp_conn_request()", "listen(2)"},
		},
		{
			ID: "order:b", Subject: "b", Kind: drill.Journey, Form: drill.Order, Hops: []string{"netfilter", "neigh"}, Ask: "Put the steps in order: a packet leaves the host.",
			Choices: []string{"The output hooks", "The next hop's MAC address is resolved", "The frame is built", "The queueing discipline"},
			Whys:    []string{"The packet passes OUTPUT and POSTROUTING.", "The neighbour entry is looked up.", "The Ethernet header is written.", "The packet waits in the egress queue."},
			Sources: []string{"Linux net/ipv4/ip_output.c"},
		},
		{
			ID: "tell:c", Subject: "c", Kind: drill.Tell, Form: drill.Recall, Hops: []string{"listen"}, Ask: "How do you tell these two apart?",
			What: "Is it: The accept queue overflows. Or: The SYN queue overflows.", Answer: "SYN queue trouble moves TCPReqQFullDrop.", Sources: []string{"listen(2)"},
		},
		{
			ID: "command:d", Subject: "d", Kind: drill.Command, Form: drill.Choice, Ask: "In which step does this belong?", What: "nstat -asz | grep -E 'Listen|Drop'",
			Choices: []string{"Backlog queues", "Packet capture", "Kernel log", "NIC statistics"}, Explain: []string{"Read them twice."}, Sources: []string{"nstat(8)"},
		},
	}
}

// pupil sits before the drill's screen.
type pupil struct {
	sitter
	m    *drillModel
	log  []progress.Entry
	full bool // the disk
}

func sitAtDrill(t *testing.T, width, height int) *pupil {
	t.Helper()
	p := &pupil{sitter: newSitter(t, 2*time.Second)}
	now := func() time.Time { return p.clock }
	deck := drill.NewDeck(drillCards(), nil, now)
	m, err := newDrill(DrillOptions{
		Session: deck.Begin(drill.Options{New: 10}), Look: Look{Theme: "ascii"},
		Keep: func(e progress.Entry) ([]progress.Entry, error) {
			if p.full {
				return p.log, errors.New("no space left on device")
			}
			p.log = append(p.log, e)
			return p.log, nil
		},
		Place: func(hop string) string { return strings.ToUpper(hop) },
		Ahead: func() string { return "No card is due." },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.m, m.now = m, now
	p.sit(m, &m.desk, m.draw, width, height)
	return p
}

// onto presses keys until a card of a form is asked.
func (p *pupil) onto(form drill.Form) *pupil {
	p.t.Helper()
	for range 8 {
		if p.m.phase == cardAsked && p.m.shown.Form == form {
			return p
		}
		p.know("4")
	}
	p.t.Fatalf("no card is of form %s", form)
	return p
}

// know answers the card right and grades it.
func (p *pupil) know(grade string) {
	p.t.Helper()
	switch p.m.shown.Form {
	case drill.Choice:
		p.press(fmt.Sprint(p.m.shown.Right() + 1))
	case drill.Order:
		right := p.m.shown.InOrder()
		for _, at := range right[:len(right)-1] { // the last one follows by itself
			p.press(fmt.Sprint(at + 1))
		}
		p.press("enter")
	default:
		p.press("enter")
	}
	p.press(grade)
}

// TestGoldenDrill draws what one sees after some keys, on screens of several sizes.
func TestGoldenDrill(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {40, 10}, {120, 40}, {200, 60}} {
		for _, tt := range []struct {
			name string
			form drill.Form
			keys []string
		}{
			{"choice", drill.Choice, []string{"down"}},
			{"wrong", drill.Choice, []string{"2", "down"}},
			{"order", drill.Order, []string{"2", "4"}},
			{"order-wrong", drill.Order, []string{"2", "4", "1", "enter"}},
			{"recall", drill.Recall, []string{"enter"}},
			{"help", drill.Choice, []string{"?"}},
			{"over", drill.Choice, slices.Repeat([]string{"d", "enter"}, 12)},
		} {
			name := fmt.Sprintf("drill-%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				p := sitAtDrill(t, size[0], size[1]).onto(tt.form)
				p.press(tt.keys...)
				golden(t, name, p.screen())
			})
		}
	}
}

// TestDrillKeeps has each grade in the log when the next card is shown, tells when it
// is not, and goes on.
func TestDrillKeeps(t *testing.T) {
	p := sitAtDrill(t, 80, 24)
	p.onto(drill.Choice)
	n := len(p.log)
	p.press(fmt.Sprint(p.m.shown.Right()+1), "enter")
	if len(p.log) != n+1 || p.log[n].Grade != int(drill.Good) || p.log[n].Seconds != 4 {
		t.Errorf("the log has %+v", p.log)
	}
	p.full = true
	p.press("d", "1")
	if s := p.screen(); !strings.Contains(s, "NOT kept: no space left") || len(p.log) != n+1 {
		t.Errorf("the disk is full, and the screen is\n%s", s)
	}
}

// TestDrillOverrule takes the person's grade in the place of the proposed one.
func TestDrillOverrule(t *testing.T) {
	p := sitAtDrill(t, 80, 24).onto(drill.Choice)
	p.press(fmt.Sprint(p.m.shown.Right()+1), "1")
	if last := p.log[len(p.log)-1]; last.Grade != int(drill.Again) {
		t.Errorf("graded %d", last.Grade)
	}
}

// TestDrillWrongComesAgain has no other grade for what was wrong, or not known.
func TestDrillWrongComesAgain(t *testing.T) {
	for _, answer := range []string{"wrong", "d"} {
		p := sitAtDrill(t, 80, 24).onto(drill.Choice)
		n, right := len(p.log), p.m.shown.Right()
		if answer == "wrong" {
			answer = fmt.Sprint((right+1)%len(p.m.shown.Choices) + 1)
		}
		p.press(answer, "2", "3", "4")
		if p.m.phase != cardJudged || len(p.log) != n || strings.Contains(p.screen(), "easy") {
			t.Errorf("after %s, 2, 3 and 4 the log has %+v, the screen is\n%s", answer, p.log[n:], p.screen())
		}
		p.press("1", "b", "4", "enter")
		if len(p.log) != n+2 || p.log[n+1].Grade != int(drill.Again) {
			t.Errorf("graded anew: %+v", p.log[n:])
		}
	}
}

// TestDrillBack grades the card before anew, on the next card, after a few steps of an
// order and at the end.
func TestDrillBack(t *testing.T) {
	p := sitAtDrill(t, 80, 24)
	p.press("b")
	if p.m.phase != cardAsked || strings.Contains(p.screen(), "grade the last anew") {
		t.Errorf("before the first answer:\n%s", p.screen())
	}
	first := p.m.shown.ID
	p.know("4")
	next := p.m.shown.ID
	if !strings.Contains(p.screen(), "b grade the last anew") {
		t.Errorf("the key is not told:\n%s", p.screen())
	}
	p.press("b")
	if p.m.phase != cardJudged || p.m.shown.ID != first || p.m.proposed != drill.Easy || p.m.verdict != drill.Right {
		t.Fatalf("back at %s:\n%s", p.m.shown.ID, p.screen())
	}
	p.press("1")
	if last := p.log[len(p.log)-1]; last.Grade != int(drill.Again) || last.Session != p.log[0].Session || p.m.shown.ID != next {
		t.Errorf("%+v, then %s: expected card %s", last, p.m.shown.ID, next)
	}
	p.onto(drill.Order).press("1", "b")
	if p.m.phase != cardAsked || len(p.m.picked) != 0 {
		t.Errorf("b takes the last step back first: picked %v", p.m.picked)
	}
	for p.m.phase != drillOver {
		p.know("3")
	}
	n := len(p.log)
	p.press("b", "2")
	if len(p.log) != n+1 || p.log[n].Session != p.log[n-1].Session || p.m.phase != drillOver {
		t.Errorf("at the end: %+v", p.log[n-1:])
	}
}

// TestDrillOrder picks, takes back and checks an order.
func TestDrillOrder(t *testing.T) {
	p := sitAtDrill(t, 80, 24).onto(drill.Order)
	right := p.m.shown.InOrder()
	key := func(i int) string { return fmt.Sprint(right[i] + 1) }
	p.press(key(1), key(1), "backspace", key(0), key(1), key(2))
	if len(p.m.picked) != 4 || p.m.phase != cardAsked {
		t.Fatalf("picked %v: expected that the last one follows by itself", p.m.picked)
	}
	p.press("enter")
	if p.m.verdict != drill.Right || !strings.Contains(p.screen(), "Right.") {
		t.Errorf("%s: the screen is\n%s", p.m.verdict, p.screen())
	}
}

// TestDrillQuits leaves at any time, at once.
func TestDrillQuits(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"1", "q"}, {"?", "q"}, {"ctrl+c"}, {"d", "ctrl+c"}} {
		p := sitAtDrill(t, 80, 24)
		p.press(keys...)
		if !p.left {
			t.Errorf("%v did not leave", keys)
		}
	}
}

// TestDrillAnySize draws every state on screens down to nothing.
func TestDrillAnySize(t *testing.T) {
	for w := 0; w <= 60; w += 5 {
		for h := 0; h <= 12; h++ {
			p := sitAtDrill(t, w, h)
			for _, key := range []string{"down", "?", "esc", "1", "down", "2", "2", "1", "enter", "enter", "d", "enter", "d", "enter"} {
				p.press(key)
				if p.fitting(); t.Failed() {
					t.Fatalf("after %s", key)
				}
			}
		}
	}
}

// TestCourse draws how marks went.
func TestCourse(t *testing.T) {
	for _, tt := range []struct {
		marks []float64
		want  string
	}{{nil, ""}, {[]float64{1}, ""}, {[]float64{0, 1}, "_#"}, {[]float64{0, 0, 1, 1}, "_#"}, {[]float64{0, 0.5, 1}, "_+"}} {
		if got := Course(tt.marks, 2, true); got != tt.want {
			t.Errorf("%v is %q, want %q", tt.marks, got, tt.want)
		}
	}
}
