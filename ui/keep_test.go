package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
)

// Whatever the operator says is there to be kept after the key that said it: an
// answer, every letter of a note, a mark. Trouble with the keeping stays on the
// screen for a while, whatever is pressed.
func TestWhatIsSaidIsKept(t *testing.T) {
	o := sitDown(t, 80, 24)
	var kept *checklist.Case
	var trouble error
	o.m.options.Keep = func(c *checklist.Case) error {
		kept = c.Copy()
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
	o.press("enter", "m", "load test", "enter")
	events := kept.Track.Events()
	if len(events) == 0 || !strings.Contains(events[len(events)-1].Text, "load test") {
		t.Errorf("after a mark %v is kept", events)
	}

	trouble = errors.New("the answers are NOT kept: the disk is full")
	o.press("down")
	o.see("the answers are NOT kept: the disk is full")
	o.press("up", "2")
	o.see("the answers are NOT kept: the disk is full")
	later := o.m.now().Add(2 * heldFor)
	o.m.now = func() time.Time { return later }
	o.press("up")
	if strings.Contains(o.screen(), "NOT kept") {
		t.Error("the trouble stays for ever")
	}
}
