package drill

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/open-spaced-repetition/go-fsrs/v4"

	"whydrop/checklist/progress"
)

// mostAgain is how often a card that is not known comes again in one session.
const mostAgain = 2

// Session asks some cards. It waits for nobody and writes nothing: what was graded is
// an entry for the log, which somebody adds and hands back with Next.
type Session struct {
	deck    *Deck
	name    string            // of its answers
	reps    map[string]uint64 // how often a card was answered when it was chosen
	entries int               // that it gave

	course
	last *given // the answer before, which can be graded anew
	redo *given // the answer that is
}

// course is what an answer changes.
type course struct {
	queue []*Card
	again map[string]int // how often a card came again

	answered, right, fresh int
	missed                 []*Card // that were not known at first
}

// given is an answer, with what was before it and how the card stood then.
type given struct {
	entry  progress.Entry
	before course
	shown  Shown
	state  fsrs.Card
	known  bool
}

// Begin chooses the cards of a session.
func (d *Deck) Begin(o Options) *Session {
	s := &Session{deck: d, name: strconv.FormatInt(d.now().UnixNano(), 36), reps: map[string]uint64{}, course: course{queue: d.choose(o), again: map[string]int{}}}
	for _, c := range s.queue {
		s.reps[c.ID] = d.state[c.ID].Reps
	}
	return s
}

// Card is the one that is asked; false if the session is over.
func (s *Session) Card() (Shown, bool) {
	switch {
	case s.redo != nil:
		return s.redo.shown, true
	case len(s.queue) == 0:
		return Shown{}, false
	}
	c := s.queue[0]
	return c.Show(int(s.deck.state[c.ID].Reps)), true
}

// New says whether the card that is asked was never answered.
func (s *Session) New() bool {
	if s.redo != nil {
		return !s.redo.known
	}
	if len(s.queue) == 0 {
		return false
	}
	_, known := s.deck.state[s.queue[0].ID]
	return !known
}

// Entry is what is to be kept of an answer to the card that is asked. took is how
// long somebody thought. An answer that is graded anew replaces the one before.
func (s *Session) Entry(g Grade, took time.Duration) progress.Entry {
	shown, _ := s.Card()
	s.entries++
	e := progress.Entry{
		At: s.deck.now(), Kind: progress.Drill, Session: fmt.Sprintf("%s-%d", s.name, s.entries), Card: shown.ID, Hops: shown.Hops, Grade: int(g),
		Seconds: min(took, away).Round(100 * time.Millisecond).Seconds(),
	}
	if s.redo != nil {
		e.Session = s.redo.entry.Session
	}
	return e
}

// Back asks for the grade of the answer before once more, until the next one is kept:
// the card is the one before until then. It returns that answer; false if there is
// none.
func (s *Session) Back() (progress.Entry, bool) {
	if s.last == nil {
		return progress.Entry{}, false
	}
	s.redo, s.last = s.last, nil
	return s.redo.entry, true
}

// Next goes on to the next card, after an entry was added to the log, whose entries
// are handed over. Where it could not be added the session goes on all the same:
// kept is false then. What another drill asked meanwhile is not asked again.
func (s *Session) Next(e progress.Entry, entries []progress.Entry, kept bool) {
	a := s.redo
	if a == nil {
		shown, _ := s.Card()
		a = &given{before: s.course, shown: shown}
		a.state, a.known = s.deck.state[shown.ID]
	}
	a.entry, s.last, s.redo = e, a, nil
	if !kept {
		s.deck.unkept = append(s.deck.unkept, e)
	}
	s.deck.follow(entries)
	s.course = a.before.after(a.shown.Card, Grade(e.Grade), a.known)
	s.queue = slices.DeleteFunc(s.queue, func(c *Card) bool { return s.again[c.ID] == 0 && s.deck.state[c.ID].Reps != s.reps[c.ID] })
}

// after is the course after an answer to its first card.
func (before course) after(c *Card, g Grade, known bool) course {
	k := before
	k.queue, k.again, k.missed = slices.Clone(before.queue[1:]), maps.Clone(before.again), slices.Clone(before.missed)
	if k.again[c.ID] == 0 {
		k.answered++
		if !known {
			k.fresh++
		}
		if g == Again {
			k.missed = append(k.missed, c)
		} else {
			k.right++
		}
	}
	if g == Again && k.again[c.ID] < mostAgain {
		k.again[c.ID]++
		k.queue = append(k.queue, c)
	}
	return k
}

// Left is how many cards are still to be asked, those that come again too.
func (s *Session) Left() int { return len(s.queue) }

// Answered is how many cards were answered, how many of them were known at once, and
// how many were new.
func (s *Session) Answered() (all, right, fresh int) { return s.answered, s.right, s.fresh }

// Missed are the cards that were not known at once.
func (s *Session) Missed() []*Card { return s.missed }

// In says in words when the card that is asked comes again if it is graded so.
func (s *Session) In(g Grade) string {
	if s.redo != nil {
		return s.deck.in(s.redo.state, s.redo.known, g)
	}
	if len(s.queue) == 0 {
		return ""
	}
	have, known := s.deck.state[s.queue[0].ID]
	return s.deck.in(have, known, g)
}

// Status is where the deck stands now.
func (s *Session) Status(o Options) Status { return s.deck.Status(o) }

// Verdict is how an answer was.
type Verdict string

// The verdicts. Nearly is an order in which two neighbours changed places.
const (
	Right  Verdict = "right"
	Nearly Verdict = "nearly"
	Wrong  Verdict = "wrong"
)

// Grades are those that an answer may get, from the worst. Hard is for what was known
// after all: what was wrong, or not known, is to come again.
func (v Verdict) Grades() []Grade {
	switch v {
	case Wrong:
		return Grades[:Again]
	case Nearly:
		return Grades[:Hard]
	}
	return Grades
}

// Choose judges the choice at a place.
func (s Shown) Choose(at int) Verdict {
	if at == s.Right() {
		return Right
	}
	return Wrong
}

// Arrange judges an order: the places of the steps from the first to the last.
func (s Shown) Arrange(places []int) Verdict {
	want := s.InOrder()
	if len(places) != len(want) {
		return Wrong
	}
	for i := range want {
		if places[i] == want[i] {
			continue
		}
		if i+1 < len(want) && places[i] == want[i+1] && places[i+1] == want[i] && slices.Equal(places[i+2:], want[i+2:]) {
			return Nearly
		}
		return Wrong
	}
	return Right
}

const (
	// away is how long somebody thinks at most: who takes longer was elsewhere.
	away = 10 * time.Minute
	// reading is how many words a second one reads.
	reading = 4
)

// Propose is the grade that an answer suggests. Who is right at once knew it well,
// who needs three times as long as the reading and 20 s more found it hard; who was
// away for long may have known it. A card that was never seen is not easy: that may
// have been a guess.
func (s Shown) Propose(v Verdict, took time.Duration, fresh bool) Grade {
	read := time.Duration(s.words()) * time.Second / reading
	switch {
	case v == Wrong:
		return Again
	case v == Nearly:
		return Hard
	case took > 3*read+20*time.Second && took < away:
		return Hard
	case took < read/2+2*time.Second && !fresh && s.Form != Recall:
		return Easy
	}
	return Good
}
