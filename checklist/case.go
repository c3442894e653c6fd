// Package checklist is the domain: a case (the answers and measurements of one
// incident), the diagnosis that follows from it, the plan and the report. It
// knows no terminal and reads no host.
package checklist

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Answer is what the operator said to one question: options ticked, and a note.
type Answer struct {
	Options []string  `json:"options" yaml:"options"`
	Note    string    `json:"note,omitempty" yaml:"note"`
	At      time.Time `json:"at" yaml:"-"`
}

// Given says whether the question is answered; "don't know" is an answer, a note alone
// is none.
func (a Answer) Given() bool { return len(a.Options) > 0 }

// Said says whether anything was said, an answer or a note.
func (a Answer) Said() bool { return a.Given() || a.Note != "" }

// Case is one incident under investigation.
type Case struct {
	Book    *content.Book
	Started time.Time
	// Host and Kernel are of what host a case is of which no observation was kept.
	Host, Kernel string
	// Answers by question id, also those that are but a note.
	Answers map[string]Answer
	// Facts is the newest observation, nil before the first.
	Facts *fact.Facts
	// Track is how the session went. Only who watches a host adds to it.
	Track *Track
	// Applied are the steps that were applied in the session, the oldest first.
	Applied []Applied
	// expectations are what the questions of the book can tell.
	expectations map[*content.Question]*expectation
}

// NewCase opens a case.
func NewCase(book *content.Book, started time.Time) *Case {
	c := &Case{Book: book, Started: started, Answers: map[string]Answer{}, Track: NewTrack(), expectations: map[*content.Question]*expectation{}}
	c.Track.places, c.Track.probes = placeCounters(book), probesOf(book)
	for _, q := range book.Questions() {
		c.expectations[q] = expect(q)
	}
	return c
}

// Answer records an answer, replacing an earlier one. An empty answer takes the
// earlier one back. Unknown questions and options are errors that name what
// exists.
func (c *Case) Answer(question string, a Answer) error {
	q := c.Book.Question(question)
	if q == nil {
		return fmt.Errorf("there is no question %q: expected one of %s", question, c.questionIDs())
	}
	for _, o := range a.Options {
		if o != content.DontKnow && q.Option(o) == nil {
			return fmt.Errorf("question %s has no option %q: expected one of %s", question, o, optionIDs(q))
		}
	}
	if !a.Said() {
		delete(c.Answers, question)
		return nil
	}
	c.Answers[question] = a
	return nil
}

// Copy returns the case as it stands, for one who works on it while answers and
// measurements go on. Of its Track only the events are there, and when causes were at their strongest.
func (c *Case) Copy() *Case {
	k := *c
	k.Track = &Track{events: c.Track.Events()}
	if c.Track != nil {
		k.Track.first, k.Track.last, k.Track.gaps, k.Track.spells = c.Track.first, c.Track.last, c.Track.gaps, c.Track.copySpells()
	}
	k.Answers, k.Applied = maps.Clone(c.Answers), slices.Clone(c.Applied)
	return &k
}

// Answered counts the questions that have an answer, not those with but a note.
func (c *Case) Answered() int {
	n := 0
	for _, a := range c.Answers {
		if a.Given() {
			n++
		}
	}
	return n
}

// Diagnose judges all causes by the newest observation and the answers.
func (c *Case) Diagnose() *Diagnosis {
	return diagnose(c.Book, annotated(c.Book, c.Facts), c.Answers, c.expectations)
}

// Evidence is a line of live measurement for a question.
type Evidence struct {
	Says string
	// Complete is false if a value in it is not known.
	Complete bool
	// Facts are the scalar facts in it.
	Facts []string
}

// Evidence returns what the facts that were judged show for a question, at most
// three rows of a table for one line of the content.
func (d *Diagnosis) Evidence(q *content.Question) []Evidence {
	var lines []Evidence
	for _, e := range q.Evidence {
		lines = append(lines, d.facts.tell(e)...)
	}
	return lines
}

// tell returns what one line of the content says, for each of at most three rows
// if it goes through a table.
func (s *scene) tell(e *content.Evidence) []Evidence {
	envs := []*content.Env{s.Env}
	if e.Each != "" {
		envs, _ = s.matching(e.Each, e.When, e.Order)
		envs = envs[:min(3, len(envs))]
	} else if holds, known := e.When.Holds(s.Env); !known || !holds {
		return nil
	}
	var scalars []string
	for _, name := range e.Says.Uses() {
		if _, is := s.facts.Values[name]; is {
			scalars = append(scalars, name)
		}
	}
	var lines []Evidence
	for _, env := range envs {
		says, complete := e.Says.Render(env)
		lines = append(lines, Evidence{says, complete, scalars})
	}
	return lines
}

func (c *Case) questionIDs() string {
	var ids []string
	for _, q := range c.Book.Questions() {
		ids = append(ids, q.ID)
	}
	return list(ids)
}

func optionIDs(q *content.Question) string {
	var ids []string
	for _, o := range q.Options {
		ids = append(ids, o.ID)
	}
	return list(append(ids, content.DontKnow))
}

func list(words []string) string {
	s := ""
	for i, w := range words {
		if i > 0 {
			s += ", "
		}
		s += w
	}
	return s
}

// scene is the facts of one observation as expressions see them. The rows of a
// table are made visible once: hundreds of rules go through them.
type scene struct {
	*content.Env
	facts *fact.Facts
	// mu guards rows: a report is written while the screen goes on.
	mu   sync.Mutex
	rows map[string][]*content.Env
}

func newScene(f *fact.Facts, more map[string]any) *scene {
	values := make(map[string]any, len(f.Values)+len(more))
	for name, v := range f.Values {
		if v.Now != nil { // a total alone is history
			values[name] = v.Now
		}
	}
	for name, v := range more {
		values[name] = v
	}
	return &scene{Env: content.NewEnv(values), facts: f, rows: map[string][]*content.Env{}}
}

// table returns the rows of a table. looked is false if nobody could look.
func (s *scene) table(name string) (rows []*content.Env, looked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rows, ok := s.rows[name]; ok {
		return rows, true
	}
	have, looked := s.facts.Tables[name]
	if !looked {
		return nil, false
	}
	rows = make([]*content.Env, len(have))
	for i, row := range have {
		rows[i] = s.Row(name, row)
	}
	s.rows[name] = rows
	return rows, true
}

// matching returns the rows for which a condition holds, by descending order.
// known is false if it holds for none and could not be judged for one.
func (s *scene) matching(table string, when, order *content.Expr) (rows []*content.Env, known bool) {
	all, _ := s.table(table)
	known = true
	for _, row := range all {
		holds, judged := when.Holds(row)
		known = known && judged
		if holds && judged {
			rows = append(rows, row)
		}
	}
	if len(rows) > 1 && !order.Empty() {
		descending(rows, order)
	}
	return rows, known || len(rows) > 0
}

// descending sorts rows by the value of an expression; one without comes as 0.
func descending(rows []*content.Env, order *content.Expr) {
	by := make(map[*content.Env]float64, len(rows))
	for _, row := range rows {
		if v, ok := order.Eval(row); ok {
			by[row], _ = v.(float64)
		}
	}
	sort.SliceStable(rows, func(i, j int) bool { return by[rows[i]] > by[rows[j]] })
}
