package checklist

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"whydrop/content"
)

// answerCap is the most that all answers together can add to or take from a
// cause: an answer can raise suspicion, never convict.
const answerCap content.Decibans = 10

// answersCount is what answers count that imply so much together: ever less of
// what comes on top, so that more of them still make a cause more suspect than
// another, and never as much as answerCap.
func answersCount(implied content.Decibans) content.Decibans {
	return answerCap * math.Tanh(implied/answerCap)
}

// answerFile is one answer in a file: options and a note, or just the options.
type answerFile struct {
	Options []string
	Note    string
	line    int
}

// UnmarshalYAML takes "one-host", "[one-host, since-deploy]", or a mapping with
// options and note.
func (a *answerFile) UnmarshalYAML(n *yaml.Node) error {
	a.line = n.Line
	switch n.Kind {
	case yaml.ScalarNode:
		var one string
		if err := n.Decode(&one); err != nil {
			return err
		}
		a.Options = []string{one}
		return nil
	case yaml.SequenceNode:
		return n.Decode(&a.Options)
	default:
		var m struct {
			Options []string `yaml:"options"`
			Note    string   `yaml:"note"`
		}
		err := n.Load(&m, yaml.WithKnownFields())
		a.Options, a.Note = m.Options, m.Note
		return err
	}
}

// ReadAnswers reads answers from a YAML or JSON file's data into the case:
// question id to option ids and note. name is the file's name for the errors,
// which say the line and what was expected; then no answer is taken.
func (c *Case) ReadAnswers(name string, data []byte) error {
	var file map[string]answerFile
	if err := yaml.Load(data, &file); err != nil {
		return yamlError(name, err)
	}
	trial := NewCase(c.Book, c.Started)
	var wrong []error
	for _, q := range slices.Sorted(maps.Keys(file)) {
		a := file[q]
		if err := trial.Answer(q, Answer{Options: a.Options, Note: a.Note, At: c.Started}); err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", name, a.line, err))
		}
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	for q, a := range trial.Answers {
		c.Answers[q] = a
	}
	return nil
}

func yamlError(name string, err error) error {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		var lines []error
		for _, e := range many.Errors {
			lines = append(lines, fmt.Errorf("%s:%d: %s", name, e.Mark.Line, e.Message))
		}
		return errors.Join(lines...)
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return fmt.Errorf("%s:%d: %s", name, one.Mark.Line, one.Message)
	}
	return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
}

// AnswersYAML returns the answers in the format that ReadAnswers takes.
func (c *Case) AnswersYAML() ([]byte, error) {
	type answer struct {
		Options []string `yaml:"options,flow"`
		Note    string   `yaml:"note,omitempty"`
	}
	out := map[string]answer{}
	for q, a := range c.Answers {
		out[q] = answer{a.Options, a.Note}
	}
	return yaml.Dump(out)
}
