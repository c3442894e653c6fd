package content

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// HandOver is the step that names no remedy: somebody else is to act, on the evidence.
const HandOver = "hand-over"

// Help is a step that is sound in a story, though it is another cause's.
type Help struct {
	Step  string `yaml:"step"` // CAUSE/REMEDY, or HandOver
	For   string `yaml:"for"`  // the truth that it is sound against; empty where there are not several
	Why   string `yaml:"why"`
	Best  bool   `yaml:"best"` // as good as the best of fix
	Place `yaml:"-"`
}

// Helped is the help that a step is against a truth, "" for a healthy host; nil if it is
// none.
func (s *Scenario) Helped(step, truth string) *Help {
	for _, h := range s.Helps {
		if h.Step == step && (h.For == "" || h.For == truth) {
			return h
		}
	}
	return nil
}

// UnmarshalYAML keeps the line for error messages.
func (h *Help) UnmarshalYAML(n *yaml.Node) error {
	type plain Help
	return at(n, (*plain)(h), &h.Line)
}

// validateSteps checks the steps that a story judges itself.
func (l *loader) validateSteps(s *Scenario) {
	for _, h := range s.Helps {
		l.validateHelp(s, h)
	}
	helps := func(step string) bool {
		return slices.ContainsFunc(s.Helps, func(h *Help) bool { return h.Step == step })
	}
	for _, step := range s.Vain {
		cause, r := l.book.Remedy(step)
		switch {
		case r == nil:
			l.problem(s.Place, "scenario %s: vain names the unknown step %q: expected CAUSE/REMEDY", s.ID, step)
		case s.Right(cause.ID) || helps(step) || slices.Contains(s.Aside, step):
			l.problem(s.Place, "scenario %s: %s is called vain, and is right or stands aside", s.ID, step)
		}
	}
	for _, step := range s.Aside {
		switch _, r := l.book.Remedy(step); {
		case r == nil && l.book.FolkloreOf(step) == nil:
			l.problem(s.Place, "scenario %s: aside names the unknown step %q: expected CAUSE/REMEDY or folklore", s.ID, step)
		case slices.Contains(s.Fix, step) || helps(step):
			l.problem(s.Place, "scenario %s: %s stands aside and is right", s.ID, step)
		}
	}
}

func (l *loader) validateHelp(s *Scenario, h *Help) {
	_, r := l.book.Remedy(h.Step)
	switch {
	case h.Step != HandOver && r == nil:
		l.problem(h.Place, "scenario %s: helps names the unknown step %q: expected CAUSE/REMEDY or %s", s.ID, h.Step, HandOver)
	case slices.Contains(s.Fix, h.Step):
		l.problem(h.Place, "scenario %s: %s stands in fix and in helps", s.ID, h.Step)
	case h.Why == "":
		l.problem(h.Place, "scenario %s: helps %s: expected why", s.ID, h.Step)
	case h.For == "" && len(s.Truth) > 1 || h.For != "" && !slices.Contains(s.Truth, h.For):
		l.problem(h.Place, "scenario %s: helps %s for %q: expected one of its truths, %s", s.ID, h.Step, h.For, strings.Join(s.Truth, ", "))
	}
}
