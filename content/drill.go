package content

import (
	_ "embed" // what the drill asks
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v4"
)

//go:embed drill/cards.yaml
var drillCards []byte

// Drill is what the cards of the drill need beside the rest of the content.
type Drill struct {
	// Asks are the questions by kind of card; {} stands for what a card is about.
	Asks    map[string]string `yaml:"asks"`
	Orders  []*StepOrder      `yaml:"orders"`
	Signals []*Signal         `yaml:"signals"`
	Places  []string          `yaml:"places"` // counters that clearly belong to one place
	// Proposals: Refuse has the cause against which each folklore is proposed, Accept
	// the remedies (CAUSE/REMEDY) that are right for their cause.
	Proposals struct {
		Refuse map[string]string `yaml:"refuse"`
		Accept []string          `yaml:"accept"`
	} `yaml:"proposals"`
	// Facts and Beliefs are statements by number of the brief: true ones, and wrong ones
	// that are believed.
	Facts   map[string]string `yaml:"facts"`
	Beliefs map[string]string `yaml:"beliefs"`
}

// StepOrder is some steps of the journey that have one order only.
type StepOrder struct {
	ID    string   `yaml:"id"`
	Ask   string   `yaml:"ask"`
	Steps []string `yaml:"steps"` // numbers, or titles of steps without one
	Hops  []string `yaml:"hops"`
}

// Signal is what moves when a cause is at work.
type Signal struct {
	Cause string `yaml:"cause"`
	Shows string `yaml:"shows"` // as tools print it
	Fact  string `yaml:"fact"`  // the fact, or "table.field"
	// Or are facts that move in its place in some cases.
	Or []string `yaml:"or"`
	// Also are causes that may move it too. Shared says that so much moves it that it
	// points at nothing alone.
	Also   []string `yaml:"also"`
	Shared bool     `yaml:"shared"`
}

// Drill reads what the drill asks. What does not fit the book, such as a cause that
// an overlay has taken out of it, is an error of type Problems.
func (b *Book) Drill() (*Drill, error) {
	d := &Drill{}
	if err := yaml.Load(drillCards, d, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("content/drill/cards.yaml: %w", err)
	}
	var wrong Problems
	problem := func(format string, args ...any) {
		wrong = append(wrong, Problem{File: "content/drill/cards.yaml", What: fmt.Sprintf(format, args...)})
	}
	b.checkOrders(d, problem)
	b.checkSignals(d, problem)
	for _, name := range d.Places {
		if !slices.ContainsFunc(b.Ledger, func(l *LedgerLine) bool { return l.Counter.Source == name }) {
			problem("place: no line of the ledger counts %s", name)
		}
	}
	b.checkProposals(d, problem)
	b.checkStatements(d, problem)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return d, nil
}

func (b *Book) checkOrders(d *Drill, problem func(string, ...any)) {
	for _, o := range d.Orders {
		if len(o.Steps) < 4 || len(o.Steps) > 6 || o.Ask == "" {
			problem("order %s: expected ask and 4 to 6 steps", o.ID)
		}
		for _, s := range o.Steps {
			if b.JourneyStep(s) == nil {
				problem("order %s: the journey has no step %q", o.ID, s)
			}
		}
		for _, h := range o.Hops {
			if b.Hop(h) == nil {
				problem("order %s: there is no hop %q", o.ID, h)
			}
		}
	}
}

func (b *Book) checkSignals(d *Drill, problem func(string, ...any)) {
	for _, s := range d.Signals {
		if c := b.Cause(s.Cause); c == nil {
			problem("signal %s: there is no cause %q", s.Shows, s.Cause)
		} else if !c.ToldBy(s.Fact) {
			problem("signal %s: no rule for %s uses %s", s.Shows, s.Cause, s.Fact)
		}
		for _, id := range s.Also {
			if b.Cause(id) == nil {
				problem("signal %s: there is no cause %q", s.Shows, id)
			}
		}
	}
}

func (b *Book) checkProposals(d *Drill, problem func(string, ...any)) {
	for id, cause := range d.Proposals.Refuse {
		if b.FolkloreOf(id) == nil || b.Cause(cause) == nil {
			problem("proposal %s against %s: expected folklore and a cause", id, cause)
		}
	}
	for _, id := range d.Proposals.Accept {
		if _, r := b.Remedy(id); r == nil {
			problem("proposal %q: expected CAUSE/REMEDY", id)
		}
	}
}

func (b *Book) checkStatements(d *Drill, problem func(string, ...any)) {
	for _, number := range slices.Sorted(maps.Keys(d.Facts)) {
		if i := b.BriefItem(number); i == nil || i.Fact == "" || d.Facts[number] == "" {
			problem("fact %s: the brief has no item %q with a fact, or nothing is said", number, number)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(d.Beliefs)) {
		if i := b.BriefItem(number); i == nil || i.Believed == "" || d.Beliefs[number] == "" {
			problem("belief %s: the brief has no item %q with a belief, or nothing is said", number, number)
		}
	}
}

// ToldBy says whether a rule for the cause uses a fact.
func (c *Cause) ToldBy(fact string) bool {
	return slices.ContainsFunc(c.For, func(r *Rule) bool {
		return slices.Contains(r.When.Uses(), fact) || slices.Contains(r.Says.Uses(), fact)
	})
}

// JourneyStep returns a step by its number, or by its title if it has none; nil if
// there is none.
func (b *Book) JourneyStep(key string) *JourneyStep {
	return first(b.Journey, func(s *JourneyStep) bool { return s.key() == key })
}

// BriefItem returns an item of the brief by its number, nil if there is none.
func (b *Book) BriefItem(number string) *BriefItem {
	return first(b.Brief, func(i *BriefItem) bool { return i.Number == number })
}

// FolkloreOf returns folklore by its id, nil if there is none.
func (b *Book) FolkloreOf(id string) *Folklore {
	return first(b.Folklore, func(f *Folklore) bool { return f.ID == id })
}

// first returns the first entry that is wanted, nil if there is none.
func first[T any](all []*T, wanted func(*T) bool) *T {
	if i := slices.IndexFunc(all, wanted); i >= 0 {
		return all[i]
	}
	return nil
}
