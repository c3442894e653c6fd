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
