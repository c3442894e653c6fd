package drill

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"whydrop/checklist/progress"
)

// clock is a test's own.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// few are cards that share nothing.
func few(n int) []*Card {
	var cards []*Card
	for i := range n {
		id := fmt.Sprintf("c%02d", i)
		cards = append(cards, &Card{
			ID: id, Subject: id, Kind: Kinds[i%len(Kinds)], Form: Choice, Hops: []string{[]string{"tcp", "listen"}[i%2]},
			Ask: "which?", Choices: []string{"this", "that", "those", "these"}, Sources: []string{"tcp(7)"},
		})
	}
	return cards
}

// table is a log with the deck on it, as a person sits before it.
type table struct {
	t     *testing.T
	log   *progress.Log
	path  string
	clock *clock
	deck  *Deck
}

func sitDown(t *testing.T, cards []*Card) *table {
	t.Helper()
	b := &table{t: t, path: filepath.Join(t.TempDir(), "progress.log"), clock: &clock{noon}}
	b.reopen(cards)
	return b
}

func (b *table) reopen(cards []*Card) {
	b.t.Helper()
	log, err := progress.Open(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.log, b.deck = log, NewDeck(cards, log.Entries(), b.clock.Now)
}

// answer grades the card of a session and returns which it was.
func (b *table) answer(s *Session, g Grade) string {
	b.t.Helper()
	shown, more := s.Card()
	if !more {
		b.t.Fatal("the session is over")
	}
	e := s.Entry(g, 5*time.Second)
	if _, err := b.log.Add(e); err != nil {
		b.t.Fatal(err)
	}
	s.Next(e, b.log.Entries(), true)
	return shown.ID
}

// TestSession asks new cards up to the number, what was not known again in the same
// session, and after days what is due before anything new.
func TestSession(t *testing.T) {
	cards := few(30)
	b := sitDown(t, cards)
	s := b.deck.Begin(Options{New: 4, Count: 40})
	if s.Left() != 4 {
		t.Fatalf("%d cards: expected 4 new ones", s.Left())
	}
	first := b.answer(s, Again)
	for range 3 {
		b.answer(s, Good)
	}
	if shown, more := s.Card(); !more || shown.ID != first {
		t.Errorf("after the others came %v: expected %s, which was not known", shown.Card, first)
	}
	b.answer(s, Good)
	if all, right, fresh := s.Answered(); all != 4 || right != 3 || fresh != 4 || len(s.Missed()) != 1 || s.Left() != 0 {
		t.Errorf("%d answered, %d known at once, %d new, missed %v, %d left", all, right, fresh, s.Missed(), s.Left())
	}
	if st := b.deck.Status(Options{}); st.Due != 0 || st.New != 26 || st.Next.IsZero() {
		t.Errorf("right after: %+v", st)
	}
	b.clock.now = noon.Add(5 * 24 * time.Hour)
	b.reopen(cards)
	if st := b.deck.Status(Options{}); st.Due != 4 || st.ByHop["tcp"]+st.ByHop["listen"] != 4 {
		t.Errorf("after five days: %+v: expected four due", st)
	}
	s = b.deck.Begin(Options{New: 2, Count: 40})
	var order []bool
	for s.Left() > 0 {
		order = append(order, s.New())
		b.answer(s, Good)
	}
	if !slices.Equal(order, []bool{false, false, false, false, true, true}) {
		t.Errorf("new ones: %v: expected those that are due first", order)
	}
	if n := b.deck.Begin(Options{New: 50, Count: 7}).Left(); n != 7 {
		t.Errorf("%d cards, 7 were wanted", n)
	}
}

// TestSessionAgain ends for somebody who never knows anything.
func TestSessionAgain(t *testing.T) {
	b := sitDown(t, few(3))
	s := b.deck.Begin(Options{New: 3})
	n := 0
	for ; s.Left() > 0 && n < 100; n++ {
		b.answer(s, Again)
	}
	if n != 3*(1+mostAgain) {
		t.Errorf("%d questions, want %d", n, 3*(1+mostAgain))
	}
}

// TestReplay has the same schedule after the log is read anew, whatever was graded
// when, also with a clock that is wrong at times.
func TestReplay(t *testing.T) {
	cards := few(12)
	b := sitDown(t, cards)
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		b.clock.now = b.clock.now.Add(time.Duration(r.IntN(72)-8) * time.Hour) // sometimes back
		s := b.deck.Begin(Options{New: 2, Count: 5})
		for range min(3, s.Left()) {
			b.answer(s, Grade(1+r.IntN(4)))
		}
	}
	state := b.deck.state
	b.reopen(cards)
	if len(b.deck.state) != len(state) || len(state) < 5 {
		t.Fatalf("%d cards, then %d", len(state), len(b.deck.state))
	}
	for id, want := range state {
		if got := b.deck.state[id]; got.Stability != want.Stability || got.Reps != want.Reps || got.Due.Sub(want.Due).Abs() > time.Second {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

// TestClocks puts the clock back by years, and on by years: no card is lost, none is
// put off for longer than a year.
func TestClocks(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wrong time.Time
	}{{"epoch", time.Unix(0, 0)}, {"far ahead", noon.AddDate(70, 0, 0)}} {
		t.Run(tt.name, func(t *testing.T) {
			cards := few(6)
			b := sitDown(t, cards)
			for _, now := range []time.Time{noon, tt.wrong, noon.Add(3 * 24 * time.Hour)} {
				b.clock.now = now
				b.reopen(cards)
				s := b.deck.Begin(Options{New: 2})
				for s.Left() > 0 {
					b.answer(s, Good)
				}
			}
			for id, s := range b.deck.state {
				if late := s.Due.Sub(noon); late < 0 || late > 370*24*time.Hour {
					t.Errorf("%s is due %v", id, s.Due)
				}
			}
			if len(b.deck.state) < 4 {
				t.Errorf("%d cards were answered", len(b.deck.state))
			}
		})
	}
}

// TestCardsComeAndGo changes the cards between sessions: what was learned stays, what
// is gone is not asked.
func TestCardsComeAndGo(t *testing.T) {
	cards := few(4)
	b := sitDown(t, cards)
	s := b.deck.Begin(Options{New: 4})
	for s.Left() > 0 {
		b.answer(s, Good)
	}
	changed := *cards[0]
	changed.Ask = "which one?"
	b.clock.now = noon.Add(10 * 24 * time.Hour)
	b.reopen([]*Card{&changed, few(9)[8]})
	if st := b.deck.Status(Options{}); st.Cards != 2 || st.Due != 1 || st.New != 1 {
		t.Errorf("%+v: expected one card due and one new", st)
	}
}

// TestBack grades the answer before anew: it counts once, with the new grade, also for
// the schedule of whoever reads the log later, and where the log takes nothing.
func TestBack(t *testing.T) {
	for _, kept := range []bool{true, false} {
		cards := few(3)
		b := sitDown(t, cards)
		s := b.deck.Begin(Options{New: 3})
		answer := func(g Grade) {
			e := s.Entry(g, time.Second)
			if kept {
				if _, err := b.log.Add(e); err != nil {
					t.Fatal(err)
				}
			}
			s.Next(e, b.log.Entries(), kept)
		}
		if _, ok := s.Back(); ok {
			t.Error("back before the first answer")
		}
		first, _ := s.Card()
		answer(Easy)
		next, _ := s.Card()
		e, ok := s.Back()
		if now, _ := s.Card(); !ok || e.Grade != int(Easy) || now.ID != first.ID || !s.New() || !slices.Equal(now.Order, first.Order) {
			t.Errorf("back at %s with %+v: expected %s as it was", now.ID, e, first.ID)
		}
		answer(Again)
		if now, _ := s.Card(); now.ID != next.ID {
			t.Errorf("after that came %s, expected %s", now.ID, next.ID)
		}
		if all, right, fresh := s.Answered(); all != 1 || right != 0 || fresh != 1 || len(s.Missed()) != 1 || s.Left() != 3 {
			t.Errorf("%d answered, %d right, %d new, missed %v, %d left", all, right, fresh, s.Missed(), s.Left())
		}
		want := NewDeck(cards, []progress.Entry{{At: b.clock.now, Kind: progress.Drill, Card: first.ID, Grade: int(Again)}}, b.clock.Now).state[first.ID]
		if got := b.deck.state[first.ID]; got != want {
			t.Errorf("the card stands at %+v, expected %+v", got, want)
		}
		if kept {
			b.reopen(cards)
			if got := b.deck.state[first.ID]; got.Reps != 1 || got.Due.Sub(want.Due).Abs() > time.Second {
				t.Errorf("read again: %+v, expected %+v", got, want)
			}
		}
	}
}

// TestTwoDrills asks in two at the same time: what one asked the other does not ask,
// and the card that both show counts once.
func TestTwoDrills(t *testing.T) {
	cards := few(6)
	b := sitDown(t, cards)
	one := b.deck.Begin(Options{New: 6})
	log, err := progress.Open(b.path)
	if err != nil {
		t.Fatal(err)
	}
	other := &table{t: t, path: b.path, clock: b.clock, log: log, deck: NewDeck(cards, nil, b.clock.Now)}
	two := other.deck.Begin(Options{New: 6})
	asked := map[string]int{}
	for range 3 {
		asked[b.answer(one, Good)]++
	}
	shown, _ := two.Card()
	b.clock.now = b.clock.now.Add(time.Minute)
	for two.Left() > 0 {
		asked[other.answer(two, Good)]++
	}
	if len(asked) != 6 || asked[shown.ID] != 2 {
		t.Errorf("asked: %v: expected each once, but for %s, which both showed", asked, shown.ID)
	}
	b.reopen(cards)
	for id, s := range b.deck.state {
		if s.Reps != 1 {
			t.Errorf("%s counts %d times", id, s.Reps)
		}
	}
}

// TestUnkept goes on where the log takes nothing.
func TestUnkept(t *testing.T) {
	b := sitDown(t, few(2))
	s := b.deck.Begin(Options{New: 2})
	s.Next(s.Entry(Good, time.Second), b.log.Entries(), false)
	if _, _, fresh := s.Answered(); fresh != 1 || s.Left() != 1 || b.deck.Status(Options{}).New != 1 {
		t.Errorf("%d new, %d left, %+v", fresh, s.Left(), b.deck.Status(Options{}))
	}
}

// TestGrades proposes a grade for how and how fast somebody answered.
func TestGrades(t *testing.T) {
	shown := few(1)[0].Show(0)
	for _, tt := range []struct {
		v     Verdict
		took  time.Duration
		fresh bool
		want  Grade
	}{
		{Wrong, time.Second, false, Again}, {Nearly, time.Second, false, Hard},
		{Right, time.Second, false, Easy}, {Right, time.Second, true, Good}, // it may be a guess
		{Right, 8 * time.Second, false, Good}, {Right, time.Minute, false, Hard},
		{Right, time.Hour, false, Good}, // elsewhere meanwhile
	} {
		if got := shown.Propose(tt.v, tt.took, tt.fresh); got != tt.want {
			t.Errorf("%s after %v, new %v: %s, want %s", tt.v, tt.took, tt.fresh, got, tt.want)
		}
	}
}

// TestArrange judges orders.
func TestArrange(t *testing.T) {
	c := &Card{ID: "o", Form: Order, Choices: []string{"one", "two", "three", "four"}}
	for times := range 20 {
		s := c.Show(times)
		right := s.InOrder()
		for i, at := range right {
			if s.Text(at) != c.Choices[i] {
				t.Fatalf("step %d in order is %s", i, s.Text(at))
			}
		}
		if slices.IsSorted(s.Order) {
			t.Errorf("shown %d times: in order already", times)
		}
		swap := func(i, j int) []int {
			o := slices.Clone(right)
			o[i], o[j] = o[j], o[i]
			return o
		}
		for _, tt := range []struct {
			places []int
			want   Verdict
		}{{right, Right}, {swap(1, 2), Nearly}, {swap(0, 1), Nearly}, {swap(0, 2), Wrong}, {right[:3], Wrong}, {[]int{right[1], right[0], right[3], right[2]}, Wrong}} {
			if got := s.Arrange(tt.places); got != tt.want {
				t.Errorf("%v for %v is %s, want %s", tt.places, right, got, tt.want)
			}
		}
	}
}

// TestShow mixes the choices anew each time, and the same way for the same time; true
// and false keep their places.
func TestShow(t *testing.T) {
	c := few(1)[0]
	at := map[int]bool{}
	for times := range 40 {
		s := c.Show(times)
		if s.Choices[s.Order[s.Right()]] != "this" || s.Choose(s.Right()) != Right || s.Choose((s.Right()+1)%4) != Wrong || !slices.Equal(s.Order, c.Show(times).Order) {
			t.Errorf("shown %d times: %v", times, s.Order)
		}
		at[s.Right()] = true
	}
	if len(at) != 4 {
		t.Errorf("the right choice stood at %v only", at)
	}
	two := &Card{ID: "b", Form: Choice, Choices: []string{isFalse, isTrue}}
	if s := two.Show(3); s.Text(0) != isTrue || s.Right() != 1 {
		t.Errorf("%s stands first", s.Text(0))
	}
}

// TestFirstSession looks at the first cards that a new person sees: several kinds,
// and none that gives another away.
func TestFirstSession(t *testing.T) {
	deck := NewDeck(allCards(t), nil, func() time.Time { return noon })
	kinds, subjects := map[Kind]int{}, map[string]bool{}
	for _, c := range deck.choose(Options{New: 10}) {
		kinds[c.Kind]++
		if subjects[c.Subject] {
			t.Errorf("%s: another card about %s came before", c.ID, c.Subject)
		}
		subjects[c.Subject] = true
	}
	if len(kinds) < len(Kinds)-2 {
		t.Errorf("the kinds of the first ten: %v", kinds)
	}
}

// TestRightAlone makes sure that what moves for a cause, by its rules or the ledger,
// is no wrong answer, and that true and false are both asked for.
func TestRightAlone(t *testing.T) {
	book, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	d, err := book.Drill()
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{book: book, drill: d}
	byShows, byTitle := map[string]string{}, map[string]string{}
	for _, s := range d.Signals {
		byShows[s.Shows] = s.Fact
	}
	for _, c := range book.Causes {
		byTitle[c.Title] = c.ID
	}
	statements := map[string]int{}
	for _, c := range allCards(t) {
		switch c.Kind {
		case Signals:
			for _, wrong := range c.Choices[1:] {
				if m.pointsTo(byShows[wrong], book.Cause(c.Subject)) {
					t.Errorf("%s: %s moves too", c.ID, wrong)
				}
			}
		case Causes:
			s := m.signalOf(c.Subject)
			for _, wrong := range c.Choices[1:] {
				if m.pointsTo(s.Fact, book.Cause(byTitle[wrong])) || slices.Contains(s.Also, byTitle[wrong]) {
					t.Errorf("%s: %s points at %q too", c.ID, s.Shows, wrong)
				}
			}
		case Belief, Folklore:
			statements[c.Choices[0]]++
		}
	}
	if min(statements[isTrue], statements[isFalse]) < 20 || min(statements[doIt], statements[refuse]) < 15 {
		t.Errorf("who always says the same is right too often: %v", statements)
	}
}

// BenchmarkReplay reads a schedule from as many answers as a year of ten minutes a day
// gives.
func BenchmarkReplay(b *testing.B) {
	cards := few(500)
	var log []progress.Entry
	for i := range 20000 {
		log = append(log, progress.Entry{At: noon.Add(time.Duration(i) * 26 * time.Minute), Kind: progress.Drill, Card: cards[i*7%500].ID, Grade: 1 + i%4})
	}
	now := func() time.Time { return noon.AddDate(1, 0, 0) }
	for b.Loop() {
		NewDeck(cards, log, now)
	}
}
