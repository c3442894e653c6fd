package interview

import (
	"strings"
	"testing"
	"time"
)

// questions are keys of questions.
func questions(ids string) (keys []Key) {
	for _, id := range strings.Fields(ids) {
		keys = append(keys, KeyOf(Question, id))
	}
	return keys
}

// rubricItems are keys of items of the rubric.
func rubricItems(ids string) (keys []Key) {
	for _, id := range strings.Fields(ids) {
		keys = append(keys, KeyOf(Item, id))
	}
	return keys
}

// areaItems are all items of all areas.
func areaItems(n *Interview) (keys []Key) {
	for _, s := range n.Rubric().Sections {
		for _, i := range s.Items {
			if s.Group == 0 {
				keys = append(keys, KeyOf(Item, i.ID))
			}
		}
	}
	return keys
}

const allQuestions = "Q1a Q1b Q2a Q2b Q3a Q3b Q4a Q4b Q5a Q5b Q6a Q6b Q7a Q7b Q8a Q8b Q9a Q9b Q10a Q10b"

// TestCandidates suggests for invented candidates the level that each deserves, and says
// why: neither does it cost anything to find the cause in few steps, nor is anybody
// senior who asks everything by rote and guesses right.
func TestCandidates(t *testing.T) {
	accept := Verdict{Causes: []string{"listen.accept-queue-full"}}
	wrong := Verdict{Causes: []string{"path.loss"}}
	measured := []Key{"probe:counters", "probe:sockets"}
	for _, tt := range []struct {
		name       string
		does       func(n *Interview) []Key // before the conclusion
		concludes  Verdict
		after      func(n *Interview) []Key
		clarifying string
		whole, why string
	}{
		{"finds it in five steps and says how", func(*Interview) []Key { return append(questions("Q2a Q1a Q4a"), measured...) }, accept,
			func(n *Interview) []Key { return append(closing(n), areaItems(n)...) }, "staff", "staff", "6 of 6 judged areas"},
		{"asks first, thinks aloud, mends it", func(*Interview) []Key {
			return append(questions("Q1a Q1b Q2a Q3a Q4a"), append(measured, rubricItems("reasoning.hypothesis reasoning.refutes clarifying.follows communication.aloud communication.sums plan.verify plan.risk measuring.names")...)...)
		}, accept, closing, "senior", "senior", "not staff"},
		{"asks everything by rote, measures everything, guesses right", func(n *Interview) []Key {
			return append(questions(allQuestions), probeKeys(n)...)
		}, accept, closing, "junior", "junior", "reasoning is not judged"},
		{"guesses at once and talks well", func(*Interview) []Key {
			return append(questions("Q1a Q2a"), rubricItems("communication.aloud communication.sums reasoning.hypothesis")...)
		}, accept, closing, "junior", "junior", "conclusion does not reach it"},
		{"measures without a question", func(*Interview) []Key {
			return append(measured, rubricItems("reasoning.hypothesis reasoning.refutes measuring.names measuring.predicts communication.aloud")...)
		}, accept, func(n *Interview) []Key {
			return append(closing(n), rubricItems("plan.verify plan.risk conclusion.place")...)
		}, Below, "senior", "clarifying does not reach it"},
		{"asks sensibly, gets lost, says so", func(*Interview) []Key {
			return append(questions("Q1a Q1b Q2a Q3a Q4a"), append(measured, rubricItems("communication.aloud communication.unknown reasoning.hypothesis")...)...)
		}, wrong, func(*Interview) []Key { return rubricItems("plan.verify") }, "senior", "junior", "conclusion does not reach it"},
		{"types commands, is wrong, and sets what the web says", func(*Interview) []Key { return []Key{"probe:settings", "probe:links"} }, wrong,
			func(n *Interview) []Key { return []Key{folklore(n)} }, Below, Below, "not junior"},
	} {
		n := sit(t, queueScenario)
		must(t, n.Begin())
		tickAll(t, n, tt.does(n)...)
		must(t, n.Conclude(tt.concludes))
		tickAll(t, n, tt.after(n)...)
		if got := n.Suggest("clarifying"); got.Level != tt.clarifying {
			t.Errorf("who %s is %s in clarifying (%s), want %s", tt.name, got.Level, got.Why, tt.clarifying)
		}
		if got := n.SuggestWhole(); got.Level != tt.whole || !strings.Contains(got.Why, tt.why) {
			t.Errorf("who %s is %s (%s), want %s by %q", tt.name, got.Level, got.Why, tt.whole, tt.why)
		}
	}
}

// TestBadPlanIsHeard judges a plan that has only steps that nobody should take or that
// do not help: below the lowest, or no higher than it, and never as if nothing was heard.
func TestBadPlanIsHeard(t *testing.T) {
	for _, label := range []string{"wrong", "folklore"} {
		n := sit(t, queueScenario)
		must(t, n.Begin())
		tickAll(t, n, "probe:counters", "question:Q2a", "question:Q1a", "item:communication.unknown")
		must(t, n.Conclude(Verdict{Causes: []string{"softnet.backlog-full"}}))
		tickAll(t, n, labelled(n, label))
		if got := n.SuggestWhole(); got.Level != Below || strings.Contains(got.Why, "not judged: reasoning, plan") {
			t.Errorf("%s: the whole is %+v", label, got)
		}
		for _, id := range []string{"plan", "clarifying", "conclusion"} {
			if got := n.Suggest(id); got.Level != Below || strings.Contains(got.Why, "nothing was heard") {
				t.Errorf("%s: %s is %+v", label, id, got)
			}
		}
		if card := n.Scorecard(); strings.Contains(card, "Plan: not judged") {
			t.Errorf("%s: the scorecard:\n%s", label, card)
		}
		tickAll(t, n, rubricItems("plan.verify plan.risk plan.refuses plan.stages plan.again")...)
		if got := n.Suggest("plan"); got.Level != "junior" {
			t.Errorf("%s: with all but a step that mends it the plan is %+v", label, got)
		}
	}
}

// TestNothingHeard says so of what nothing was heard of, and only there.
func TestNothingHeard(t *testing.T) {
	n := sit(t, queueScenario)
	must(t, n.Begin())
	if got := n.Suggest("measuring").Why; got != "nothing was heard of it" {
		t.Errorf("at first: %s", got)
	}
	tickAll(t, n, "aside:capture", "question:Q1a")
	must(t, n.Note(KeyOf(Section, "reasoning"), "names two"))
	for _, id := range []string{"measuring", "reasoning"} {
		if got := n.Suggest(id); got.Level != Unjudged || got.Why != "none of its items was heard" {
			t.Errorf("%s is %+v", id, got)
		}
	}
}

// TestMechanismHeardAsAWhole says of no key point that it was not explained where the
// interviewer ticked the explanation.
func TestMechanismHeardAsAWhole(t *testing.T) {
	for _, tt := range []struct {
		keys []Key
		want bool
	}{{rubricItems("conclusion.mechanism"), false}, {nil, true}} {
		n := sit(t, queueScenario)
		must(t, n.Begin())
		tickAll(t, n, tt.keys...)
		if card := n.Scorecard(); strings.Contains(card, "Not explained: ") != tt.want {
			t.Errorf("after %v:\n%s", tt.keys, card)
		}
	}
}

// closing are all key points and the best step.
func closing(n *Interview) (keys []Key) {
	for _, e := range n.Script(PageClose) {
		if e.Key.Kind() == Point || e.Label == "best" {
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// folklore is a step that nobody should take.
func folklore(n *Interview) Key { return labelled(n, "folklore") }

// labelled is the first step that is judged so.
func labelled(n *Interview, label string) Key {
	for _, e := range n.Script(PageClose) {
		if e.Key.Kind() == Step && e.Label == label {
			return e.Key
		}
	}
	return ""
}

func probeKeys(n *Interview) (keys []Key) {
	for _, e := range n.Script(PageMeasure) {
		if e.Key.Kind() == Probe {
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// TestNotJudged leaves a group of which nothing was heard unjudged, on the scorecard and
// for the log of what was trained; what counts by itself has a rule that says so.
func TestNotJudged(t *testing.T) {
	n := sit(t, queueScenario)
	must(t, n.Begin())
	tickAll(t, n, questions("Q1a")...)
	if got := n.Suggest("7"); got.Level != Unjudged {
		t.Errorf("group 7 is %+v", got)
	}
	if card := n.Scorecard(); strings.Count(card, ": not judged") < 9 {
		t.Errorf("the scorecard:\n%s", card)
	}
	if e := n.Learned("x"); len(e.Groups) != 1 || n.WasHeld() {
		t.Errorf("learned %+v, held %v", e, n.WasHeld())
	}
}

// TestWasHeld tells an interview from a look at the script.
func TestWasHeld(t *testing.T) {
	n := sit(t, queueScenario)
	must(t, n.Begin())
	tickAll(t, n, questions("Q1a Q1b")...)
	tickAll(t, n, rubricItems("reasoning.way communication.aloud")...)
	if n.WasHeld() {
		t.Error("a minute without a conclusion is an interview")
	}
	now := n.Now().Add(leastHeld)
	n.Now = func() time.Time { return now }
	if !n.WasHeld() {
		t.Error("ten minutes are no interview")
	}
	n = sit(t, queueScenario)
	goodInterview(t, n)
	if !n.WasHeld() {
		t.Error("an interview with a conclusion is none")
	}
}

// TestTakenBack tells what was named and taken back, in its order, and ticks that were
// taken back as corrections; nothing that was not said.
func TestTakenBack(t *testing.T) {
	n := sit(t, queueScenario)
	must(t, n.Begin())
	must(t, n.Conclude(Verdict{Causes: []string{"path.loss"}}))
	must(t, n.Conclude(Verdict{Healthy: true}))
	tickAll(t, n, "question:Q1a")
	must(t, n.Untick("question:Q1a"))
	card := n.Scorecard()
	at := 0
	for _, want := range []string{"0:10 Named: ", "0:20 Took back: ", "0:20 Named: Nothing is wrong on this host", "0:40 Tick taken back: What is affected", "(ticked at 0:30)"} {
		next := strings.Index(card[at:], want)
		if next < 0 {
			t.Fatalf("%q is not told in its place:\n%s", want, card)
		}
		at += next
	}
	title := n.Book().Cause("listen.accept-queue-full").Title
	for _, line := range strings.Split(card, "\n") {
		if strings.Contains(line, title) && strings.Contains(line, "named: ") {
			t.Errorf("it was never said: %s", line)
		}
	}
	if !strings.Contains(card, "- They did not name: "+title) {
		t.Errorf("what they did not name is not told:\n%s", card)
	}
}
