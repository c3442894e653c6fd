package drill

import (
	"slices"
	"time"

	"whydrop/checklist/progress"
)

// mostAgain is how often a card that is not known comes again in one session.
const mostAgain = 2

// Session asks some cards. It waits for nobody and writes nothing: what was graded is
// an entry for the log, which somebody adds and hands back with Next.
type Session struct {
	deck  *Deck
	queue []*Card
	again map[string]int // how often a card came again

	answered, right, fresh int
	missed                 []*Card // that were not known at first
}

// Begin chooses the cards of a session.
func (d *Deck) Begin(o Options) *Session {
	return &Session{deck: d, queue: d.choose(o), again: map[string]int{}}
}

// Card is the one that is asked; false if the session is over.
func (s *Session) Card() (Shown, bool) {
	if len(s.queue) == 0 {
		return Shown{}, false
	}
	c := s.queue[0]
	return c.Show(int(s.deck.state[c.ID].Reps)), true
}

// New says whether the card that is asked was never answered.
func (s *Session) New() bool {
	if len(s.queue) == 0 {
		return false
	}
	_, known := s.deck.state[s.queue[0].ID]
	return !known
}

// Entry is what is to be kept of an answer to the card that is asked. took is how
// long somebody thought.
func (s *Session) Entry(g Grade, took time.Duration) progress.Entry {
	c := s.queue[0]
	return progress.Entry{
		At: s.deck.now(), Kind: progress.Drill, Card: c.ID, Hops: c.Hops, Grade: int(g),
		Seconds: min(took, away).Round(100 * time.Millisecond).Seconds(),
	}
}

// Next goes on to the next card, after an entry was added to the log, whose entries
// are handed over. Where it could not be added the session goes on all the same:
// kept is false then.
func (s *Session) Next(e progress.Entry, entries []progress.Entry, kept bool) {
	c := s.queue[0]
	s.queue = s.queue[1:]
	_, known := s.deck.state[c.ID]
	s.deck.follow(entries)
	if !kept {
		s.deck.apply(e, s.deck.clock.Of(e, s.deck.now()))
	}
	if s.again[c.ID] == 0 {
		s.answered++
		if !known {
			s.fresh++
		}
		if Grade(e.Grade) == Again {
			s.missed = append(s.missed, c)
		} else {
			s.right++
		}
	}
	if Grade(e.Grade) == Again && s.again[c.ID] < mostAgain {
		s.again[c.ID]++
		s.queue = append(s.queue, c)
	}
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
	if len(s.queue) == 0 {
		return ""
	}
	return s.deck.in(s.queue[0], g)
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
