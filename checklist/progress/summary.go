package progress

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

const (
	// fewAnswers is how many answers to cards tell something about a hop.
	fewAnswers = 5
	// fewSessions is how many sessions tell something about a group or an area.
	fewSessions = 2
	// same is how soon an answer to a card after the one before tells nothing: it was
	// just shown.
	same = time.Hour
	// later is after how long an answer tells what was kept in mind.
	later = 20 * time.Hour
	// shortest is how many seconds an interview takes that was held: a shorter one was
	// looked at, or tried out.
	shortest = 60
	// weak and strong bound what is told as a weakness and as a strength.
	weak, strong = 0.65, 0.85
	// recent is how much an older mark weighs against the one after it.
	recent = 0.9
)

// Judgement is what a strand comes to.
type Judgement string

// The judgements. Too little is for a strand with fewer answers or sessions than
// tell anything.
const (
	TooLittle Judgement = "too little to tell"
	Weak      Judgement = "weak"
	Fair      Judgement = "fair"
	Strong    Judgement = "strong"
)

// Strand is how one hop, group or area went over time.
type Strand struct {
	Name string `json:"name"` // the hop's id, the group's number, the area
	// Answers to cards and how many were right, without those that were just shown.
	Answers int `json:"answers"`
	Right   int `json:"right"`
	// Sessions that have a mark for it.
	Sessions int `json:"sessions"`
	// Mark is from 0 to 1: the recent count for more. It is of answers and sessions
	// together; 0 where there are none.
	Mark float64 `json:"mark"`
	// Course are the marks in the order in which they came, right answers as 1.
	Course    []float64 `json:"course"`
	Judgement Judgement `json:"judgement"`
}

// Done is a scenario that was trained.
type Done struct {
	ID    string    `json:"id"`
	Level int       `json:"level"`
	Times int       `json:"times"`
	First float64   `json:"first"` // mark, 0 to 1, before anybody had told what it was
	Best  float64   `json:"best"`
	Last  float64   `json:"last"`
	Well  bool      `json:"well"` // it was done well the first time
	At    time.Time `json:"at"`   // when it was trained last
}

// Summary is what the log comes to.
type Summary struct {
	Sessions int     `json:"sessions"` // in the candidate's seat and held
	Answers  int     `json:"answers"`  // to cards
	Cards    int     `json:"cards"`    // that were answered at least once
	Days     int     `json:"days"`     // on which something was trained
	Seconds  float64 `json:"seconds"`
	// Kept are the answers that came a day or more after the one before to the same
	// card, and how many of them were right.
	Kept Tally `json:"kept"`

	Hops   []Strand `json:"hops"`
	Groups []Strand `json:"groups"`
	Areas  []Strand `json:"areas"`
	// Totals are the marks of sessions in the candidate's seat, in their order.
	Totals []float64 `json:"totals"`
	Done   []Done    `json:"scenarios"`
}

// Tally is how many of some answers were right.
type Tally struct {
	Of    int `json:"of"`
	Right int `json:"right"`
}

// Summarize says what entries come to. now bounds when they can have been.
func Summarize(entries []Entry, now time.Time) *Summary {
	s := &summing{
		Summary: &Summary{}, hops: strands{}, groups: strands{}, areas: strands{},
		days: map[string]bool{}, answered: map[string]answered{}, done: map[string]*Done{},
	}
	replaced := Replaced(entries)
	var clock Clock
	for i, e := range entries {
		if at := clock.Of(e, now); !replaced[i] {
			s.take(e, at)
		}
	}
	s.Days, s.Cards = len(s.days), len(s.answered)
	s.Summary.Hops, s.Summary.Groups, s.Summary.Areas = s.hops.sorted(), s.groups.sorted(), s.areas.sorted()
	for _, id := range slices.Sorted(maps.Keys(s.done)) {
		s.Done = append(s.Done, *s.done[id])
	}
	return s.Summary
}

// summing goes through the entries.
type summing struct {
	*Summary
	hops, groups, areas strands
	days                map[string]bool
	answered            map[string]answered // how a card was answered last
	done                map[string]*Done
}

// answered is an answer to a card.
type answered struct {
	at    time.Time
	grade int
}

func (s *summing) take(e Entry, at time.Time) {
	switch e.Kind {
	case Drill:
		s.answer(e, at)
	case Train, Interview:
		if e.Kind == Interview && e.Seconds < shortest {
			return
		}
		s.session(e, at)
	default:
		return
	}
	s.days[at.Format(time.DateOnly)] = true
	s.Seconds += e.Seconds
}

func (s *summing) answer(e Entry, at time.Time) {
	before, known := s.answered[e.Card]
	justNow := known && at.Sub(before.at) < same
	if justNow && before.grade > 1 { // only another drill asks a card again that was known
		return
	}
	s.answered[e.Card] = answered{at, e.Grade}
	s.Answers++
	if justNow {
		return
	}
	right := 0
	if e.Grade > 1 {
		right = 1
	}
	if known && at.Sub(before.at) >= later {
		s.Kept.Of, s.Kept.Right = s.Kept.Of+1, s.Kept.Right+right
	}
	for _, hop := range e.Hops {
		h := s.hops.of(hop)
		h.Answers, h.Right = h.Answers+1, h.Right+right
		h.Course = append(h.Course, float64(right))
	}
}

func (s *summing) session(e Entry, at time.Time) {
	s.Sessions++
	if e.Kind == Interview {
		return // its marks are somebody else's: the candidate's
	}
	if s.again(e, at) {
		return // who was told what it was shows nothing by doing it once more
	}
	s.Totals = append(s.Totals, e.Total)
	for _, hop := range e.Hops {
		s.hops.of(hop).mark(e.Total)
	}
	for g, mark := range e.Groups {
		s.groups.of(strconv.Itoa(g)).mark(mark)
	}
	for area, mark := range e.Areas {
		s.areas.of(area).mark(mark)
	}
}

// again takes note of a scenario, and says whether it was done before.
func (s *summing) again(e Entry, at time.Time) bool {
	if e.Scenario == "" {
		return false
	}
	d, again := s.done[e.Scenario]
	if !again {
		d = &Done{ID: e.Scenario, First: e.Total, Well: e.well()}
		s.done[e.Scenario] = d
	}
	d.Level, d.Times, d.Last, d.At, d.Best = e.Level, d.Times+1, e.Total, at, max(d.Best, e.Total)
	return again
}

const (
	// wellTotal is the mark from which a scenario was done well, wellArea the mark that
	// each area needs for it.
	wellTotal = 0.7
	wellArea  = 0.5
)

// well says whether a session was done well: as a whole, and in each area.
func (e Entry) well() bool {
	for _, mark := range e.Areas {
		if mark < wellArea {
			return false
		}
	}
	return e.Total >= wellTotal
}

type strands map[string]*Strand

func (s strands) of(name string) *Strand {
	if s[name] == nil {
		s[name] = &Strand{Name: name}
	}
	return s[name]
}

func (s *Strand) mark(mark float64) {
	s.Sessions++
	s.Course = append(s.Course, mark)
}

// byName compares names: numbers by what they are.
func byName(a, b string) int {
	m, notA := strconv.Atoi(a)
	n, notB := strconv.Atoi(b)
	if notA == nil && notB == nil {
		return cmp.Compare(m, n)
	}
	return cmp.Compare(a, b)
}

// sorted are the strands with their marks, the weakest first, those that tell too
// little last, by name.
func (s strands) sorted() []Strand {
	var all []Strand
	for _, name := range slices.SortedFunc(maps.Keys(s), byName) {
		strand := s[name]
		strand.judge()
		all = append(all, *strand)
	}
	slices.SortStableFunc(all, func(a, b Strand) int {
		switch few, many := a.Judgement == TooLittle, b.Judgement == TooLittle; {
		case few && many:
			return 0
		case few:
			return 1
		case many:
			return -1
		}
		return cmp.Compare(a.Mark, b.Mark)
	})
	return all
}

func (s *Strand) judge() {
	sum, weight, each := 0.0, 0.0, 1.0
	for _, mark := range slices.Backward(s.Course) {
		sum, weight, each = sum+each*mark, weight+each, each*recent
	}
	if weight > 0 {
		s.Mark = sum / weight
	}
	switch {
	case s.Answers < fewAnswers && s.Sessions < fewSessions:
		s.Judgement = TooLittle
	case s.Mark < weak:
		s.Judgement = Weak
	case s.Mark >= strong:
		s.Judgement = Strong
	default:
		s.Judgement = Fair
	}
}
