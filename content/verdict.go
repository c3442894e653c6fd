package content

import "go.yaml.in/yaml/v4"

// Symptom is a sign that something is wrong, whatever the cause: while one
// holds and no cause is named, the verdict is inconclusive and not healthy.
type Symptom struct {
	ID    string   `yaml:"id"`
	Each  string   `yaml:"each"`
	When  *Expr    `yaml:"when"`
	Says  *Text    `yaml:"says"`
	Needs []string `yaml:"needs"` // facts without which the host cannot be called healthy
	Place `yaml:"-"`
}

func (s *Symptom) key() string { return s.ID }

// UnmarshalYAML keeps the line for error messages.
func (s *Symptom) UnmarshalYAML(n *yaml.Node) error {
	type plain Symptom
	return at(n, (*plain)(s), &s.Line)
}

// Note is something worth telling beside the verdict: it neither accuses nor
// acquits. A note over a table tells its first rows.
type Note struct {
	ID    string `yaml:"id"`
	Each  string `yaml:"each"`
	When  *Expr  `yaml:"when"`
	Order *Expr  `yaml:"order"`
	Says  *Text  `yaml:"says"`
	Place `yaml:"-"`
}

func (n *Note) key() string { return n.ID }

// Evidence returns the note as a line of measurement.
func (n *Note) Evidence() *Evidence {
	return &Evidence{Each: n.Each, When: n.When, Order: n.Order, Says: n.Says, Place: n.Place}
}

// UnmarshalYAML keeps the line for error messages.
func (n *Note) UnmarshalYAML(node *yaml.Node) error {
	type plain Note
	return at(node, (*plain)(n), &n.Line)
}
