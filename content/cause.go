package content

import "go.yaml.in/yaml/v4"

// Decibans is evidence: ten times the decimal logarithm of a likelihood ratio.
type Decibans = float64

// DefaultPrior is what a cause starts from before any evidence: 0.3 %.
const DefaultPrior Decibans = -25

// Hop is one place on the packet's way through the host and beyond.
type Hop struct {
	ID        string `yaml:"id"`
	Title     string `yaml:"title"`
	Short     string `yaml:"short"` // at most nine characters, for narrow screens
	Means     string `yaml:"means"`
	Direction string `yaml:"direction"` // rx, tx or both
	// Plainly is what goes wrong there, in a clause for people who run no servers.
	Plainly string `yaml:"plainly"`
	Place   `yaml:"-"`
}

// Cause is one reason for lost packets that whydrop can name.
type Cause struct {
	ID           string      `yaml:"id"`
	Title        string      `yaml:"title"`
	Hop          string      `yaml:"hop"`
	Brief        []string    `yaml:"brief"`
	Prior        Decibans    `yaml:"prior"`
	Happens      string      `yaml:"happens"`
	Notice       string      `yaml:"notice"`
	Believed     string      `yaml:"believed"`
	For          []*Rule     `yaml:"for"`
	Against      []*Rule     `yaml:"against"`
	ConfusedWith []Confusion `yaml:"confused_with"`
	Settle       string      `yaml:"settle"`
	Remedies     []*Remedy   `yaml:"remedies"`
	Sources      []string    `yaml:"sources"`
	Place        `yaml:"-"`
}

// Explainers returns the causes that can explain some of its evidence away.
func (c *Cause) Explainers() []string {
	var ids []string
	for _, r := range append(append([]*Rule{}, c.For...), c.Against...) {
		ids = append(ids, r.Unless...)
	}
	return unique(ids)
}

// Confusion names a neighbour that a cause is mistaken for, and how to tell.
type Confusion struct {
	Cause string `yaml:"cause"`
	Tell  string `yaml:"tell"`
}

// Rule is one piece of evidence for or against a cause.
type Rule struct {
	ID     string   `yaml:"id"`
	Each   string   `yaml:"each"`   // the table whose rows are tried, "" for none
	When   *Expr    `yaml:"when"`   // the condition
	Order  *Expr    `yaml:"order"`  // the worst row first
	Weight Decibans `yaml:"weight"` // always positive
	Group  string   `yaml:"group"`  // of a group only the weightiest counts
	Unless []string `yaml:"unless"` // counts nothing while one of these causes is named
	Says   *Text    `yaml:"says"`
	Place  `yaml:"-"`
}

// Remedy is one thing to do about a cause.
type Remedy struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Kind says what is changed: application, sysctl, device, qdisc, firewall,
	// route, network, or nothing yet: investigate.
	Kind        string `yaml:"kind"`
	Each        string `yaml:"each"`
	When        *Expr  `yaml:"when"`
	Order       *Expr  `yaml:"order"`
	Setting     string `yaml:"setting"` // for sysctl: the key
	Current     *Text  `yaml:"current"`
	Value       *Expr  `yaml:"value"` // what to set, computed from what was measured
	Unit        string `yaml:"unit"`  // of a value that no sysctl gives its unit
	Calculation *Text  `yaml:"calculation"`
	Change      *Text  `yaml:"change"`
	Why         *Text  `yaml:"why"`
	Effect      *Text  `yaml:"effect"`
	Risk        *Text  `yaml:"risk"`
	Scope       *Text  `yaml:"scope"`
	Runtime     *Text  `yaml:"runtime"`
	Persist     *Text  `yaml:"persist"` // the command that keeps the change over a reboot
	Keep        *Text  `yaml:"keep"`    // how it is kept where no command does it alone
	Rollback    *Text  `yaml:"rollback"`
	Verify      *Text  `yaml:"verify"`
	// Sets are the settings that whydrop changes itself where the operator
	// consents, in this order. A sysctl named under setting is one by itself.
	Sets []*Set `yaml:"sets"`
	// All says that the settings of every row that matches are changed, not only those
	// of the first one, of which the texts speak.
	All bool `yaml:"all"`
	// Stops is what the step is to stop: a number of the observation, of the row
	// that the remedy speaks of.
	Stops *Expr `yaml:"stops"`
	// Takes is for how many seconds at least to look before the step is judged, where
	// what it mends goes on only with the next of its timers.
	Takes *Expr `yaml:"takes"`
	// Needs is what has to happen before it acts, such as a restart.
	Needs *Text `yaml:"needs"`
	// Unless names remedies of the same cause, before this one, that do better: it is
	// offered where none of them is.
	Unless []string `yaml:"unless"`
	// Decision says that somebody may have set the value on purpose, such as the rate of
	// a contract: whydrop changes it only where a person chooses this very step.
	Decision bool  `yaml:"decision"`
	Ask      *Text `yaml:"ask"` // the text to send to whoever owns the fault
	Place    `yaml:"-"`
}

// Set is one setting to change: a knob of package apply, whose it is, which one of
// several, and the value.
type Set struct {
	Knob  string `yaml:"knob"`
	Of    *Text  `yaml:"of"`
	Field *Text  `yaml:"field"`
	To    *Text  `yaml:"to"`
	Place `yaml:"-"`
}

func (h *Hop) key() string   { return h.ID }
func (c *Cause) key() string { return c.ID }

// UnmarshalYAML keeps the line for error messages.
func (h *Hop) UnmarshalYAML(n *yaml.Node) error {
	type plain Hop
	return at(n, (*plain)(h), &h.Line)
}

// UnmarshalYAML keeps the line for error messages and sets the default prior.
func (c *Cause) UnmarshalYAML(n *yaml.Node) error {
	type plain Cause
	c.Prior = DefaultPrior
	return at(n, (*plain)(c), &c.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (r *Rule) UnmarshalYAML(n *yaml.Node) error {
	type plain Rule
	return at(n, (*plain)(r), &r.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (s *Set) UnmarshalYAML(n *yaml.Node) error {
	type plain Set
	return at(n, (*plain)(s), &s.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (r *Remedy) UnmarshalYAML(n *yaml.Node) error {
	type plain Remedy
	return at(n, (*plain)(r), &r.Line)
}

// texts returns the remedy's texts, for checks that treat all alike.
func (r *Remedy) texts() []*Text {
	texts := []*Text{
		r.Current, r.Calculation, r.Change, r.Why, r.Effect, r.Risk, r.Scope,
		r.Runtime, r.Persist, r.Keep, r.Rollback, r.Verify, r.Needs, r.Ask,
	}
	for _, s := range r.Sets {
		texts = append(texts, s.Of, s.Field, s.To)
	}
	return texts
}
