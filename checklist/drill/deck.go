package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-spaced-repetition/go-fsrs/v4"

	"whydrop/checklist/progress"
)

// Grade is how well a card was known.
type Grade int

// The grades, as they stand in the log.
const (
	Again Grade = iota + 1
	Hard
	Good
	Easy
)

// Grades are all grades from the worst.
var Grades = []Grade{Again, Hard, Good, Easy}

func (g Grade) String() string {
	if g < Again || g > Easy {
		return fmt.Sprintf("grade %d", int(g))
	}
	return [...]string{"again", "hard", "good", "easy"}[g-1]
}

// scheduler asks for a card again when it is still known with 90 %. A new card that
// was known comes after days; one that was not after ten minutes. No card waits for
// more than a year: what it is for will be over.
func scheduler() *fsrs.FSRS {
	p := fsrs.DefaultParam()
	p.LearningSteps, p.RelearningSteps = []float64{10}, []float64{10} // minutes
	p.MaximumInterval = 365                                           // days
	p.EnableFuzz = false                                              // what is promised with a grade is kept
	return fsrs.NewFSRS(p)
}

// Deck is the cards with what was answered to them. One goroutine at a time uses it.
type Deck struct {
	cards    []*Card
	state    map[string]fsrs.Card // of the cards that were answered, also those that are gone
	schedule *fsrs.FSRS
	clock    progress.Clock
	applied  int              // entries of the log
	replaced int              // of them, by later ones
	unkept   []progress.Entry // that the log did not take
	now      func() time.Time
}

// soon is how long after a card was known another answer to it tells nothing: nobody
// is asked so soon, but by two drills at once.
const soon = time.Hour

// NewDeck replays the log's answers on the cards. Answers to cards that do not exist
// any more stay in the log and count for nothing.
func NewDeck(cards []*Card, entries []progress.Entry, now func() time.Time) *Deck {
	d := &Deck{cards: cards, state: map[string]fsrs.Card{}, schedule: scheduler(), now: now}
	d.follow(entries)
	return d
}

// follow applies what the log has more than before, or all of it where an answer was
// graded anew.
func (d *Deck) follow(entries []progress.Entry) {
	now, all := d.now(), slices.Concat(entries, d.unkept)
	replaced := progress.Replaced(all)
	if len(d.unkept) > 0 || count(replaced[:min(d.applied, len(all))]) != d.replaced {
		d.applied, d.state, d.clock = 0, map[string]fsrs.Card{}, progress.Clock{}
	}
	for i := d.applied; i < len(all); i++ {
		if at := d.clock.Of(all[i], now); all[i].Kind == progress.Drill && !replaced[i] {
			d.apply(all[i], at)
		}
	}
	d.applied, d.replaced = len(all), count(replaced)
}

// count is how many are true.
func count(all []bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

func (d *Deck) apply(e progress.Entry, at time.Time) {
	have, known := d.state[e.Card]
	switch {
	case !known:
		have = fsrs.NewCard(at)
	case have.State == fsrs.Review && at.Sub(have.LastReview) < soon:
		return
	}
	if next, err := d.schedule.Next(have, at, fsrs.Rating(e.Grade)); err == nil { // its numbers come from itself
		d.state[e.Card] = next.Card
	}
}

// today is when what is due today has fallen due.
func (d *Deck) today() time.Time {
	now := d.clock.Now(d.now())
	year, month, day := now.Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, now.Location())
}

// due says whether a card is to be asked: today, or after some minutes where it was
// not known.
func (d *Deck) due(c *Card) bool {
	s, known := d.state[c.ID]
	switch {
	case !known:
		return false
	case s.State == fsrs.Review:
		return s.Due.Before(d.today())
	}
	return !s.Due.After(d.clock.Now(d.now()))
}

// Status is where a deck stands.
type Status struct {
	Cards int `json:"cards"`
	Due   int `json:"due"`
	New   int `json:"new"` // never answered
	// ByKind and ByHop are the due cards.
	ByKind map[Kind]int   `json:"due_by_kind"`
	ByHop  map[string]int `json:"due_by_hop"`
	// Next is when the next card falls due; zero if none will.
	Next time.Time `json:"next,omitzero"`
}

// Status tells what is due of the cards that are wanted.
func (d *Deck) Status(o Options) Status {
	st := Status{ByKind: map[Kind]int{}, ByHop: map[string]int{}}
	for _, c := range d.cards {
		if !o.wants(c) {
			continue
		}
		st.Cards++
		s, known := d.state[c.ID]
		switch {
		case !known:
			st.New++
		case d.due(c):
			st.Due++
			st.ByKind[c.Kind]++
			for _, h := range c.Hops {
				st.ByHop[h]++
			}
		case st.Next.IsZero() || s.Due.Before(st.Next):
			st.Next = s.Due
		}
	}
	return st
}

// Options say which cards are wanted, and how many.
type Options struct {
	Kinds []Kind   // none for all
	Hops  []string // none for all
	New   int      // at most so many that were never answered
	Count int      // at most so many in all, 0 for any number
}

func (o Options) wants(c *Card) bool {
	return (len(o.Kinds) == 0 || slices.Contains(o.Kinds, c.Kind)) &&
		(len(o.Hops) == 0 || slices.ContainsFunc(c.Hops, func(h string) bool { return slices.Contains(o.Hops, h) }))
}

// choose returns the cards to ask: first those that are due, longest first, then new
// ones. Of cards that give each other away only one is new in a session.
func (d *Deck) choose(o Options) []*Card {
	var chosen []*Card
	for _, c := range d.cards {
		if o.wants(c) && d.due(c) {
			chosen = append(chosen, c)
		}
	}
	slices.SortStableFunc(chosen, func(a, b *Card) int { return d.state[a.ID].Due.Compare(d.state[b.ID].Due) })
	if o.Count > 0 {
		chosen = chosen[:min(o.Count, len(chosen))]
	}
	return append(chosen, d.fresh(o, chosen)...)
}

// fresh are new cards beside some that were chosen. Cards that give each other away
// come only where there are no others.
func (d *Deck) fresh(o Options, chosen []*Card) []*Card {
	room := o.New
	if o.Count > 0 {
		room = min(room, o.Count-len(chosen))
	}
	subjects := map[string]bool{}
	for _, c := range chosen {
		subjects[c.Subject] = true
	}
	var fresh, alike []*Card
	for _, c := range d.cards {
		_, known := d.state[c.ID]
		switch {
		case known || !o.wants(c):
		case subjects[c.Subject]:
			alike = append(alike, c)
		default:
			subjects[c.Subject] = true
			fresh = append(fresh, c)
		}
	}
	fresh = append(fresh, alike...)
	return fresh[:max(0, min(room, len(fresh)))]
}

// in says in words when a card that stands so comes again if it is graded so.
func (d *Deck) in(have fsrs.Card, known bool, g Grade) string {
	now := d.clock.Now(d.now())
	if !known {
		have = fsrs.NewCard(now)
	}
	next, err := d.schedule.Next(have, now, fsrs.Rating(g))
	if err != nil {
		return ""
	}
	return span(next.Card.Due.Sub(now))
}

// span is a time in words: 10 min, 3 days, 2 months.
func span(d time.Duration) string {
	days := d.Hours() / 24
	number := func(n float64, one, many string) string {
		if text := fmt.Sprintf("%.0f", n); text != "1" {
			return text + " " + many
		}
		return "1 " + one
	}
	switch {
	case d < time.Minute:
		return "a moment"
	case d < time.Hour:
		return number(d.Minutes(), "min", "min")
	case days < 1:
		return number(d.Hours(), "hour", "hours")
	case days < 60:
		return number(days, "day", "days")
	}
	return strings.TrimSpace(number(days/30.4, "month", "months"))
}
