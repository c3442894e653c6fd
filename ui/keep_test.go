package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
)

// Whatever the operator says is there to be kept after the key that said it: an
// answer, every letter of a note, a mark. Trouble with the keeping stays on the
// screen for a while, whatever is pressed.
func TestWhatIsSaidIsKept(t *testing.T) {
	o := sitDown(t, 80, 24)
	var kept *checklist.Case
	var trouble error
	var at casefile.Place
	o.m.options.Keep = func(s casefile.Snapshot) error {
		kept, at = s.Case.Copy(), s.Place
		err := trouble
		trouble = nil // told once
		return err
	}
	o.press("enter", "space")
	if got := kept.Answers["Q1a"].Options; len(got) != 1 {
		t.Errorf("after a tick %v is kept", got)
	}
	o.press("n", "since no")
	if got := kept.Answers["Q1a"].Note; got != "since no" {
		t.Errorf("in the middle of a note %q is kept", got)
	}
	o.press("enter", "m", "load te")
	if at.Mark != "load te" || at.Question != "Q1a" || at.Screen != "Walk" {
		t.Errorf("in the middle of a mark %+v is kept", at)
	}
	o.press("st", "enter")
	events := kept.Track.Events()
	if len(events) == 0 || !strings.Contains(events[len(events)-1].Text, "load test") {
		t.Errorf("after a mark %v is kept", events)
	}

	trouble = errors.New("the answers are NOT kept: the disk is full")
	o.press("down")
	o.see("the answers are NOT kept: the disk is full")
	o.press("up", "2")
	o.see("the answers are NOT kept: the disk is full")
	o.m.options.Unkept = func() bool { return true }
	later := o.m.now().Add(2 * heldFor)
	o.m.now = func() time.Time { return later }
	o.press("up")
	if strings.Contains(o.screen(), "the disk is full") {
		t.Error("what was told once stays for ever")
	}
	o.see("ANSWERS NOT KEPT. ") // for as long as it is so
	o.m.options.Unkept = func() bool { return false }
	o.press("down")
	if strings.Contains(o.screen(), "NOT KEPT") {
		t.Error("the warning stays when all is kept")
	}
}

// A case that is gone on with opens where it was left, with the mark that was being
// typed, and says what it is.
func TestResume(t *testing.T) {
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		place      casefile.Place
		see, notIn string
	}{
		{casefile.Place{Screen: "Walk", Question: "Q3a"}, "Q3a, ", "starts."},
		{casefile.Place{Screen: "Plan", Question: "Q3a", Mark: "load te"}, "[7 Plan]", "starts."},
		{casefile.Place{Screen: "of a newer whydrop", Question: "Q99"}, "Q1a, ", "starts."},
		{casefile.Place{}, "starts.", "Q1a, "},
	} {
		m, err := newModel(Options{Resume: &tt.place, Note: "Case of vm"})
		if err != nil {
			t.Fatal(err)
		}
		k := checklist.NewCase(book, time.Now())
		m.Update(openMsg{k, nil})
		m.Update(judgedMsg{judgement: judgementOf(k), generation: m.wanted})
		screen := strings.Join(m.draw(), "\n")
		if !strings.Contains(screen, tt.see) || strings.Contains(screen, tt.notIn) {
			t.Errorf("%+v opens\n%s", tt.place, screen)
		}
		if m.draft != tt.place.Mark {
			t.Errorf("%+v: the mark is %q", tt.place, m.draft)
		}
		if got := m.place(); tt.place.Question == "Q3a" && got != tt.place {
			t.Errorf("%+v is left at %+v", tt.place, got)
		}
	}
}
