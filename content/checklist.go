package content

import (
	"strconv"

	"go.yaml.in/yaml/v4"
)

// Group is one of the ten groups of the checklist.
type Group struct {
	Number    int         `yaml:"number"`
	Title     string      `yaml:"title"`
	Part      string      `yaml:"part"` // general context, network or system
	Questions []*Question `yaml:"questions"`
	Place     `yaml:"-"`
}

// Question is one clarifying question.
type Question struct {
	ID       string      `yaml:"id"`
	Ask      string      `yaml:"ask"`
	Why      string      `yaml:"why"`
	FindOut  string      `yaml:"find_out"`
	Options  []*Option   `yaml:"options"`
	Evidence []*Evidence `yaml:"evidence"`
	Probes   []string    `yaml:"probes"`
	// Tells is what an answer says in the first paragraph of a report, TellsAffected or
	// TellsStart; empty for nothing.
	Tells string `yaml:"tells"`
	Place `yaml:"-"`
}

// What a question can tell the first paragraph of a report: who or what is affected,
// and since when.
const (
	TellsAffected = "affected"
	TellsStart    = "start"
)

// Option is an answer that can be ticked. "Don't know" is always there and is
// not listed.
type Option struct {
	ID      string              `yaml:"id"`
	Label   string              `yaml:"label"`
	Implies map[string]Decibans `yaml:"implies"` // cause id to weight, negative speaks against
	Place   `yaml:"-"`
}

// Evidence is a line of live measurement shown beside a question.
type Evidence struct {
	Each  string `yaml:"each"`
	When  *Expr  `yaml:"when"`
	Order *Expr  `yaml:"order"`
	Says  *Text  `yaml:"says"`
	Place `yaml:"-"`
}

// DontKnow is the option that every question has.
const DontKnow = "dont-know"

// Option returns an option by its id, nil if there is none.
func (q *Question) Option(id string) *Option {
	for _, o := range q.Options {
		if o.ID == id {
			return o
		}
	}
	return nil
}

// JourneyStep is one step of the packet's way from application to application.
// Steps that the brief lacks have no number.
type JourneyStep struct {
	Number   string
	Title    string
	Layer    string
	Side     string // source, network or destination
	Happens  string
	Believed string
	Hops     []string
	Loses    string
	Sources  []string
	Place
}

// InvestigationStep is one step of the investigation, or of the one in AWS.
type InvestigationStep struct {
	Number   string
	Title    string
	Do       string
	Commands []string
	LookFor  string
	Believed string
	Causes   []string
	Parts    []*InvestigationStep
	Sources  []string
	Place
}

// Tool is one of the diagnostics of the brief.
type Tool struct {
	Number   string   `yaml:"number"`
	Title    string   `yaml:"title"`
	Use      string   `yaml:"use"`
	Mind     string   `yaml:"mind"`
	Believed string   `yaml:"believed"`
	Commands []string `yaml:"commands"`
	Sources  []string `yaml:"sources"`
	Place    `yaml:"-"`
}

// BriefItem is one numbered item of the brief: the fact, and what is commonly
// believed instead.
type BriefItem struct {
	Number   string   `yaml:"number"`
	Title    string   `yaml:"title"`
	Fact     string   `yaml:"fact"`
	Believed string   `yaml:"believed"`
	Sources  []string `yaml:"sources"`
	Place    `yaml:"-"`
}

// step is the shape of both kinds of steps in a file.
type step struct {
	Number   string   `yaml:"number"`
	Title    string   `yaml:"title"`
	Layer    string   `yaml:"layer"`
	Side     string   `yaml:"side"`
	Happens  string   `yaml:"happens"`
	Believed string   `yaml:"believed"`
	Hops     []string `yaml:"hops"`
	Loses    string   `yaml:"loses"`
	Do       string   `yaml:"do"`
	Commands []string `yaml:"commands"`
	LookFor  string   `yaml:"look_for"`
	Causes   []string `yaml:"causes"`
	Parts    []*step  `yaml:"parts"`
	Sources  []string `yaml:"sources"`
	Place    `yaml:"-"`
}

func (s *step) isJourney() bool { return s.Layer != "" }

func (s *step) journey() *JourneyStep {
	return &JourneyStep{
		Number: s.Number, Title: s.Title, Layer: s.Layer, Side: s.Side, Happens: s.Happens,
		Believed: s.Believed, Hops: s.Hops, Loses: s.Loses, Sources: s.Sources, Place: s.Place,
	}
}

func (s *step) investigation() *InvestigationStep {
	is := &InvestigationStep{
		Number: s.Number, Title: s.Title, Do: s.Do, Commands: s.Commands, LookFor: s.LookFor,
		Believed: s.Believed, Causes: s.Causes, Sources: s.Sources, Place: s.Place,
	}
	for _, p := range s.Parts {
		is.Parts = append(is.Parts, p.investigation())
	}
	return is
}

func (g *Group) key() string             { return strconv.Itoa(g.Number) }
func (s *InvestigationStep) key() string { return s.Number }
func (t *Tool) key() string              { return t.Number }
func (b *BriefItem) key() string         { return b.Number }

// key of a step that the brief lacks is its title.
func (s *JourneyStep) key() string {
	if s.Number == "" {
		return s.Title
	}
	return s.Number
}

// UnmarshalYAML keeps the line for error messages.
func (g *Group) UnmarshalYAML(n *yaml.Node) error {
	type plain Group
	return at(n, (*plain)(g), &g.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (q *Question) UnmarshalYAML(n *yaml.Node) error {
	type plain Question
	return at(n, (*plain)(q), &q.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (o *Option) UnmarshalYAML(n *yaml.Node) error {
	type plain Option
	return at(n, (*plain)(o), &o.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (e *Evidence) UnmarshalYAML(n *yaml.Node) error {
	type plain Evidence
	return at(n, (*plain)(e), &e.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (s *step) UnmarshalYAML(n *yaml.Node) error {
	type plain step
	return at(n, (*plain)(s), &s.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (t *Tool) UnmarshalYAML(n *yaml.Node) error {
	type plain Tool
	return at(n, (*plain)(t), &t.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (b *BriefItem) UnmarshalYAML(n *yaml.Node) error {
	type plain BriefItem
	return at(n, (*plain)(b), &b.Line)
}
