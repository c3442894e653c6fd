package checklist

import (
	"fmt"
	"math"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Outcome says what became of what a step was to stop.
type Outcome string

// The outcomes. TooFew says that too little was counted, before or since, to tell.
const (
	Stopped   Outcome = "stopped"
	Fewer     Outcome = "fewer"
	Unchanged Outcome = "unchanged"
	More      Outcome = "more"
	TooFew    Outcome = "too few to tell"
)

// Helped says whether the step is worth keeping.
func (o Outcome) Helped() bool { return o == Stopped || o == Fewer }

// Effect compares what a step is to stop, before it and since.
type Effect struct {
	Outcome       Outcome
	What          string  // as the content names it
	Before, Since float64 // counts
	// Seconds that each was counted for.
	BeforeSeconds, SinceSeconds float64
}

// surely is how many events must be expected before their number says something.
const surely = 5

// mostChance is how likely it may be that nothing was counted by chance alone.
const mostChance = 0.05

// byChance is how likely it is that all of the events fall into the time before,
// though nothing changed.
func byChance(e Effect) float64 {
	return math.Pow(e.BeforeSeconds/(e.BeforeSeconds+e.SinceSeconds), e.Before)
}

// deviation is how far from what was expected a count must be, in standard
// deviations, to be told from chance. Drops come in bursts: so more than for
// independent events.
const deviation = 4

// EffectOf compares two observations, one from before a step and one since.
func EffectOf(s PlanStep, before, since *fact.Facts) Effect {
	e := Effect{Outcome: TooFew}
	if s.Remedy.Stops.Empty() || before == nil || since == nil {
		return e
	}
	e.What = s.Remedy.Stops.Source
	var known, knownSince bool
	e.Before, known = s.stops(before)
	e.Since, knownSince = s.stops(since)
	e.BeforeSeconds, e.SinceSeconds = before.Seconds, since.Seconds
	if !known || !knownSince || e.BeforeSeconds <= 0 || e.SinceSeconds <= 0 {
		return e
	}
	expected := e.Before / e.BeforeSeconds * e.SinceSeconds
	// Both counts are uncertain.
	chance := deviation * math.Sqrt(expected+expected*expected/max(e.Before, 1))
	switch {
	case e.Since == 0 && byChance(e) <= mostChance:
		e.Outcome = Stopped
	case e.Since == 0:
	case expected < surely && e.Since < expected+surely+chance:
		e.Outcome = TooFew
	case e.Since < expected/2 && expected-e.Since > chance:
		e.Outcome = Fewer
	case e.Since > expected*1.5 && e.Since-expected > chance:
		e.Outcome = More
	default:
		e.Outcome = Unchanged
	}
	return e
}

// Says tells the effect in a sentence.
func (e Effect) Says() string {
	rate := func(n, seconds float64) string {
		if seconds <= 0 {
			return "unknown"
		}
		return fmt.Sprintf("%s in %s s (%.3g/s)", content.Show(n), content.Show(math.Round(seconds*10)/10), n/seconds)
	}
	return fmt.Sprintf("%s: %s before, %s since: %s", e.What, rate(e.Before, e.BeforeSeconds), rate(e.Since, e.SinceSeconds), e.Outcome)
}

// stops is the number that the step is to stop, in an observation: of the row that
// the step speaks of, or of what took its place. A row that is not there any more counts nothing itself; what is
// counted for the whole host goes on.
func (s *PlanStep) stops(f *fact.Facts) (float64, bool) {
	facts := newScene(f, nil)
	number := func(env *content.Env) (float64, bool) {
		v, known := s.Remedy.Stops.Eval(env)
		n, ok := v.(float64)
		return n, known && ok
	}
	table := s.Remedy.Each
	none := map[string]any{} // a row that counted nothing
	for _, name := range s.Remedy.Stops.Uses() {
		if field, ofRow := strings.CutPrefix(name, table+"."); ofRow && table != "" {
			none[field] = 0.0
		}
	}
	if len(none) == 0 {
		return number(facts.Env)
	}
	rows, looked := facts.table(table)
	if !looked {
		return 0, false
	}
	var name any
	named := false
	key := table + ".place" // it stays when a queue is replaced by one of another name
	if s.row != nil {       // nil where the step is about all rows
		if name, named = s.row.Value(key); !named {
			key = table + ".name"
			name, named = s.row.Value(key)
		}
	}
	ofHost, known := number(facts.Row(table, none))
	sum := ofHost
	for _, row := range rows {
		if v, ok := row.Value(key); named && (!ok || v != name) {
			continue
		}
		n, counted := number(row)
		sum += n - ofHost
		known = known && counted
	}
	return sum, known
}
