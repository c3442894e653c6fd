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
	Best  float64   `json:"best"` // mark, 0 to 1
	Last  float64   `json:"last"`
	At    time.Time `json:"at"` // when it was trained last
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
		days: map[string]bool{}, answered: map[string]time.Time{}, done: map[string]*Done{},
	}
	last := map[string]int{}
	for i, e := range entries {
		if e.Session != "" {
			last[e.Session] = i
		}
	}
	var clock Clock
	for i, e := range entries {
		if at := clock.Of(e, now); e.Session == "" || last[e.Session] == i {
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
	answered            map[string]time.Time // when a card was answered last
	done                map[string]*Done
}

func (s *summing) take(e Entry, at time.Time) {
	switch e.Kind {
	case Drill:
		s.answer(e, at)
	case Train, Interview:
		s.session(e, at)
	default:
		return
	}
	s.days[at.Format(time.DateOnly)] = true
	s.Seconds += e.Seconds
}

func (s *summing) answer(e Entry, at time.Time) {
	before, known := s.answered[e.Card]
	s.answered[e.Card] = at
	s.Answers++
	if known && at.Sub(before) < same {
		return
	}
	right := 0
	if e.Grade > 1 {
		right = 1
	}
	if known && at.Sub(before) >= later {
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
	if e.Scenario == "" {
		return
	}
	d := s.done[e.Scenario]
	if d == nil {
		d = &Done{ID: e.Scenario}
		s.done[e.Scenario] = d
	}
	d.Level, d.Times, d.Last, d.At, d.Best = e.Level, d.Times+1, e.Total, at, max(d.Best, e.Total)
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

// sorted are the strands with their marks, the weakest first, those that tell too
// little last.
func (s strands) sorted() []Strand {
	var all []Strand
	for _, name := range slices.Sorted(maps.Keys(s)) {
		strand := s[name]
		strand.judge()
		all = append(all, *strand)
	}
	slices.SortStableFunc(all, func(a, b Strand) int {
		if few, many := a.Judgement == TooLittle, b.Judgement == TooLittle; few != many {
			return map[bool]int{true: 1, false: -1}[few]
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
