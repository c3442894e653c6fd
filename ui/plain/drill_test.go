package plain

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"whydrop/checklist/drill"
	"whydrop/checklist/progress"
)

// drillCards are one of each form.
func drillCards() []*drill.Card {
	return []*drill.Card{
		{
			ID: "signal:a", Subject: "a", Kind: drill.Signals, Form: drill.Choice, Hops: []string{"listen"},
			Ask: "Which of these moves?", Choices: []string{"ListenOverflows", "TCPReqQFullDrop", "PruneCalled", "TCPBacklogDrop"},
			Whys: []string{"", "The SYN queue overflows", "A small receive buffer", "A busy socket"}, Explain: []string{"ListenOverflows: an accept queue was full."}, Sources: []string{"listen(2)"},
		},
		{
			ID: "order:b", Subject: "b", Kind: drill.Journey, Form: drill.Order, Ask: "Put the steps in order.",
			Choices: []string{"The hooks", "The MAC address", "The frame", "The queue"}, Whys: []string{"OUTPUT.", "ARP asks.", "It is built.", "It waits."}, Sources: []string{"tc(8)"},
		},
		{ID: "tell:c", Subject: "c", Kind: drill.Tell, Form: drill.Recall, Ask: "How do you tell these apart?", Answer: "By TCPReqQFullDrop.", Sources: []string{"listen(2)"}},
	}
}

// drillOn runs a drill on lines that are typed or piped, and returns what was written
// and kept.
func drillOn(t *testing.T, in string, fails error) (string, []progress.Entry) {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	var out strings.Builder
	var log []progress.Entry
	err := RunDrill(context.Background(), DrillOptions{
		In: strings.NewReader(in), Out: &out, Session: drill.NewDeck(drillCards(), nil, now).Begin(drill.Options{New: 9}), now: now,
		Keep: func(e progress.Entry) ([]progress.Entry, error) {
			if fails != nil {
				return log, fails
			}
			log = append(log, e)
			return log, nil
		},
		Place: strings.ToUpper, Ahead: func() string { return "No card is due." },
	})
	if !errors.Is(err, fails) {
		t.Fatal(err)
	}
	return out.String(), log
}

// FuzzDrill answers with anything: nothing breaks, and what is kept are grades.
func FuzzDrill(f *testing.F) {
	f.Add("1\n\n1 2 3 4\n4\n\n\n")
	f.Add("99999999999999999999\n1 1 1 1\n-1\n\x1b[A\n?\nq\n")
	f.Fuzz(func(t *testing.T, in string) {
		var out strings.Builder
		session := drill.NewDeck(drillCards(), nil, time.Now).Begin(drill.Options{New: 9})
		_ = RunDrill(context.Background(), DrillOptions{
			In: strings.NewReader(in), Out: &out, Session: session, Place: strings.ToUpper, Ahead: func() string { return "" },
			Keep: func(e progress.Entry) ([]progress.Entry, error) {
				if err := e.Check(); err != nil {
					t.Error(err)
				}
				return []progress.Entry{e}, errors.New("no")
			},
		})
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) {
			t.Errorf("written: %q", out.String())
		}
	})
}

// TestDrillLines answers all forms of cards, some not understood, and compares all
// that is written.
func TestDrillLines(t *testing.T) {
	got, log := drillOn(t, "9\nwhat\nd\nwrong\n\n1 2\n4 3 2 1\n\n\neasy\n1\n\n4 3 2 1\n3\nquit\n", nil)
	isKept(t, "drill.golden", got)
	if len(log) < 3 {
		t.Errorf("kept: %+v", log)
	}
	for _, l := range strings.Split(got, "\n") {
		if len(l) > width || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", l)
		}
	}
}

// TestDrillInputEnds ends the input at every place: what was answered is kept with the
// proposed grade, what was not is not.
func TestDrillInputEnds(t *testing.T) {
	for _, tt := range []struct {
		in   string
		kept int
	}{{"", 0}, {"junk\n", 0}, {"d\n", 1}, {"d\nhuh\n", 1}, {"d\n\n", 1}, {"d\n\nd\n", 2}, {"d\nq\n", 0}, {"q\n", 0}} {
		out, log := drillOn(t, tt.in, nil)
		if len(log) != tt.kept || !strings.HasSuffix(out, "No card is due.\n") {
			t.Errorf("%.20q: %d kept, want %d; written:\n%s", tt.in, len(log), tt.kept, out)
		}
	}
}

// TestDrillOwnWords compares the words that were typed with the answer. Who typed none
// has to grade: neither Enter nor the end of the input does.
func TestDrillOwnWords(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		graded   bool
	}{
		{"words", "the SYN queue moves TCPReqQFullDrop\n\n", true},
		{"words that are a number", "2\n3\n", true},
		{"nothing said", "\n\n", false},
		{"nothing said, graded", "\n\n2\n", true},
		{"the input ends", "\n", false},
		{"don't know", "d\n\n", true},
		{"help first", "?\nby the queue\n\n", true},
		{"left", "quit\n", false},
	} {
		cards := drillCards()[2:]
		now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
		var out strings.Builder
		var log []progress.Entry
		if err := RunDrill(context.Background(), DrillOptions{
			In: strings.NewReader(tt.in), Out: &out, Session: drill.NewDeck(cards, nil, now).Begin(drill.Options{New: 9}), now: now,
			Keep:  func(e progress.Entry) ([]progress.Entry, error) { log = append(log, e); return log, nil },
			Place: strings.ToUpper, Ahead: func() string { return "No card is due." },
		}); err != nil {
			t.Fatal(err)
		}
		if got := len(log) > 0; got != tt.graded || got && !strings.Contains(out.String(), "The answer: By TCPReqQFullDrop.") || strings.Contains(out.String(), "1 cards") {
			t.Errorf("%s: graded %v, want %v; written:\n%s", tt.name, got, tt.graded, out.String())
		}
	}
}

// TestDrillBack grades the card before anew, and then asks the same card as before.
func TestDrillBack(t *testing.T) {
	// The listener's overflow stands second, see drill.golden.
	out, log := drillOn(t, "back\n2\n4\nback\n1\nquit\n", nil)
	if len(log) != 2 || log[0].Grade != int(drill.Easy) || log[1].Grade != int(drill.Again) || log[0].Session != log[1].Session || log[0].Card != log[1].Card {
		t.Errorf("kept: %+v", log)
	}
	for _, want := range []string{"No card was graded before.", "The card before, which was graded easy: ", "1 card, 0 known at once"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not written:\n%s", want, out)
		}
	}
}

// TestDrillWrongComesAgain has no other grade for what was wrong, or not known.
func TestDrillWrongComesAgain(t *testing.T) {
	for _, answer := range []string{"1", "d"} {
		out, log := drillOn(t, answer+"\n4\neasy\n2\n\nback\n4\n\nquit\n", nil)
		if len(log) != 2 || log[0].Grade != int(drill.Again) || log[1].Grade != int(drill.Again) || log[0].Session != log[1].Session {
			t.Errorf("%s: kept: %+v", answer, log)
		}
		for _, want := range []string{"Expected 1 again.", "1 card, 0 known at once"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not written:\n%s", answer, want, out)
			}
		}
	}
}

// TestDrillAstray ends where the same line comes again and again.
func TestDrillAstray(t *testing.T) {
	session := drill.NewDeck(drillCards(), nil, time.Now).Begin(drill.Options{New: 9})
	err := RunDrill(context.Background(), DrillOptions{
		In: strings.NewReader(strings.Repeat("\x1b[A\x00y\n", 500)), Out: io.Discard, Session: session, Place: strings.ToUpper, Ahead: func() string { return "" },
	})
	if err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("error %v", err)
	}
}

// TestDrillUnkept tells that an answer is not kept, and goes on.
func TestDrillUnkept(t *testing.T) {
	out, _ := drillOn(t, "d\n\nd\n\n", errors.New("no space left on device"))
	if strings.Count(out, "NOT kept: no space left") != 2 {
		t.Errorf("written:\n%s", out)
	}
}
