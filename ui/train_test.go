package ui

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
	"whydrop/content"
)

var trainingBook = sync.OnceValues(func() (*content.Book, error) { return content.LoadTraining("") })

// candidate sits before the training screen.
type candidate struct {
	sitter
	m       *trainModel
	events  []train.Event // that are on disk
	draft   TrainDraft    // that is on disk
	learned []bool        // whether the words were judged, each time
	full    bool          // the disk
	closed  bool
}

const trainingOn = "checkout-three-seconds"

// sitAtTraining shows the list of two incidents.
func sitAtTraining(t *testing.T, width, height int) *candidate {
	t.Helper()
	book, err := trainingBook()
	if err != nil {
		t.Fatal(err)
	}
	c := &candidate{sitter: newSitter(t, 2*time.Second)}
	c.m, err = newTrain(TrainOptions{
		Book: book, Look: Look{Theme: "ascii"}, Open: c.open,
		Incidents: func() []TrainIncident {
			return []TrainIncident{
				{ID: trainingOn, Title: book.Scenario(trainingOn).Title, Level: 1, Why: "none was trained yet", Begun: len(c.events) > 1, Steps: 3},
				{ID: "volume-hiccups", Title: "Hiccups", Level: 1, Times: 2, Best: .71},
				{ID: "no-such", Title: "An incident that can't be opened", Level: 2},
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.sit(c.m, &c.m.desk, c.m.draw, width, height)
	return c
}

// open goes on with the events that are on disk.
func (c *candidate) open(id string, anew bool) (*TrainSeat, error) {
	book := c.m.options.Book
	sc := book.Scenario(id)
	if sc == nil {
		return nil, errors.New("its recording: no such file")
	}
	host, err := train.Recorded(book, sc)
	if err != nil {
		return nil, err
	}
	if anew {
		c.events = nil
	}
	s, notes := train.Replay(book, sc, host, c.events)
	s.Now = func() time.Time { return c.clock }
	s.Keep = func(e train.Event) error {
		if c.full {
			return errors.New("no space left on device")
		}
		c.events = append(c.events, e)
		return nil
	}
	return &TrainSeat{
		Session: s, Notes: notes, Draft: c.draft,
		KeepDraft: func(d TrainDraft) error { c.draft = d; return nil },
		Kept:      func() bool { return len(c.events) > 1 || c.draft.Note != "" },
		Scorecard: func(s *train.Session) (string, error) { return "/tmp/card.md", nil },
		Learned: func(s *train.Session, f *train.Feedback) ([]TrainAdvice, error) {
			c.learned = append(c.learned, f.Checked)
			return []TrainAdvice{{"train a scenario of level 1", "whydrop train volume-hiccups", "1 of 3 done well"}}, nil
		},
		Close: func() { c.closed = true },
	}, nil
}

// press presses keys; what is no name of a key is typed.
func (c *candidate) press(keys ...string) *candidate {
	c.t.Helper()
	c.sitter.press(keys...)
	return c
}

// The ways of a candidate who asks, measures, suspects and concludes.
var (
	trainAsked     = []string{"enter", "a", "change", "enter"}
	trainMeasured  = slices.Concat(trainAsked, []string{"m", "ss", "enter"})
	trainSuspected = slices.Concat(trainMeasured, []string{"h", "accept queue", "enter", "esc"})
	trainConcluded = slices.Concat(trainSuspected, []string{
		"c", "enter", "down", "enter", "esc", "enter", "listen", "enter", "enter", "y", "accept faster", "enter", "esc",
		"enter", "the queue is full and SYNs are dropped", "enter", "enter", "requests wait inside", "enter",
	})
	trainHandedIn = slices.Concat(trainConcluded, []string{"end", "enter", "y"})
)

// settled is a screen without the numbers that follow any change of the content: bits,
// and how long a page is beyond the screen.
func settled(screen string) string {
	screen = regexp.MustCompile(`\d+( more lines)`).ReplaceAllString(screen, "N$1")
	return regexp.MustCompile(` \d\.\d\d\b`).ReplaceAllString(screen, " N.NN")
}

// TestGoldenTrain draws what the candidate sees after some keys, on screens of several
// sizes. The screens hold real questions and causes: after a change of the content they
// are written anew with -update, and read.
func TestGoldenTrain(t *testing.T) {
	small, large := [2]int{40, 10}, [2]int{120, 40}
	for _, tt := range []struct {
		name string
		keys []string
		also [][2]int // sizes beside 80x24
	}{
		{"list", nil, [][2]int{large}},
		{"opening", []string{"enter"}, [][2]int{small}},
		{"ask", []string{"enter", "a", "change"}, [][2]int{small}},
		{"questions", []string{"enter", "a", "down", "down"}, nil},
		{"measurement", trainMeasured, [][2]int{small, large}},
		{"means", slices.Concat(trainMeasured, []string{"f"}), nil},
		{"hypotheses", slices.Concat(trainSuspected, []string{"h"}), nil},
		{"conclusion", trainConcluded, [][2]int{small}},
		{"writing", slices.Concat(trainConcluded, []string{"enter", "restart it"}), nil},
		{"plan", slices.Concat(trainSuspected, []string{"c", "enter", "down", "enter", "esc", "enter", "listen", "enter", "enter", "y", "down"}), nil},
		{"marks", trainHandedIn, [][2]int{small, large}},
		{"steps", slices.Concat(trainHandedIn, []string{"2"}), [][2]int{large}},
		{"words", slices.Concat(trainHandedIn, []string{"4", "space", "down"}), [][2]int{small}},
		{"ideal", slices.Concat(trainHandedIn, []string{"5"}), nil},
		{"truth", slices.Concat(trainHandedIn, []string{"6"}), nil},
		{"next", slices.Concat(trainHandedIn, []string{"7"}), nil},
		{"help", []string{"enter", "?"}, nil},
	} {
		for _, size := range append([][2]int{{80, 24}}, tt.also...) {
			name := fmt.Sprintf("train-%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				screen := sitAtTraining(t, size[0], size[1]).press(tt.keys...).screen()
				golden(t, name, settled(screen))
			})
		}
	}
}

// TestTrainKeeps has each step and each letter on disk before the next key, and goes on
// from there after a kill.
func TestTrainKeeps(t *testing.T) {
	c := sitAtTraining(t, 80, 24)
	c.press(trainSuspected...)
	if len(c.events) != 4 || c.events[3].Kind != train.Suspected { // and the beginning
		t.Fatalf("%d events are kept", len(c.events))
	}
	c.press("n", "odd que")
	if c.draft.Note != "odd que" {
		t.Errorf("of the note %q is kept", c.draft.Note)
	}
	c.press("esc", "c", "down", "down", "down", "enter", "SYNs are lo")
	if c.draft.Conclusion.Explanation != "SYNs are lo" {
		t.Errorf("of the explanation %q is kept", c.draft.Conclusion.Explanation)
	}

	again := sitAtTraining(t, 80, 200) // after a kill
	again.events, again.draft = c.events, c.draft
	again.press("enter")
	screen := again.screen()
	for _, want := range []string{"2 steps", "1 suspected", "The sale. We sent a push", "You suspect: The accept queue", "n goes on with it", "c goes on with it"} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is not on the screen:\n%s", want, screen)
		}
	}
	if again.press("n", "ue", "enter"); again.m.seat.Session.Notes()[0] != "odd queue" || again.draft.Note != "" {
		t.Errorf("the notes are %q, the draft %q", again.m.seat.Session.Notes(), again.draft.Note)
	}
	if again.press("c"); !strings.Contains(again.screen(), "SYNs are lo") {
		t.Errorf("the form has lost its text:\n%s", again.screen())
	}
}

// TestTrainUnkept says that a step is not on disk, and goes on.
func TestTrainUnkept(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press("enter")
	c.full = true
	c.press("a", "enter")
	if screen := c.screen(); !strings.Contains(screen, "not on disk: no space left") || !strings.Contains(screen, "1 step") {
		t.Errorf("the screen is\n%s", screen)
	}
}

// TestTrainHintAsksFirst takes no hint for a key that slipped.
func TestTrainHintAsksFirst(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press("enter", "i", "n")
	if len(c.events) != 1 {
		t.Errorf("%d events after a hint that was refused", len(c.events))
	}
	if c.press("i", "y"); len(c.events) != 2 || c.events[1].Kind != train.Hinted {
		t.Errorf("%d events after a hint", len(c.events))
	}
}

// TestTrainCommits hands in what the form holds, and only with a cause and after asking.
func TestTrainCommits(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press("enter", "c", "end", "enter")
	if c.m.phase != trainConcluding || !strings.Contains(c.screen(), "Name a cause first") {
		t.Fatalf("an empty conclusion:\n%s", c.screen())
	}
	c = sitAtTraining(t, 80, 24).press(trainConcluded...)
	if c.press("end", "enter", "n"); c.m.seat.Session.Concluded() != nil {
		t.Fatal("it was handed in without consent")
	}
	c.press("enter", "y")
	got := c.m.seat.Session.Concluded()
	if got == nil || !slices.Equal(got.Causes, []string{"listen.accept-queue-full"}) || got.Hop != "listen" ||
		!slices.Equal(got.Steps, []string{"listen.accept-queue-full/accept-faster"}) ||
		got.Explanation != "the queue is full and SYNs are dropped" || got.Risk != "requests wait inside" || got.Verify != "" {
		t.Errorf("the conclusion is %+v", got)
	}
	if c.draft.Conclusion.Explanation != "" {
		t.Errorf("the draft still has %+v", c.draft)
	}
	if !slices.Equal(c.learned, []bool{false}) {
		t.Errorf("what was trained is kept %v", c.learned)
	}
}

// TestTrainNothingWrong takes nothing wrong and a cause for a contradiction: the later
// tick stands.
func TestTrainNothingWrong(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press("enter", "c", "enter", "enter")
	if got := c.draft.Conclusion; !got.Healthy {
		t.Errorf("the form has %+v", got)
	}
	if c.press("accept queue", "enter"); c.draft.Conclusion.Healthy || len(c.draft.Conclusion.Causes) != 1 {
		t.Errorf("the form has %+v", c.draft.Conclusion)
	}
}

// TestTrainJudgesOwnWords counts each tick at once, and takes note of it when the page
// is left.
func TestTrainJudgesOwnWords(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press(trainHandedIn...)
	c.press("4", "space", "down", "down", "space", "space")
	check := c.events[len(c.events)-1].Check
	if check == nil || !slices.Equal(check.KeyPoints, []int{0}) {
		t.Fatalf("kept is %+v", check)
	}
	c.press("enter")
	if !slices.Equal(c.learned, []bool{false, true}) || !c.m.review.feedback.Checked {
		t.Errorf("what was trained is kept %v", c.learned)
	}
	c.press("7", "enter")
	if c.m.phase != trainListing || !c.closed {
		t.Errorf("the screen is\n%s", c.screen())
	}
}

// TestTrainLeaves asks before it leaves an interview, and closes it.
func TestTrainLeaves(t *testing.T) {
	for _, tt := range []struct {
		keys       []string
		left, open bool
	}{
		{[]string{"q"}, true, false},
		{[]string{"enter", "q"}, false, false},
		{[]string{"enter", "q", "y"}, true, false}, // nothing was done
		{slices.Concat(trainAsked, []string{"q", "y"}), true, true},
		{slices.Concat(trainAsked, []string{"q", "n"}), false, false},
		{slices.Concat(trainAsked, []string{"a", "ctrl+c"}), true, true},
		{[]string{"enter", "n", "some", "ctrl+c"}, true, true},
		{slices.Concat(trainHandedIn, []string{"q"}), true, false},
	} {
		c := sitAtTraining(t, 80, 24).press(tt.keys...)
		if c.left != tt.left || c.m.left != tt.open || c.left && len(tt.keys) > 1 && !c.closed {
			t.Errorf("%v: left %v, a session is open: %v, closed %v", tt.keys, c.left, c.m.left, c.closed)
		}
	}
}

// TestTrainCannotOpen stays at the list and says why.
func TestTrainCannotOpen(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press("down", "down", "enter")
	if screen := c.screen(); c.m.phase != trainListing || !strings.Contains(screen, "no such file") {
		t.Errorf("the screen is\n%s", screen)
	}
}

// TestTrainAnySize draws every state on screens down to nothing.
func TestTrainAnySize(t *testing.T) {
	keys := slices.Concat(trainHandedIn, []string{"2", "3", "4", "space", "5", "6", "7", "?"})
	for _, size := range [][2]int{{0, 0}, {1, 1}, {4, 3}, {9, 6}, {20, 2}, {20, 30}, {40, 12}} {
		w, h := size[0], size[1]
		c := sitAtTraining(t, w, h)
		for _, key := range keys {
			c.press(key)
			if c.fitting(); t.Failed() {
				t.Fatalf("after %s", key)
			}
		}
	}
}

// TestTrainPaste puts what is pasted into the line, without breaking it.
func TestTrainPaste(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press("enter", "n")
	c.send(tea.PasteMsg{Content: "ListenOverflows\n+681\x1b[2J"})
	if got := c.draft.Note; got != "ListenOverflows +681[2J" {
		t.Errorf("the note is %q", got)
	}
	c.press("enter", "a")
	c.send(tea.PasteMsg{Content: "what changed"})
	if !strings.Contains(c.screen(), "Ask: what changed") {
		t.Errorf("the screen is\n%s", c.screen())
	}
}

// BenchmarkTrainKey is what a letter costs in a search, and a key that scrolls a long
// transcript, with the screen that shows it.
func BenchmarkTrainKey(b *testing.B) {
	for _, tt := range []struct {
		name string
		keys []string
		each string
	}{
		{"search", []string{"enter", "a", "chang"}, "e"},
		{"causes", []string{"enter", "h", "queu"}, "e"},
		{"scroll", slices.Concat(trainMeasured, []string{"f", "v", "m", "enter"}), "j"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			t := &testing.T{}
			c := sitAtTraining(t, 120, 40).press(tt.keys...)
			for b.Loop() {
				c.press(tt.each)
				c.m.draw()
				if c.m.picker != nil {
					c.m.picker.line = newLine("")
				}
			}
		})
	}
}
