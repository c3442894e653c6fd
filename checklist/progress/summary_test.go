package progress

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestClock has clocks that were wrong for a while: nothing but their own entries
// moves.
func TestClock(t *testing.T) {
	hour := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	for _, tt := range []struct {
		name     string
		at, want []time.Time
	}{
		{"right", []time.Time{hour(-3), hour(-2), hour(-1)}, []time.Time{hour(-3), hour(-2), hour(-1)}},
		{"back by an hour", []time.Time{hour(-3), hour(-4), hour(-1)}, []time.Time{hour(-3), hour(-3), hour(-1)}},
		{"at the epoch once", []time.Time{hour(-3), time.Unix(0, 0), hour(-1)}, []time.Time{hour(-3), hour(-3), hour(-1)}},
		{"far ahead once", []time.Time{hour(-3), hour(1 << 20), hour(-1)}, []time.Time{hour(-3), hour(-3), hour(-1)}},
		{"all ahead", []time.Time{hour(1 << 20)}, []time.Time{noon}},
	} {
		var c Clock
		var got []time.Time
		for _, at := range tt.at {
			got = append(got, c.Of(Entry{At: at}, noon))
		}
		if !slices.EqualFunc(got, tt.want, time.Time.Equal) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestSummary tells strands with enough behind them from those with too little, and
// weak from strong ones.
func TestSummary(t *testing.T) {
	s := Summarize(someYear(), noon)
	judged := map[string]Judgement{}
	for _, h := range s.Hops {
		judged[h.Name] = h.Judgement
	}
	if judged["listen"] != Weak || judged["tcp"] == Weak || judged["qdisc"] != TooLittle || judged["path"] != Weak {
		t.Errorf("the hops are %v", judged)
	}
	if s.Hops[0].Name != "listen" || s.Hops[len(s.Hops)-1].Name != "qdisc" {
		t.Errorf("%v: expected the weakest first and what tells too little last", s.Hops)
	}
	if s.Answers != 15 || s.Cards != 13 || s.Sessions != 4 || s.Kept != (Tally{1, 0}) || len(s.Totals) != 2 {
		t.Errorf("%d answers to %d cards, %d sessions, %v kept, totals %v", s.Answers, s.Cards, s.Sessions, s.Kept, s.Totals)
	}
	if d := s.done("one"); d == nil || d.Times != 2 || d.First != 0.2 || d.Best != 0.6 || d.Last != 0.6 {
		t.Errorf("scenario one: %v", d)
	}
	if g := s.Groups[0]; g.Sessions != 2 || math.Abs(g.Mark-(0.9+0.9*0.2)/1.9) > 1e-9 {
		t.Errorf("group 3 is %+v: expected that recent marks count for more, and none of the interview or of what was done again", g)
	}
}

// someYear is weak at listen, good at tcp, and has three sessions.
func someYear() []Entry {
	var log []Entry
	add := func(hop, card string, grade, day int) {
		log = append(log, Entry{At: noon.Add(time.Duration(day-30) * 24 * time.Hour), Kind: Drill, Card: card, Grade: grade, Hops: []string{hop}, Seconds: 10})
	}
	for i := range 6 {
		add("listen", fmt.Sprint("l", i), 1, i)
		add("tcp", fmt.Sprint("t", i), 3, i)
	}
	add("qdisc", "q", 1, 6)
	log = append(log, log[len(log)-1]) // again in the same minute: it was just shown
	add("tcp", "t0", 1, 8)             // kept for days, and forgotten
	for i, total := range []float64{0.2, 0.9, 0.6} {
		log = append(log, Entry{
			At: noon.Add(time.Duration(i-9) * time.Hour), Kind: Train, Scenario: []string{"one", "two", "one"}[i], Level: 1,
			Hops: []string{"path"}, Groups: map[int]float64{3: total}, Areas: map[string]float64{"plan": total}, Total: total, Seconds: 600,
		})
	}
	log = append(log, Entry{At: noon, Kind: Interview, Total: 0.1, Seconds: 1800, Groups: map[int]float64{3: 0}}, Entry{At: noon, Kind: "juggling"})
	return append(log, Entry{At: noon, Kind: Interview, Seconds: 0.01, Steps: 1}) // looked at, not held
}

// TestAnswersOnce counts a card once that two drills ask at the same time, and an
// answer that was graded anew; one that was not known and comes again is another answer.
func TestAnswersOnce(t *testing.T) {
	at := func(min, grade int, name string) Entry {
		e := answer("c", grade, noon.Add(time.Duration(min-600)*time.Minute))
		e.Session = name
		return e
	}
	for _, tt := range []struct {
		name           string
		log            []Entry
		answers, right int
	}{
		{"two drills", []Entry{at(0, 3, "a-1"), at(1, 3, "b-1")}, 1, 1},
		{"graded anew", []Entry{at(0, 4, "a-1"), at(0, 1, "a-1")}, 1, 0},
		{"asked again", []Entry{at(0, 1, "a-1"), at(1, 3, "a-2")}, 2, 0},
		{"known and asked again", []Entry{at(0, 1, "a-1"), at(1, 3, "a-2"), at(2, 3, "b-1")}, 2, 0},
	} {
		s := Summarize(tt.log, noon)
		if s.Answers != tt.answers || s.Hops[0].Right != tt.right || s.Hops[0].Answers != 1 {
			t.Errorf("%s: %d answers, %+v; want %d, %d right of 1", tt.name, s.Answers, s.Hops, tt.answers, tt.right)
		}
	}
}

// TestSessionOnce counts a session that was gone on with once.
func TestSessionOnce(t *testing.T) {
	s := Summarize([]Entry{
		{At: noon, Kind: Train, Session: "x", Scenario: "one", Total: 0.1}, {At: noon, Kind: Train, Session: "y", Total: 0.5},
		{At: noon, Kind: Train, Session: "x", Scenario: "one", Total: 0.8},
	}, noon)
	if s.Sessions != 2 || s.done("one").Times != 1 || s.done("one").Best != 0.8 {
		t.Errorf("%d sessions, %v", s.Sessions, s.Done)
	}
}

// TestOrder has strands that tell too little by their numbers, whatever they came to.
func TestOrder(t *testing.T) {
	groups := map[int]float64{1: 1, 2: 0, 3: 1, 6: 0.5, 9: 0, 10: 0.25}
	s := Summarize([]Entry{{At: noon, Kind: Train, Session: "a", Scenario: "a", Groups: groups}}, noon)
	var names []string
	for _, g := range s.Groups {
		names = append(names, g.Name)
	}
	if got := strings.Join(names, " "); got != "1 2 3 6 9 10" {
		t.Errorf("the groups stand as %s", got)
	}
}

// TestNext gives advice for people who stand at different points.
func TestNext(t *testing.T) {
	scenarios := []Scenario{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 2}, {"e", 3}}
	weakListen := []Entry{}
	for i := range 6 {
		weakListen = append(weakListen, answer(fmt.Sprint(i), 1, noon.Add(time.Duration(i)*time.Minute)))
	}
	done := func(ids ...string) (log []Entry) {
		for _, id := range ids {
			log = append(log, Entry{At: noon, Kind: Train, Scenario: id, Level: 1, Total: 0.9})
		}
		return log
	}
	for _, tt := range []struct {
		name string
		log  []Entry
		o    Outlook
		want []string
	}{
		{"a beginner", nil, Outlook{New: 5, Scenarios: scenarios}, []string{"whydrop train a", "whydrop drill"}},
		{"cards are due", nil, Outlook{Due: 3, New: 5}, []string{"whydrop drill"}},
		{"weak at listen", weakListen, Outlook{Scenarios: scenarios}, []string{"whydrop drill --hop listen", "whydrop train a"}},
		{"weak in a group", []Entry{
			{At: noon, Kind: Train, Scenario: "a", Level: 1, Total: 0.9, Groups: map[int]float64{3: 0.2}}, {At: noon, Kind: Train, Scenario: "f", Level: 1, Total: 0.9, Groups: map[int]float64{3: 0}},
		}, Outlook{Scenarios: scenarios}, []string{"whydrop explain Q3a", "whydrop train b"}},
		{"weak in areas", []Entry{
			{At: noon, Kind: Train, Scenario: "a", Level: 1, Total: 0.9, Areas: map[string]float64{"plan": 0, "economy": 0.4, "reasoning": 1, "juggling": 0}},
			{At: noon, Kind: Train, Scenario: "f", Level: 1, Total: 0.9, Areas: map[string]float64{"plan": 0.1, "economy": 0.4, "reasoning": 1, "juggling": 0}},
		}, Outlook{Scenarios: scenarios}, []string{"whydrop drill --kind folklore,knob", "whydrop drill --kind journey", "whydrop train b"}},
		{"one done", done("a"), Outlook{Scenarios: scenarios}, []string{"whydrop train b"}},
		{"a level done", done("a", "b", "c"), Outlook{Scenarios: scenarios}, []string{"whydrop train d"}},
		{"all done well", done("a", "b", "c", "d", "e"), Outlook{Scenarios: scenarios}, nil},
		{"done badly", []Entry{{At: noon, Kind: Train, Scenario: "e", Level: 3, Total: 0.2}}, Outlook{Scenarios: scenarios[4:]}, []string{"whydrop train e"}},
		{"done badly, then well by heart", []Entry{
			{At: noon, Kind: Train, Scenario: "e", Level: 3, Total: 0.2}, {At: noon, Kind: Train, Scenario: "e", Level: 3, Total: 1},
		}, Outlook{Scenarios: scenarios[4:]}, nil},
		{"an area neglected", []Entry{
			{At: noon, Kind: Train, Scenario: "e", Level: 3, Total: 0.8, Areas: map[string]float64{"clarifying": 0, "plan": 1}},
		}, Outlook{Scenarios: scenarios[4:]}, []string{"whydrop train e"}},
		{"nothing there", nil, Outlook{}, nil},
	} {
		var got []string
		for _, a := range Summarize(tt.log, noon).Next(tt.o) {
			got = append(got, a.Command)
			if a.Do == "" || a.Why == "" {
				t.Errorf("%s: %+v", tt.name, a)
			}
			if strings.Contains(a.Command, "explain") && !strings.Contains(a.Why, "group 3 of the checklist: 9 % in 2 sessions") {
				t.Errorf("%s: %q does not say so", tt.name, a.Why)
			}
			if strings.Contains(a.Command, "train") && (strings.Contains(a.Do+a.Why, "listen") || strings.Contains(a.Why, "place")) {
				t.Errorf("%s: %q gives the scenario away", tt.name, a.Why)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
