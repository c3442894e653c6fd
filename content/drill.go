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
	// Knobs say by sysctl what the right change brings about, where the remedy's effect
	// does not stand alone.
	Knobs map[string]string `yaml:"knobs"`
	// Proposals: Refuse has folklore with the cause against which it is proposed, Accept
	// has how somebody proposes a remedy (CAUSE/REMEDY) that is right for its cause.
	Proposals struct {
		Refuse map[string]Proposal `yaml:"refuse"`
		Accept map[string]string   `yaml:"accept"`
	} `yaml:"proposals"`
	Commands []*Purpose `yaml:"commands"`
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
	// Means is what it counts; "" for what the vocabulary says of the fact.
	Means string `yaml:"means"`
	// Also are causes that may move it too. Shared says that so much moves it that it
	// points at nothing alone.
	Also   []string `yaml:"also"`
	Shared bool     `yaml:"shared"`
}

// Proposal is how somebody proposes something against a cause.
type Proposal struct {
	Against string `yaml:"against"` // the cause's id
	Says    string `yaml:"says"`
}

// Purpose is what a command of a step of the investigation is for.
type Purpose struct {
	Step string `yaml:"step"` // its number
	Run  string `yaml:"run"`  // the command, as the step has it
	For  string `yaml:"for"`
	Look string `yaml:"look"` // what to look for in what it prints
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
	b.checkKnobs(d, problem)
	b.checkProposals(d, problem)
	b.checkCommands(d, problem)
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

func (b *Book) checkKnobs(d *Drill, problem func(string, ...any)) {
	for _, setting := range slices.Sorted(maps.Keys(d.Knobs)) {
		sets := func(r *Remedy) bool { return r.Setting == setting }
		if !slices.ContainsFunc(b.Causes, func(c *Cause) bool { return slices.ContainsFunc(c.Remedies, sets) }) {
			problem("knob %s: no remedy sets it", setting)
		}
	}
}

func (b *Book) checkProposals(d *Drill, problem func(string, ...any)) {
	for _, id := range slices.Sorted(maps.Keys(d.Proposals.Refuse)) {
		if p := d.Proposals.Refuse[id]; b.FolkloreOf(id) == nil || b.Cause(p.Against) == nil || p.Says == "" {
			problem("proposal %s against %s: expected folklore, a cause and how it is said", id, p.Against)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.Proposals.Accept)) {
		if _, r := b.Remedy(id); r == nil || d.Proposals.Accept[id] == "" {
			problem("proposal %q: expected CAUSE/REMEDY and how it is said", id)
		}
	}
}

func (b *Book) checkCommands(d *Drill, problem func(string, ...any)) {
	runs := map[string][]string{}
	var collect func([]*InvestigationStep)
	collect = func(steps []*InvestigationStep) {
		for _, s := range steps {
			runs[s.Number] = s.Commands
			collect(s.Parts)
		}
	}
	collect(b.Investigation)
	for _, c := range d.Commands {
		if !slices.Contains(runs[c.Step], c.Run) || c.For == "" || c.Look == "" {
			problem("command %q: expected one of step %q of the investigation, what it is for and what to look for", c.Run, c.Step)
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
