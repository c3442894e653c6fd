package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/interview"
	"whydrop/content"
)

// interviewer sits in the interviewer's seat.
type interviewer struct {
	sitter
	m      *interviewModel
	events []interview.Event
	full   bool // the disk
}

// queueScript is an interview about a host with a full accept queue, written once.
var queueScript = sync.OnceValues(func() (*interview.Interview, error) {
	book, err := trainingBook()
	if err != nil {
		return nil, err
	}
	rubric, err := book.Rubric("")
	if err != nil {
		return nil, err
	}
	return interview.New(book, rubric, book.Scenario("checkout-three-seconds"))
})

func sitOpposite(t *testing.T, width, height int) *interviewer {
	t.Helper()
	p := &interviewer{sitter: newSitter(t, 3*time.Second)}
	script, err := queueScript()
	if err != nil {
		t.Fatal(err)
	}
	n := script.Anew()
	n.Now = func() time.Time { return p.clock }
	n.Keep = func(e interview.Event) error {
		if p.full {
			return errors.New("no space left on device")
		}
		p.events = append(p.events, e)
		return nil
	}
	m, err := newInterview(InterviewOptions{
		Interview: n, Look: Look{Theme: "ascii"},
		Write: func(*interview.Interview) (string, error) {
			if p.full {
				return "", errors.New("no space left on device")
			}
			return "/home/op/card.md", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.m = m
	p.sit(m, &m.desk, m.draw, width, height)
	return p
}

// press presses keys; what is no name of a key is typed.
func (p *interviewer) press(keys ...string) *interviewer {
	p.t.Helper()
	p.sitter.press(keys...)
	return p
}

// TestGoldenInterview draws what the interviewer sees after some keys, on screens of
// several sizes.
func TestGoldenInterview(t *testing.T) {
	questions := []string{"/", "who is affected", "enter", "/", "since when", "enter", "/", "what fails", "enter", "/", "firewall", "enter"}
	for _, size := range [][2]int{{80, 24}, {40, 10}, {120, 40}} {
		for _, tt := range []struct {
			name string
			keys []string
		}{
			{"story", nil},
			{"search", []string{"/", "what changed"}},
			{"asked", append(questions, "1", "2")},
			{"figures", []string{"/", "ss -lnt", "enter"}},
			{"whole", []string{"/", "nstat", "enter", "enter", "pgdown"}},
			{"remark", append(questions, "/", "changed", "enter")},
			{"note", []string{"2", "down", "n", "asks one thing at a time"}},
			{"cause", []string{"c", "accept"}},
			{"close", append(questions, "c", "accept", "enter", "down", "space", "g", "space")},
			{"rubric", append(questions, "5", "down", "down", "space")},
			{"card", append(questions, "6", "down", "space", "space", "space")},
			{"help", []string{"?"}},
		} {
			name := fmt.Sprintf("interview-%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				golden(t, name, sitOpposite(t, size[0], size[1]).press(tt.keys...).screen())
			})
		}
	}
}

// TestInterviewTicks finds by a word, ticks with enter, takes back with space, and has
// each on disk before the next key.
func TestInterviewTicks(t *testing.T) {
	p := sitOpposite(t, 80, 24).press("/", "since when", "enter")
	if last := p.events[len(p.events)-1]; last.Kind != interview.Ticked || last.Key != "question:Q1b" {
		t.Fatalf("the last event is %+v", last)
	}
	if s := p.screen(); !strings.Contains(s, "> [x] Q1b") || !strings.Contains(s, "Say, from the checkout team lead") {
		t.Errorf("the screen is\n%s", s)
	}
	p.press("space")
	if p.m.n.Has("question:Q1b") {
		t.Error("space does not take the tick back")
	}
	p.press("/", "zzzzqq", "enter")
	if len(p.events) != 3 {
		t.Errorf("enter on nothing made an event: %+v", p.events)
	}
}

// TestInterviewNote keeps each letter of a note; esc keeps the draft, and n goes on.
func TestInterviewNote(t *testing.T) {
	p := sitOpposite(t, 80, 24).press("/", "since when", "enter", "n", "good", "esc")
	if last := p.events[len(p.events)-1]; last.Kind != interview.Drafted || last.Text != "good" {
		t.Errorf("the last event is %+v", last)
	}
	p.press("n", "!", "enter")
	notes := p.m.n.Notes()
	if len(notes) != 1 || notes[0].Text != "good!" || notes[0].About != "question:Q1b" {
		t.Errorf("the notes are %+v", notes)
	}
	p.press("N", "A. B.", "enter")
	if p.m.n.Candidate() != "A. B." {
		t.Errorf("the candidate is %q", p.m.n.Candidate())
	}
}

// TestInterviewHalfNote offers a half-typed note about another line: enter keeps it where
// it belongs, typing begins one about this line and loses nothing.
func TestInterviewHalfNote(t *testing.T) {
	for _, tt := range []struct {
		keys []string
		want []string
	}{
		{[]string{"n", "enter"}, []string{"question:Q1b asks w"}},
		{[]string{"n", "left", "x", "enter"}, []string{"question:Q1b asks xw"}},
		{[]string{"n", "new", "enter"}, []string{"question:Q1b asks w", "question:Q4a new"}},
		{[]string{"n", "esc"}, nil},
	} {
		p := sitOpposite(t, 80, 24).press("/", "since when", "enter", "n", "asks w", "esc", "/", "what changed", "enter")
		p.press(tt.keys[0])
		if s := p.screen(); !strings.Contains(s, "note (Q1b), half typed: asks w") {
			t.Errorf("the note is not offered:\n%s", s)
		}
		var notes []string
		for _, note := range p.press(tt.keys[1:]...).m.n.Notes() {
			notes = append(notes, string(note.About)+" "+note.Text)
		}
		if !slices.Equal(notes, tt.want) {
			t.Errorf("%q: the notes are %q, want %q", tt.keys, notes, tt.want)
		}
	}
}

// TestInterviewAsksAgain ticks nothing at the first enter where words may mean something
// else, and nobody concludes by the way.
func TestInterviewAsksAgain(t *testing.T) {
	p := sitOpposite(t, 80, 24)
	before := len(p.events)
	p.press("/", "false alarm", "enter")
	if len(p.events) != before || p.m.n.Verdict() != nil {
		t.Errorf("the first enter did something: %+v", p.events[before:])
	}
	if p.press("enter"); p.m.n.Verdict() == nil || !p.m.n.Verdict().Healthy {
		t.Errorf("the second did not conclude: %+v", p.m.n.Verdict())
	}
	before = len(p.events)
	p.press("c", "receive ring", "enter")
	if len(p.events) != before {
		t.Errorf("one enter named what is not at work: %+v", p.events[before:])
	}
	p.press("esc", "/", "set netdev_max_backlog to 250000", "enter")
	if len(p.events) != before {
		t.Errorf("one enter ticked a step that does not help: %+v", p.events[before:])
	}
	p.press("esc", "/", "the red door", "enter")
	if last := p.events[len(p.events)-1]; last.Kind == interview.Ticked {
		t.Errorf("enter ticked what was hardly said: %+v", last)
	}
}

// TestInterviewConcludes names a cause, takes it back, and says that nothing is wrong.
func TestInterviewConcludes(t *testing.T) {
	p := sitOpposite(t, 80, 24).press("c", "accept queue", "enter")
	if v := p.m.n.Verdict(); v == nil || len(v.Causes) != 1 || v.Causes[0] != "listen.accept-queue-full" {
		t.Fatalf("the conclusion is %+v", v)
	}
	p.press("c", "accept queue", "enter")
	if v := p.m.n.Verdict(); v != nil {
		t.Errorf("taken back it is %+v", v)
	}
	p.press("c", "enter", "enter")
	if v := p.m.n.Verdict(); v == nil || !v.Healthy {
		t.Errorf("the conclusion is %+v", v)
	}
}

// TestInterviewLevels puts the whole at each level in turn, and at none.
func TestInterviewLevels(t *testing.T) {
	p := sitOpposite(t, 80, 24).press("6")
	for _, want := range []string{interview.Below, "junior", "senior", "staff", ""} {
		p.press("space")
		if got := p.m.n.Decided(content.Whole); got != want {
			t.Errorf("the level is %q, want %q", got, want)
		}
	}
}

// TestInterviewUnkept tells that the disk is full, and goes on.
func TestInterviewUnkept(t *testing.T) {
	p := sitOpposite(t, 80, 24)
	p.full = true
	p.press("/", "since when", "enter")
	if s := p.screen(); !strings.Contains(s, "not on disk: no space left") || !p.m.n.Has("question:Q1b") {
		t.Errorf("the screen is\n%s", s)
	}
	if s := p.press("e").screen(); !strings.Contains(s, "was not written: no space left") {
		t.Errorf("the screen is\n%s", s)
	}
}

// TestInterviewLeaves asks before it leaves, but not where one wants to leave at once.
func TestInterviewLeaves(t *testing.T) {
	for _, tt := range []struct {
		keys []string
		left bool
	}{{[]string{"q"}, false}, {[]string{"q", "x"}, false}, {[]string{"q", "q"}, true}, {[]string{"ctrl+c"}, true}, {[]string{"/", "q", "ctrl+c"}, true}, {[]string{"/", "q", "q"}, false}} {
		if p := sitOpposite(t, 80, 24).press(tt.keys...); p.left != tt.left {
			t.Errorf("%v left: %v", tt.keys, p.left)
		}
	}
}

// TestInterviewAnySize draws every page on screens down to nothing.
func TestInterviewAnySize(t *testing.T) {
	p := sitOpposite(t, 80, 24)
	for w := 0; w <= 130; w += 13 {
		for h := 0; h <= 15; h += 3 {
			p.send(tea.WindowSizeMsg{Width: w, Height: h})
			for _, key := range []string{"1", "2", "down", "space", "3", "enter", "pgdown", "esc", "4", "5", "6", "down", "/", "a", "esc", "c", "z", "esc", "n", "x", "esc", "?", "esc", "q", "x"} {
				p.press(key)
				if p.fitting(); t.Failed() {
					t.Fatalf("after %s", key)
				}
			}
		}
	}
}

// BenchmarkInterviewKey finds what the candidate said, letter by letter, and draws.
func BenchmarkInterviewKey(b *testing.B) {
	p := sitOpposite(&testing.T{}, 80, 24)
	p.press("/")
	for i := 0; b.Loop(); i++ {
		key := string("retransmits "[i%12])
		if i%12 == 11 {
			p.m.search.line = newLine("")
		}
		p.press(key)
		p.m.draw()
	}
}
