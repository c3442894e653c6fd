package interview

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"whydrop/checklist/eventlog"
	"whydrop/content"
)

// theBook is loaded once.
var theBook = sync.OnceValues(func() (*content.Book, error) { return content.LoadTraining("") })

func loadBook(t testing.TB) (*content.Book, *content.Rubric) {
	t.Helper()
	book, err := theBook()
	if err != nil {
		t.Fatal(err)
	}
	r, err := book.Rubric("")
	if err != nil {
		t.Fatal(err)
	}
	return book, r
}

// scripts are written once.
var scripts = map[string]*Interview{}

// sit sits down to interview somebody about a scenario, with a clock that goes on by
// ten seconds with each look.
func sit(t testing.TB, id string) *Interview {
	t.Helper()
	book, rubric := loadBook(t)
	if scripts[id] == nil {
		n, err := New(book, rubric, book.Scenario(id))
		if err != nil {
			t.Fatal(err)
		}
		scripts[id] = n
	}
	n := scripts[id].Anew()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	n.Now = func() time.Time {
		now = now.Add(10 * time.Second)
		return now
	}
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tickAll ticks lines of the script.
func tickAll(t testing.TB, n *Interview, keys ...Key) {
	t.Helper()
	for _, k := range keys {
		must(t, n.Tick(k))
	}
}

const queueScenario = "checkout-three-seconds"

// TestScripts writes the script of every scenario: each question has an answer, each
// probe figures, and commands that show something known, each step says why it is right or not, and the paper names the truth
// and nothing that controls a terminal.
func TestScripts(t *testing.T) {
	book, rubric := loadBook(t)
	for _, sc := range book.Scenarios {
		n, err := New(book, rubric, sc)
		if err != nil {
			t.Errorf("%s: %v", sc.ID, err)
			continue
		}
		counts := map[string]int{}
		for _, e := range n.Script("") {
			counts[e.Key.Kind()]++
			if e.choice.Right {
				counts["right"]++
			}
			if wrong := wrongWith(e); wrong != "" {
				t.Errorf("%s: %s %s", sc.ID, e.Key, wrong)
			}
		}
		if counts[Question] != 20 || counts["right"] == 0 {
			t.Errorf("%s: %v", sc.ID, counts)
		}
		paper := n.Paper()
		for _, c := range sc.Truth {
			if !strings.Contains(paper, md(c)) {
				t.Errorf("%s: the paper does not name %s", sc.ID, c)
			}
		}
		if strings.ContainsFunc(paper, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
			t.Errorf("%s: the paper has control characters", sc.ID)
		}
	}
}

// wrongWith says what a line of the script lacks.
func wrongWith(e *Entry) string {
	switch kind := e.Key.Kind(); {
	case kind == Question && (len(e.Say) != 1 || e.Say[0] == ""):
		return "is not answered"
	case kind == Probe && (e.Reading == nil || len(e.Reading.Lines(false)) == 0):
		return "shows nothing"
	case kind == Step && len(e.Know) == 0:
		return "does not say why it is " + e.Label
	case kind == Step && strings.Contains(strings.Join(e.Know, " "), content.Unknown):
		return fmt.Sprintf("tells what is not known: %q", e.Know)
	case e.Title == "":
		return "has no title"
	}
	return wrongOutput(e)
}

// wrongOutput says which command of a probe shows nothing, or something not known.
func wrongOutput(e *Entry) string {
	for _, o := range e.outputs {
		if len(o.lines) == 0 || slices.ContainsFunc(o.lines, func(l string) bool { return l == "" || strings.Contains(l, content.Unknown) }) {
			return fmt.Sprintf("has the command %s, which shows %q", o.command.Title, o.lines)
		}
	}
	return ""
}

// goodInterview plays somebody who asks first, measures what decides, and mends it.
func goodInterview(t testing.TB, n *Interview) {
	t.Helper()
	must(t, n.Begin())
	for _, q := range []string{"Q1a", "Q1b", "Q2a", "Q3a", "Q3b", "Q4a", "Q8a"} {
		must(t, n.Tick(KeyOf(Question, q)))
	}
	tickAll(t, n, KeyOf(Probe, "counters"), KeyOf(Probe, "sockets"))
	must(t, n.Conclude(Verdict{Causes: []string{"listen.accept-queue-full"}}))
	for i := range n.Scenario().KeyPoints {
		must(t, n.Tick(KeyOf(Point, fmt.Sprint(i))))
	}
	must(t, n.Tick(KeyOf(Step, n.Scenario().Fix[0])))
}

// TestItemsTickThemselves has items count by what happened, and at the time at which
// it did.
func TestItemsTickThemselves(t *testing.T) {
	n := sit(t, queueScenario)
	goodInterview(t, n)
	for _, id := range []string{"1.who", "clarifying.asks", "clarifying.breadth", "clarifying.general", "measuring.sockets", "conclusion.right", "conclusion.founded", "conclusion.mechanism", "plan.fix"} {
		if _, heard := n.Heard(id); !heard {
			t.Errorf("%s does not count", id)
		}
	}
	if h, _ := n.Heard("1.who"); h.After != 10*time.Second || h.By != "Q1a" {
		t.Errorf("1.who counts as %+v, want by Q1a after 10 s", h)
	}
	if _, heard := n.Heard("1.shared"); heard {
		t.Error("nobody ticked 1.shared")
	}
	must(t, n.Toggle(KeyOf(Item, "1.who")))
	if n.Has(KeyOf(Item, "1.who")) {
		t.Error("an item that ticked itself cannot be unticked")
	}
	must(t, n.Toggle(KeyOf(Item, "1.who")))
	if h, heard := n.Heard("1.who"); !heard || h.By != "" {
		t.Errorf("ticked by hand it counts as %+v", h)
	}
}

// TestGuess has a right cause that nothing shows count as right, not as founded, and a
// wrong one as neither.
func TestGuess(t *testing.T) {
	n := sit(t, queueScenario)
	must(t, n.Begin())
	for _, tt := range []struct {
		cause          string
		right, founded bool
	}{{"listen.accept-queue-full", true, false}, {"path.loss", false, false}} {
		must(t, n.Conclude(Verdict{Causes: []string{tt.cause}}))
		_, right := n.Heard("conclusion.right")
		_, founded := n.Heard("conclusion.founded")
		if right != tt.right || founded != tt.founded {
			t.Errorf("%s without a measurement is right %v, founded %v", tt.cause, right, founded)
		}
	}
	must(t, n.Conclude(Verdict{}))
	if n.Verdict() != nil {
		t.Error("a conclusion cannot be taken back")
	}
}

// TestConclusions has the truth count as right and, once all was measured, as founded,
// also where there are two faults or none; half of it and a look-alike count as
// neither.
func TestConclusions(t *testing.T) {
	for _, id := range []string{"two-complaints", "someone-knocks"} {
		n := sit(t, id)
		must(t, n.Begin())
		for _, e := range slices.Concat(n.Script(PageAsked), n.Script(PageMeasure)) {
			must(t, n.Tick(e.Key))
		}
		truth := Verdict{Healthy: n.Scenario().Healthy(), Causes: n.Scenario().Truth}
		wrong := Verdict{Causes: []string{n.Scenario().Herrings[0].Cause}}
		if len(truth.Causes) > 1 {
			wrong = Verdict{Causes: truth.Causes[:1]}
		}
		for _, v := range []Verdict{truth, wrong} {
			must(t, n.Conclude(v))
			_, right := n.Heard("conclusion.right")
			_, founded := n.Heard("conclusion.founded")
			want := slices.Equal(v.Causes, truth.Causes)
			if right != want || founded != want {
				t.Errorf("%s: %+v is right %v, founded %v", id, v, right, founded)
			}
		}
	}
}

// TestReach compares levels with the counts they come from.
func TestReach(t *testing.T) {
	for _, tt := range []struct {
		of, heard []int
		want      int
	}{
		{[]int{2, 2, 2}, []int{0, 0, 0}, -1},
		{[]int{2, 2, 2}, []int{1, 0, 0}, 0},
		{[]int{2, 2, 2}, []int{2, 0, 0}, 0},
		{[]int{2, 2, 2}, []int{1, 1, 0}, 1},
		{[]int{2, 2, 2}, []int{0, 2, 0}, 1}, // more of a higher one stands in for a lower one
		{[]int{2, 2, 2}, []int{0, 1, 0}, 0}, // but counts once
		{[]int{2, 2, 2}, []int{1, 1, 1}, 2},
		{[]int{2, 2, 2}, []int{1, 0, 1}, 1},
		{[]int{2, 2, 2}, []int{0, 0, 1}, 0},
		{[]int{2, 2, 1}, []int{2, 1, 0}, 1},
		{[]int{0, 2, 1}, []int{0, 1, 0}, 1},
	} {
		if got := reach(tt.of, tt.heard); got != tt.want {
			t.Errorf("%v of %v reaches %d, want %d", tt.heard, tt.of, got, tt.want)
		}
	}
}

// items are those of the rubric that are of a level, all for "".
func items(n *Interview, level string) []Key {
	var keys []Key
	for _, e := range n.Script(PageRubric) {
		if level == "" || e.Label == level {
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// TestSuggestion gives everybody a level by the rule: who does everything is staff, who
// says nothing is below, a hint caps it, and a decided level counts.
func TestSuggestion(t *testing.T) {
	n := sit(t, queueScenario)
	must(t, n.Begin())
	if got := n.SuggestWhole(); got.Level != Unjudged || n.LevelTitle(got.Level) != "Not judged" {
		t.Errorf("who says nothing is %+v", got)
	}
	goodInterview(t, n)
	tickAll(t, n, items(n, "Junior")...)
	if got := n.SuggestWhole(); got.Level != "junior" || !strings.Contains(got.Why, "not senior") {
		t.Errorf("who does what a junior does is %+v", got)
	}
	tickAll(t, n, items(n, "")...)
	if got := n.SuggestWhole(); got.Level != "staff" {
		t.Errorf("who does everything is %+v", got)
	}
	must(t, n.Toggle(KeyOf(Hint, "evidence")))
	if got := n.Suggest("conclusion"); got.Level != "junior" || !strings.Contains(got.Why, "the hint \"What it shows\" was given") {
		t.Errorf("after the dearest hint the conclusion is %+v", got)
	}
	if got := n.SuggestWhole(); n.Rubric().Level(got.Level) > n.Rubric().Level("senior") {
		t.Errorf("after the dearest hint the whole is %+v", got)
	}
	must(t, n.Untick(KeyOf(Hint, "evidence")))
	if got := n.SuggestWhole(); got.Level != "staff" {
		t.Errorf("without the hint the whole is %+v", got)
	}
	must(t, n.Decide("plan", "junior"))
	if got := n.SuggestWhole(); got.Level != "senior" || !strings.Contains(got.Why, "plan does not reach it") {
		t.Errorf("with a plan that was put at junior the whole is %+v", got)
	}
	if n.Decide("plan", "wizard") == nil || n.Decide("nothing", "junior") == nil {
		t.Error("a level or section that does not exist was taken")
	}
}

// TestReplay makes an interview again from its events, and from a log that was cut off
// and damaged; unticked lines stay unticked and the same scorecard comes out.
func TestReplay(t *testing.T) {
	n := sit(t, queueScenario)
	dir := t.TempDir()
	log, err := Logs.Create(dir, queueScenario, time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	must(t, err)
	n.Keep = log.Append
	goodInterview(t, n)
	must(t, n.Toggle(KeyOf(Question, "Q3b")))
	must(t, n.Toggle(KeyOf(Hint, "next")))
	must(t, n.Note(KeyOf(Question, "Q1a"), "asks \x1b[31mwell"))
	must(t, n.Call("A. Candidate"))
	must(t, n.Decide(content.Whole, "senior"))
	must(t, n.Draft("", "half a no"))
	if _, _, _, err := Logs.Resume(log.Path); !errors.Is(err, eventlog.ErrInUse) {
		t.Errorf("a log that is written was opened again: %v", err)
	}
	must(t, log.Close())
	f, err := os.OpenFile(log.Path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("garbage\n{\"n\":1,\"kind\":\"begin\"}\n{\"n\":99,\"kind\":\"dance\"}\n{\"n\":40,\"kind\":\"no")
	must(t, err)
	f.Close()
	log, events, notes, err := Logs.Resume(log.Path)
	must(t, err)
	defer log.Close()
	if len(notes) != 4 {
		t.Errorf("notes on the damage: %q", notes)
	}
	again := sit(t, queueScenario)
	if notes := again.Replay(events); len(notes) > 0 {
		t.Errorf("left out: %q", notes)
	}
	card := func(n *Interview) string {
		c := n.Card()
		c.Seconds = 0
		data, err := json.Marshal(c)
		must(t, err)
		return string(data)
	}
	if a, b := card(n), card(again); a != b {
		t.Errorf("the card is\n%s\nwas\n%s", b, a)
	}
	if _, text := again.Drafted(); text != "half a no" {
		t.Errorf("what was being typed is %q", text)
	}
	saved, err := Kept(dir)
	must(t, err)
	if len(saved) != 1 || saved[0].Scenario != queueScenario || saved[0].Level != "senior" {
		t.Errorf("kept: %+v", saved)
	}
	if strings.Contains(saved[0].Path, "Candidate") {
		t.Error("the name is part of the file's name")
	}
}

// TestScorecard has evidence for each mark, and nothing of what people typed controls a
// terminal or makes markdown.
func TestScorecard(t *testing.T) {
	n := sit(t, queueScenario)
	goodInterview(t, n)
	must(t, n.Note(KeyOf(Section, "plan"), "# heading \x1b]0;x\a | <script>"))
	must(t, n.Call("*A* <b>"))
	must(t, n.Toggle(KeyOf(Hint, "gap")))
	text := n.Scorecard()
	for _, want := range []string{"0:10 Asks what is affected", "by Q1a", "Not heard", "right, and what was asked and measured shows it", "Explained", "Hint given", "Suggested by the rule: "} {
		if !strings.Contains(text, want) {
			t.Errorf("the scorecard has no %q:\n%s", want, text)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) || strings.Contains(text, "<script>") || strings.Contains(text, "*A*") {
		t.Errorf("the scorecard is not escaped:\n%s", text)
	}
	if bytes.Contains([]byte(text), []byte("you measured")) {
		t.Error("the scorecard speaks to the candidate")
	}
}

// TestClock counts no breaks, no time while it is held, and no clock that is set back.
func TestClock(t *testing.T) {
	n := sit(t, queueScenario)
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	n.Now = func() time.Time { return at }
	step := func(d time.Duration) { at = at.Add(d) }
	must(t, n.Begin())
	step(time.Minute)
	must(t, n.Hold())
	step(time.Hour)
	must(t, n.Tick(KeyOf(Question, "Q1a")))
	step(time.Hour)
	must(t, n.Hold())
	step(time.Minute)
	must(t, n.Tick(KeyOf(Question, "Q1b")))
	step(time.Hour)
	n.sitting = false
	must(t, n.Begin()) // after a break
	step(-time.Hour)
	must(t, n.Tick(KeyOf(Question, "Q2a")))
	step(time.Minute)
	if got := n.Elapsed(); got != 3*time.Minute {
		t.Errorf("%v went by, want 3 minutes", got)
	}
	if p, left := n.Pace(); p.Title != "Clarifying" || left != 12*time.Minute {
		t.Errorf("after 3 minutes it is %s, %v left", p.Title, left)
	}
	step(2 * time.Hour)
	if p, left := n.Pace(); p.Title != "Debrief" || left > 0 {
		t.Errorf("long after the end it is %s, %v left", p.Title, left)
	}
}

// TestRemarksDue drops remarks in after their steps, until they were.
func TestRemarksDue(t *testing.T) {
	n := sit(t, queueScenario)
	must(t, n.Begin())
	if len(n.Due()) != 0 {
		t.Error("a remark is due before the first step")
	}
	for _, q := range []string{"Q1a", "Q1b", "Q2a", "Q3a", "Q3b"} {
		must(t, n.Tick(KeyOf(Question, q)))
	}
	due := n.Due()
	if len(due) != 1 || due[0].From == "" {
		t.Fatalf("due: %+v", due)
	}
	must(t, n.Tick(due[0].Key))
	if len(n.Due()) != 0 {
		t.Error("the remark was dropped in and is still due")
	}
}

// TestUnkept tells that an event is not on disk; it counts nevertheless.
func TestUnkept(t *testing.T) {
	n := sit(t, queueScenario)
	n.Keep = func(Event) error { return errors.New("no space left on device") }
	var unkept *NotKeptError
	if err := n.Tick("question:Q1a"); !errors.As(err, &unkept) || !n.Has("question:Q1a") {
		t.Errorf("error %v", err)
	}
	for _, k := range []Key{"", "question:Q99", "story:truth", "section:plan", "x"} {
		if err := n.Tick(k); err == nil || errors.As(err, &unkept) {
			t.Errorf("%q was ticked: %v", k, err)
		}
	}
}

// FuzzLog reads any log and replays it: nothing breaks, and a scorecard comes out.
func FuzzLog(f *testing.F) {
	f.Add([]byte(`{"n":1,"at":"2026-03-01T09:00:00Z","kind":"begin","key":"x"}` + "\n" + `{"n":2,"at":"2026-03-01T09:00:01Z","kind":"tick","key":"question:Q1a"}` + "\n"))
	f.Add([]byte(`{"n":-1,"at":"9999-01-01T00:00:00Z","kind":"untick","key":"probe:counters"}` + "\n" + `{"n":7,"kind":"conclude","causes":["path.loss","path.loss"]}` + "\n{"))
	f.Add([]byte(`{"n":3,"kind":"hint","key":"hint:next","text":"\u001b"}` + "\n" + `{"n":4,"kind":"level","key":"section:whole","text":"staff"}` + "\n"))
	book, rubric := loadBook(f)
	n, err := New(book, rubric, book.Scenario(queueScenario))
	must(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		events, _ := Logs.Parse(data)
		again := n.Anew()
		again.Replay(events)
		if text := again.Scorecard(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("%q", text)
		}
	})
}

// BenchmarkTick ticks a question and looks at an item, before and after the conclusion,
// and writes a scorecard.
func BenchmarkTick(b *testing.B) {
	for _, concluded := range []bool{false, true} {
		b.Run(fmt.Sprintf("concluded=%v", concluded), func(b *testing.B) {
			n := sit(b, queueScenario)
			goodInterview(b, n)
			if !concluded {
				must(b, n.Conclude(Verdict{}))
			}
			for i := 0; b.Loop(); i++ {
				if i%12 == 0 { // ticks only
					b.StopTimer()
					for _, q := range []string{"Q5a", "Q5b", "Q6a", "Q6b", "Q7a", "Q7b", "Q8b", "Q9a", "Q9b", "Q10a", "Q10b", "Q2b"} {
						must(b, n.Untick(KeyOf(Question, q)))
					}
					n.session()
					b.StartTimer()
				}
				must(b, n.Tick(KeyOf(Question, []string{"Q5a", "Q5b", "Q6a", "Q6b", "Q7a", "Q7b", "Q8b", "Q9a", "Q9b", "Q10a", "Q10b", "Q2b"}[i%12])))
				n.Heard("conclusion.founded")
			}
		})
	}
	b.Run("scorecard", func(b *testing.B) {
		n := sit(b, queueScenario)
		goodInterview(b, n)
		for b.Loop() {
			_ = n.Scorecard()
		}
	})
}
