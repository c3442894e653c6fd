package content

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Measure is a number by which a trial is judged: of one window of observation.
type Measure struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	Unit  string `yaml:"unit"` // none: a share, of which 1 is all
	// Each is the table over whose rows the value is summed: those for which When
	// holds and, in a trial on an interface, whose Link is that interface.
	Each  string `yaml:"each"`
	When  *Expr  `yaml:"when"`
	Link  *Expr  `yaml:"link"`
	Value *Expr  `yaml:"value"`
	// Per is what the value is divided by. A window in which it is zero tells nothing.
	Per *Expr `yaml:"per"`
	// Better says which way is better: less or more.
	Better string `yaml:"better"`
	Place  `yaml:"-"`
}

// Trial is a setting that may be changed for a while to see whether it makes a
// difference.
type Trial struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Knob, Of, Field and To are the change: see apply.Change. On a route Of is what
	// the operator names. A trial whose To the host does not tell needs a value.
	Knob  string `yaml:"knob"`
	Of    *Text  `yaml:"of"`
	Field *Text  `yaml:"field"`
	To    *Text  `yaml:"to"`
	// Takes says in words which values there are.
	Takes string `yaml:"takes"`
	// On is what the operator may name: interface, route, or nothing.
	On string `yaml:"on"`
	// Each is the table of whose rows the first by Order, of those for which When
	// holds, tells what the change is of; Link is the name of its interface.
	Each  string `yaml:"each"`
	When  *Expr  `yaml:"when"`
	Order *Expr  `yaml:"order"`
	Link  *Expr  `yaml:"link"`
	// Settle is how many seconds after each switch tell nothing, Block how many
	// after them are measured.
	Settle float64 `yaml:"settle"`
	Block  float64 `yaml:"block"`
	// Measures are ids. By the first the trial is judged; the others are looked at.
	Measures []string `yaml:"measures"`
	Causes   []string `yaml:"causes"` // for which it is worth a trial
	Why      string   `yaml:"why"`
	Risk     string   `yaml:"risk"`
	Mind     string   `yaml:"mind"` // what it acts on, and what outlasts it
	Sources  []string `yaml:"sources"`
	Place    `yaml:"-"`
}

// What a trial may be on.
const (
	OnInterface = "interface"
	OnRoute     = "route"
)

// The ways of a measure that are better.
const (
	LessIsBetter = "less"
	MoreIsBetter = "more"
)

func (m *Measure) key() string { return m.ID }
func (t *Trial) key() string   { return t.ID }

// UnmarshalYAML keeps the line for error messages.
func (m *Measure) UnmarshalYAML(n *yaml.Node) error {
	type plain Measure
	return at(n, (*plain)(m), &m.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (t *Trial) UnmarshalYAML(n *yaml.Node) error {
	type plain Trial
	return at(n, (*plain)(t), &t.Line)
}

// Measure returns a measure by its id, nil if there is none.
func (b *Book) Measure(id string) *Measure { return byKey(b.Measures, id) }

// Trial returns a trial by its id, nil if there is none.
func (b *Book) Trial(id string) *Trial { return byKey(b.Trials, id) }

func byKey[T entry](all []T, id string) (found T) {
	if i := slices.IndexFunc(all, func(e T) bool { return e.key() == id }); i >= 0 {
		return all[i]
	}
	return found
}

// Probes returns the names of the probes that yield what the measure needs, sorted.
func (m *Measure) Probes(v *Vocabulary) []string {
	return v.probesOf(m.Each, m.When, m.Link, m.Value, m.Per)
}

// Probes returns the names of the probes that tell what the trial changes, sorted.
func (t *Trial) Probes(v *Vocabulary) []string {
	names := v.probesOf(t.Each, t.When, t.Order, t.Link)
	for _, text := range []*Text{t.Of, t.Field, t.To} {
		if text != nil {
			names = append(names, v.probesFor(text.Uses(), t.Each)...)
		}
	}
	return unique(names)
}

func (v *Vocabulary) probesOf(table string, of ...*Expr) []string {
	var names []string
	if t := v.TableOf(table); t != nil {
		names = append(names, t.Probe)
	}
	for _, e := range of {
		if !e.Empty() {
			names = append(names, v.probesFor(e.Uses(), table)...)
		}
	}
	return unique(names)
}

func (v *Vocabulary) probesFor(uses []string, table string) []string {
	var names []string
	for _, name := range uses {
		if d := v.Lookup(name, table); d != nil && d.Probe != "" {
			names = append(names, d.Probe)
		}
	}
	return names
}

func (l *loader) settleTrials() {
	for _, m := range l.book.Measures {
		l.condition(m.When, m.Each, m.Place)
		l.expression(m.Link, scope{table: m.Each}, m.Place)
		l.number(m.Value, m.Each, m.Place)
		l.number(m.Per, m.Each, m.Place)
	}
	for _, t := range l.book.Trials {
		l.condition(t.When, t.Each, t.Place)
		l.number(t.Order, t.Each, t.Place)
		l.expression(t.Link, scope{table: t.Each}, t.Place)
		for _, text := range []*Text{t.Of, t.Field, t.To} {
			l.text(text, t.Each, nil, t.Place)
		}
	}
}

func (l *loader) validateTrials() {
	for _, m := range l.book.Measures {
		if m.Title == "" || m.Value.Empty() {
			l.problem(m.Place, "measure %s: expected title and value", m.ID)
		}
		if m.Better != LessIsBetter && m.Better != MoreIsBetter {
			l.problem(m.Place, "measure %s: better is %q: expected less or more", m.ID, m.Better)
		}
		if (m.Each == "") != m.Link.Empty() {
			l.problem(m.Place, "measure %s: expected a link, the interface of a row, where it goes through a table, and only there", m.ID)
		}
	}
	for _, t := range l.book.Trials {
		l.validateTrial(t)
	}
}

func (l *loader) validateTrial(t *Trial) {
	for what, missing := range map[string]bool{
		"title": t.Title == "", "knob": t.Knob == "", "of": (t.Of == nil) != (t.On == OnRoute), "measures": len(t.Measures) == 0,
		"why": t.Why == "", "risk": t.Risk == "", "mind": t.Mind == "", "causes": len(t.Causes) == 0, "sources": len(t.Sources) == 0,
		"takes": t.Takes == "", "link": t.On == OnInterface && t.Link.Empty(),
	} {
		if missing {
			l.problem(t.Place, "trial %s: expected %s", t.ID, what)
		}
	}
	if t.On != "" && t.On != OnInterface && t.On != OnRoute {
		l.problem(t.Place, "trial %s is on %q: expected interface, route or nothing", t.ID, t.On)
	}
	if t.Settle < 1 || t.Block < 1 || t.Settle > 600 || t.Block > 600 {
		l.problem(t.Place, "trial %s settles for %v s and measures for %v s: expected 1 to 600", t.ID, t.Settle, t.Block)
	}
	if strings.ContainsAny(t.ID, " \t") {
		l.problem(t.Place, "trial %q: expected an id of one word", t.ID)
	}
	l.validateTrialIDs(t)
}

// validateTrialIDs checks what the trial refers to.
func (l *loader) validateTrialIDs(t *Trial) {
	for _, id := range t.Measures {
		if l.book.Measure(id) == nil {
			l.problem(t.Place, "trial %s has the unknown measure %q", t.ID, id)
		}
	}
	for _, id := range t.Causes {
		if l.book.Cause(id) == nil {
			l.problem(t.Place, "trial %s is for the unknown cause %q", t.ID, id)
		}
	}
}

// Show formats a value of the measure as people read it, with its unit.
func (m *Measure) Show(v float64) string {
	switch m.Unit {
	case "":
		return percent(v)
	case "ms":
		return millis(v)
	case "bytes/s":
		return bytesText(v) + "/s"
	}
	return Show(v) + " " + m.Unit
}

// Percent formats a share as percent.
func Percent(share float64) string { return percent(share) }
