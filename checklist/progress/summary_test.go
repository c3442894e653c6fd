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
	if s.Answers != 15 || s.Cards != 13 || s.Sessions != 4 || s.Kept != (Tally{1, 0}) || len(s.Totals) != 3 {
		t.Errorf("%d answers to %d cards, %d sessions, %v kept, totals %v", s.Answers, s.Cards, s.Sessions, s.Kept, s.Totals)
	}
	if d := s.done("one"); d == nil || d.Times != 2 || d.Best != 0.6 || d.Last != 0.6 {
		t.Errorf("scenario one: %v", d)
	}
	if g := s.Groups[0]; g.Sessions != 3 || math.Abs(g.Mark-(0.6+0.9*0.9+0.81*0.2)/2.71) > 1e-9 {
		t.Errorf("group 3 is %+v: expected that recent marks count for more, and none of the interview", g)
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
	log = append(log, Entry{At: noon, Kind: Interview, Total: 0.1, Groups: map[int]float64{3: 0}}, Entry{At: noon, Kind: "juggling"})
	return log
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

// TestNext gives advice for people who stand at different points.
func TestNext(t *testing.T) {
	scenarios := []Scenario{{"a", 1, []string{"tcp"}}, {"b", 1, []string{"listen"}}, {"c", 1, nil}, {"d", 2, nil}, {"e", 3, nil}}
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
		{"weak at listen", weakListen, Outlook{Scenarios: scenarios}, []string{"whydrop drill --hop listen", "whydrop train b"}},
		{"weak in a group", []Entry{
			{At: noon, Kind: Train, Scenario: "a", Level: 1, Total: 0.9, Groups: map[int]float64{3: 0.2}}, {At: noon, Kind: Train, Scenario: "a", Level: 1, Total: 0.9, Groups: map[int]float64{3: 0}},
		}, Outlook{Scenarios: scenarios}, []string{"whydrop train b"}},
		{"one done", done("a"), Outlook{Scenarios: scenarios}, []string{"whydrop train b"}},
		{"a level done", done("a", "b", "c"), Outlook{Scenarios: scenarios}, []string{"whydrop train d"}},
		{"all done well", done("a", "b", "c", "d", "e"), Outlook{Scenarios: scenarios}, nil},
		{"done badly", []Entry{{At: noon, Kind: Train, Scenario: "e", Level: 3, Total: 0.2}}, Outlook{Scenarios: scenarios[4:]}, []string{"whydrop train e"}},
		{"nothing there", nil, Outlook{}, nil},
	} {
		var got []string
		for _, a := range Summarize(tt.log, noon).Next(tt.o) {
			got = append(got, a.Command)
			if a.Do == "" || a.Why == "" {
				t.Errorf("%s: %+v", tt.name, a)
			}
			if tt.name == "weak in a group" && !strings.Contains(a.Why, "group 3 of the checklist") {
				t.Errorf("%s: %q does not say so", tt.name, a.Why)
			}
			if strings.Contains(a.Command, "train") && strings.Contains(a.Do+a.Why, "listen") {
				t.Errorf("%s: %q gives the scenario away", tt.name, a.Why)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
