package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
	"whydrop/probes/fact"
)

// TestTrainAsksWhole shows the keys of each question before something that cannot be
// taken back, on screens of any size on which there is room for them.
func TestTrainAsksWhole(t *testing.T) {
	placed := slices.Concat(trainSuspected, []string{"c", "enter", "down", "enter", "esc", "enter", "listen", "enter"})
	for _, tt := range []struct {
		name string
		keys []string
		asks []string // and its keys
	}{
		{"plan", slices.Concat(placed, []string{"enter"}), []string{"final then", "y go on", "n not yet"}},
		{"hand in early", slices.Concat(placed, []string{"c"}), []string{"final then", "y go on", "n not yet"}},
		{"hand in", slices.Concat(trainConcluded, []string{"c"}), []string{"Still empty: way back, check.", "y hand it in", "n not yet"}},
		{"hint", []string{"enter", "i"}, []string{"1.5 of 24 points", "y take it", "n no"}},
		{"leave", slices.Concat(trainAsked, []string{"q"}), []string{"is kept", "y leave", "l to the list", "n stay"}},
		{"begin anew", slices.Concat(trainAsked, []string{"q", "l", "b"}), []string{"Begin it anew?", "y begin anew, n not"}},
		{"leave at once", []string{"enter", "q"}, []string{"nothing of it", "y leave", "l to the list", "n stay"}},
	} {
		c := sitAtTraining(t, 80, 24).press(tt.keys...)
		for _, size := range [][2]int{{80, 24}, {40, 10}, {32, 12}, {200, 60}} {
			c.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			screen := c.screen()
			whole := strings.Join(strings.Fields(screen), " ")
			for _, want := range tt.asks {
				if !strings.Contains(whole, want) {
					t.Errorf("%s, %dx%d: %q is not to be seen:\n%s", tt.name, size[0], size[1], want, screen)
				}
			}
		}
	}
}

// TestTrainNeedsPlace takes no conclusion for final that does not say where it is, and
// asks for no place where nothing is wrong.
func TestTrainNeedsPlace(t *testing.T) {
	for _, last := range [][]string{{"c"}, {"down", "enter"}, {"end", "enter"}} {
		c := sitAtTraining(t, 80, 24).press(slices.Concat(trainSuspected, []string{"c", "enter", "down", "enter", "esc"}, last)...)
		if c.m.confirm != nil || c.m.form.cursor != place || !strings.Contains(c.screen(), "Name the place, too") {
			t.Errorf("%v without a place:\n%s", last, c.screen())
		}
	}
	c := sitAtTraining(t, 80, 24).press("enter", "c", "enter", "enter", "esc", "enter", "y")
	if named := c.m.seat.Session.Named(); named == nil || !named.Healthy {
		t.Errorf("nothing wrong cannot be concluded:\n%s", c.screen())
	}
}

// TestTrainNothingFinalUnasked needs a yes for cause and place, and one for the rest.
func TestTrainNothingFinalUnasked(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press(slices.Concat(trainAsked, []string{"q", "l", "b", "enter"})...)
	if c.m.phase != trainListing || len(c.events) < 2 {
		t.Errorf("an interview is begun anew without a yes:\n%s", c.screen())
	}
	if c.press("b", "y"); c.m.phase != trainTalking || len(c.events) != 1 {
		t.Errorf("it is not begun anew:\n%s", c.screen())
	}
	for _, keys := range [][]string{{"enter"}, {"enter", "enter"}, {"enter", "n"}, {"c", "c"}, {"end", "enter", "enter"}, {"end", "enter", "esc"}} {
		placed := slices.Concat(trainSuspected, []string{"c", "enter", "down", "enter", "esc", "enter", "listen", "enter"}, keys)
		if s := sitAtTraining(t, 80, 24).press(placed...).m.seat.Session; s.Named() != nil {
			t.Errorf("%v: cause and place are final without a yes", keys)
		}
		if s := sitAtTraining(t, 80, 24).press(slices.Concat(trainConcluded, keys)...).m.seat.Session; s.Concluded() != nil {
			t.Errorf("%v: the conclusion is final without a yes", keys)
		}
	}
}

// TestTrainFinal offers nothing to ask once cause and place are final, and says so to
// whoever tries; the plan is gone on with.
func TestTrainFinal(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press(slices.Concat(trainConcluded, []string{"esc"})...)
	if screen := c.screen(); strings.Contains(screen, "a ask") || !strings.Contains(screen, "c go on concluding") {
		t.Errorf("the keys are\n%s", screen)
	}
	for _, key := range []string{"a", "m", "h", "/", "i"} {
		if c.press(key); c.m.picker != nil || c.m.confirm != nil || !strings.Contains(c.screen(), "Cause and place are final") {
			t.Fatalf("%s after the conclusion:\n%s", key, c.screen())
		}
	}
	if c.press("c"); c.m.phase != trainConcluding {
		t.Errorf("the plan is not gone on with:\n%s", c.screen())
	}
}

// TestTrainHintCosts compares what a hint costs with what is said before it.
func TestTrainHintCosts(t *testing.T) {
	total := func(keys ...string) float64 {
		c := sitAtTraining(t, 80, 24).press("enter", "a", "Q1a", "enter")
		c.press(keys...)
		c.press(slices.Concat([]string{"esc"}, trainHandedIn[1:])...)
		return c.m.review.feedback.Total
	}
	without, with := total(), total("i", "y")
	if costs := without - with; costs <= 0 || costs > 1.5 {
		t.Errorf("a hint costs %v points, 1.5 at most are told", costs)
	}
}

// TestTrainSupposesHealth states that nothing is wrong as a hypothesis and as a
// conclusion, in the words that people use.
func TestTrainSupposesHealth(t *testing.T) {
	for _, words := range []string{"healthy", "none", "nothing is wrong", "nothing wrong", "nothing-wrong"} {
		c := sitAtTraining(t, 80, 24).press("enter", "h", words, "enter")
		if got := c.m.seat.Session.Suspects(); !slices.Equal(got, []string{train.NothingWrong}) {
			t.Errorf("%q states %v", words, got)
		}
		c.press("enter", "esc", "c", "enter", words, "enter")
		if got := c.draft.Conclusion; !got.Healthy || len(got.Causes) > 0 || len(c.m.seat.Session.Suspects()) > 0 {
			t.Errorf("%q concludes %+v", words, got)
		}
	}
}

// TestTrainJudgesWhatIsAsked has whatever is marked as the candidate's own judgement to
// be ticked, and nothing else.
func TestTrainJudgesWhatIsAsked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		keys   []string
		boxes  bool
		screen string
	}{
		{"judged", trainHandedIn, true, "It should say:"},
		{"no word of it", slices.Concat(trainSuspected, []string{
			"c", "enter", "down", "enter", "esc", "enter", "listen", "enter", "enter", "y", "esc", "enter", "lorem ipsum", "enter", "c", "y",
		}), false, "it counts as not said"},
		{"nothing said", slices.Concat(trainSuspected, []string{"c", "enter", "down", "enter", "esc", "enter", "listen", "enter", "enter", "y", "esc", "c", "y"}), false, "nothing"},
	} {
		c := sitAtTraining(t, 80, 60).press(tt.keys...).press("4")
		if screen := c.screen(); strings.Contains(screen, "[ ]") != tt.boxes || !strings.Contains(screen, tt.screen) {
			t.Errorf("%s:\n%s", tt.name, screen)
		}
		c.press("space", "enter")
		for _, m := range c.m.review.feedback.Marks {
			for _, r := range m.Reasons {
				if r.SelfAssessed && !tt.boxes {
					t.Errorf("%s: nobody was asked whether %q", tt.name, r.Says)
				}
			}
		}
	}
}

// TestTrainUnjudged says which of the candidate's words nothing is laid beside.
func TestTrainUnjudged(t *testing.T) {
	c := sitAtTraining(t, 80, 60).press(trainHandedIn...).press("4")
	c.m.review.debrief.Plan = nil
	if screen := c.screen(); !strings.Contains(screen, "Not judged, for the right plan has nothing to say on it: what can go wrong.") {
		t.Errorf("the screen is\n%s", screen)
	}
}

// TestTrainTellsMore says that a measurement has more than is shown, and with which key.
func TestTrainTellsMore(t *testing.T) {
	c := sitAtTraining(t, 80, 120).press(trainMeasured...)
	if screen := c.screen(); !strings.Contains(screen, "There is more of it: v shows all.") || !strings.Contains(screen, "v all of it") {
		t.Errorf("nothing says that there is more:\n%s", screen)
	}
	if screen := c.press("v").screen(); strings.Contains(screen, "There is more of it") || !strings.Contains(screen, "v the first") {
		t.Errorf("there is more than all:\n%s", screen)
	}
}

// TestGoldenTrainLive draws what a live host adds: its keys, a shell that fails, and the
// looks whether it is mended.
func TestGoldenTrainLive(t *testing.T) {
	for _, tt := range []struct {
		name string
		well bool // the shell opens, and the host can be looked at
		sits func(*candidate)
	}{
		{"keys", true, func(c *candidate) {}},
		{"help", true, func(c *candidate) { c.press("?", "end") }},
		{"shell", false, func(c *candidate) {
			c.m.surface = &lender{}
			c.press("s")
		}},
		{"looking", true, func(c *candidate) { c.at.Update(tea.KeyPressMsg{Code: 'x', Text: "x"}) }},
		{"unseen", false, func(c *candidate) { c.press("x") }},
		{"unfixed", true, func(c *candidate) { c.press("x") }},
		{"fixed", true, func(c *candidate) {
			c.mend()
			c.press("x")
		}},
		{"reviewed", true, func(c *candidate) {
			c.mend()
			c.press(slices.Concat(trainHandedIn[1:], []string{"x"})...)
		}},
	} {
		wrong := errors.New("no shell at /bin/nothing")
		if tt.well {
			wrong = nil
		}
		c := sitAtLive(t, &wrong)
		c.send(tea.WindowSizeMsg{Width: 40, Height: 10})
		tt.sits(c)
		for _, size := range [][2]int{{40, 10}, {80, 24}} {
			c.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			golden(t, fmt.Sprintf("train-live-%s-%dx%d", tt.name, size[0], size[1]), settled(c.screen()))
		}
	}
}

// mend lets the live host be seen without its fault from now on.
func (c *candidate) mend() {
	live := c.m.seat.Live
	sick, err := live.Look()
	if sick == nil || sick.Facts == nil {
		c.t.Fatal("nothing was seen: ", err)
	}
	well := *sick.Facts
	well.Values, well.Tables = map[string]fact.Value{}, map[string][]fact.Row{}
	for name, v := range sick.Facts.Values {
		if strings.HasPrefix(name, "TcpExt.Listen") {
			v.Now = 0.0
		}
		well.Values[name] = v
	}
	live.Look = func() (*train.Seen, error) { return &train.Seen{Facts: &well}, nil }
}

// TestTrainListAtAsked has the list at the incident that was asked for, where that can't be
// opened: enter must not begin another one.
func TestTrainListAtAsked(t *testing.T) {
	c := sitAtTraining(t, 80, 24)
	c.m.options.First = "no-such"
	m, err := newTrain(c.m.options)
	if err != nil {
		t.Fatal(err)
	}
	c.sit(m, &m.desk, m.draw, 80, 24)
	c.send(c.m.open("no-such", false)())
	if at := m.list.all[m.list.cursor].ID; at != "no-such" {
		t.Errorf("enter begins %s", at)
	}
}

// TestTrainWordsReachable shows all of the page of the own words on a small screen: what
// stands above the first of them, and below the last.
func TestTrainWordsReachable(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press(trainHandedIn...)
	c.m.review.debrief.Plan = nil
	c.send(tea.WindowSizeMsg{Width: 60, Height: 18})
	if c.press("4"); !strings.Contains(c.screen(), "Be strict") {
		t.Errorf("the beginning is not to be seen:\n%s", c.screen())
	}
	if c.press("down", "down", "down", "down", "down", "down"); !strings.Contains(c.screen(), "Not judged") {
		t.Errorf("the end is not to be seen:\n%s", c.screen())
	}
	if c.press("home"); !strings.Contains(c.screen(), "Be strict") || c.press("pgdown").m.review.cursor == 0 {
		t.Errorf("the page does not turn:\n%s", c.screen())
	}
	if c.press("up"); !strings.Contains(c.screen(), c.m.theme.pointer+" [") {
		t.Errorf("the cursor is not to be seen:\n%s", c.screen())
	}
}
