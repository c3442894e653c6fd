package content

import (
	_ "embed" // how people speak in an interview
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed rubric/speech.yaml
var embeddedSpeech []byte

// Speech is how candidates speak: by which words they ask for a line of the script, and
// what a command shows, in words that can be read out. Phrases are words in small
// letters; all of them have to be said, in any order.
type Speech struct {
	// Fillers are words that say nothing about what is meant.
	Fillers []string `yaml:"fillers"`
	// Same are words that mean the same.
	Same [][]string `yaml:"same"`
	// Plans and Verdicts are words in a row by which somebody proposes a step, or names a
	// cause; States are those by which they may name one.
	Plans    []string `yaml:"plans"`
	Verdicts []string `yaml:"verdicts"`
	States   []string `yaml:"states"`
	// Questions are words in a row with which a question begins, Leads such as come before
	// it, or before a word of Changes, which proposes a step. Who says one of Looks before
	// proposes none, nor who speaks of one of Watches: who sets up an alarm or a capture changes nothing.
	Questions  []string     `yaml:"questions"`
	Leads      []string     `yaml:"leads"`
	Changes    []string     `yaml:"changes"`
	Looks      []string     `yaml:"looks"`
	Watches    []string     `yaml:"watches"`
	Utterances []*Utterance `yaml:"utterances"`
	Commands   []*Command   `yaml:"commands"`
}

// Utterance is what people say when they mean a line of the script.
type Utterance struct {
	// Lines are KIND:ID, the likeliest first: question:Q1b, probe:log, aside:capture,
	// item:10.baseline, step:hand-over, cause:healthy.
	Lines []string `yaml:"lines"`
	Says  []string `yaml:"says"`
}

// Command is a command by which people ask for figures, and what it shows.
type Command struct {
	// Title is the command as it is typed.
	Title string   `yaml:"title"`
	Probe string   `yaml:"probe"`
	Says  []string `yaml:"says"`
	// Also are other lines of the script that answer it.
	Also  []string  `yaml:"also"`
	Shows []*Output `yaml:"shows"`
	// Nothing is what to say where it shows nothing, or Instead the question whose answer
	// is to be given: the figures prove nothing then.
	Nothing string `yaml:"nothing"`
	Instead string `yaml:"instead"`
}

// Output is lines of a command's output: one a row of a table, or one alone.
type Output struct {
	Each string `yaml:"each"`
	// Parts are put together to one line; those with something that nobody knows are left
	// out, and the line if the first one is.
	Parts []*Text `yaml:"parts"`
	// When says for which rows; all without it.
	When *Expr `yaml:"when"`
	// Counters of the facts or of the row, told as growth and total, moved or not: of the
	// facts those first that moved.
	Counters []string `yaml:"counters"`
	// Moved are beginnings of names: what else moved of these is told, too.
	Moved []string `yaml:"moved"`
}

// Speech reads how candidates speak. What is wrong in it is an error of type Problems.
func (b *Book) Speech() (*Speech, error) {
	s := &Speech{}
	const file = "content/rubric/speech.yaml"
	if err := yaml.Load(embeddedSpeech, s, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	c := &rubricCheck{book: b, file: file}
	for _, u := range s.Utterances {
		if u == nil || len(u.Lines) == 0 || len(u.Says) == 0 {
			c.problem("an utterance: expected lines and says")
			continue
		}
		for _, line := range u.Lines {
			c.line(line)
		}
	}
	for _, command := range s.Commands {
		c.command(command)
	}
	if len(c.wrong) > 0 {
		return nil, c.wrong
	}
	return s, nil
}

// line checks the name of a line, as far as the book knows it.
func (c *rubricCheck) line(line string) {
	kind, id, _ := strings.Cut(line, ":")
	switch known := map[string]func() bool{
		"question": func() bool { return c.book.Question(id) != nil },
		"probe":    func() bool { return slices.Contains(c.book.Facts.Probes(), id) },
		"cause":    func() bool { return id == "healthy" || c.book.Cause(id) != nil },
		"aside":    func() bool { return id != "" }, "item": func() bool { return id != "" }, "step": func() bool { return id != "" },
	}[kind]; {
	case known == nil:
		c.problem("line %q: expected question, probe, aside, item, step or cause, and a name", line)
	case !known():
		c.problem("line %q: there is no such %s", line, kind)
	}
}

func (c *rubricCheck) command(command *Command) {
	if command == nil || command.Title == "" || len(command.Says) == 0 || len(command.Shows) == 0 && command.Nothing == "" || command.Instead != "" && c.book.Question(command.Instead) == nil {
		c.problem("a command: expected title, says, shows or nothing, and instead a question if at all")
		return
	}
	c.line("probe:" + command.Probe)
	for _, line := range command.Also {
		c.line(line)
	}
	for _, o := range command.Shows {
		if o == nil || o.Each != "" && c.book.Facts.TableOf(o.Each) == nil {
			c.problem("command %s: expected each to be a table", command.Title)
			continue
		}
		if err := c.output(o); err != nil {
			c.problem("command %s: %v", command.Title, err)
		}
	}
}

// output gives the texts of an output their scope, and checks it.
func (c *rubricCheck) output(o *Output) error {
	for _, t := range o.Parts {
		t.scope = scope{vocabulary: c.book.Facts, table: o.Each}
		if err := t.Check(); err != nil {
			return err
		}
	}
	if o.When != nil {
		o.When.scope = scope{vocabulary: c.book.Facts, table: o.Each, want: reflect.Bool}
		if err := o.When.Check(); err != nil {
			return err
		}
	}
	for _, name := range o.Counters {
		if o.Each != "" {
			name = o.Each + "." + name
		}
		if d := c.book.Facts.Lookup(name, o.Each); d == nil || d.Type != Count {
			return fmt.Errorf("%s is no counter", name)
		}
	}
	return nil
}
