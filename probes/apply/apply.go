// Package apply changes settings of this host, and sets them back. It is the only
// package that writes to the host. Before a setting is written, its value is on
// disk (Journal); a guard of its own sets everything back unless it is told to
// keep the change (Guard).
package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Change is one setting to be changed, as plain data: what a plan says, a journal
// keeps and a command line shows.
type Change struct {
	// Knob is the kind of setting, one of Knobs.
	Knob string `json:"knob"`
	// Of is whose setting: the key of a sysctl, an interface, a route, a file.
	Of string `json:"of"`
	// Field is which of its settings, empty where it has but one.
	Field string `json:"field,omitempty"`
	// To is the wanted value, in the words that the usual command takes.
	To string `json:"to"`
}

// Name names the setting: "net.core.somaxconn", "ring rx of ens5".
func (c Change) Name() string {
	switch k := knobs[c.Knob]; {
	case k == nil:
		return c.Knob + " of " + c.Of
	case k.title == "" || c.Knob == "route" && c.Field == "":
		return c.Of
	case c.Field == "":
		return k.title + " of " + c.Of
	default:
		return k.title + " " + c.Field + " of " + c.Of
	}
}

// same tells whether two changes are of the same setting.
func (c Change) same(o Change) bool {
	return c.Knob == o.Knob && c.Of == o.Of && c.Field == o.Field
}

// State is the value of a setting.
type State struct {
	// Text is the value in words, as the usual command shows it.
	Text string `json:"text"`
	// Raw is what is needed to set it back where the words are not enough.
	Raw json.RawMessage `json:"raw,omitempty"`
}

// knob is a kind of setting.
type knob struct {
	title string // what to call it, empty where Of says it all
	// group says that Raw is a JSON object of settings that are read together.
	group bool
	// check finds fault with a change before the host is asked.
	check func(Change) error
	read  func(Change) (State, error)
	write func(Change) error
	// restore sets the value back. A setting that has it already is left alone.
	restore func(Change, State) error
	// reached tells whether a value is the wanted one.
	reached func(c Change, now State) bool
	// restored tells whether a value does what the one before did; nil: the same words.
	restored func(was, now State) bool
}

// knobs are the kinds of settings that can be changed.
var knobs map[string]*knob

func init() { // the knobs' functions refer to the table by way of Name
	knobs = map[string]*knob{
		"sysctl":     &sysctlKnob,
		"txqueuelen": &txqueuelenKnob,
		"ring":       &ringKnob,
		"coalesce":   &coalesceKnob,
		"pause":      &pauseKnob,
		"feature":    &featureKnob,
		"rps":        &steeringKnob,
		"xps":        &steeringKnob,
		"qdisc":      &qdiscKnob,
		"route":      &routeKnob,
		"file":       &fileKnob,
	}
}

// Knobs returns the names of the kinds of settings, sorted.
func Knobs() []string { return slices.Sorted(maps.Keys(knobs)) }

// Check finds fault with a change without asking the host.
func (c Change) Check() error {
	k := knobs[c.Knob]
	if k == nil {
		return fmt.Errorf("there is no knob %q: expected one of %s", c.Knob, strings.Join(Knobs(), ", "))
	}
	for _, s := range []string{c.Of, c.Field, c.To} {
		if strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s) {
			return fmt.Errorf("%s: control characters in %q", c.Knob, s)
		}
	}
	if c.Of == "" || c.To == "" {
		return fmt.Errorf("%s: expected what to change, and to which value", c.Knob)
	}
	return k.check(c)
}

// Read returns the setting's value now.
func (c Change) Read() (State, error) {
	if err := c.Check(); err != nil {
		return State{}, err
	}
	return knobs[c.Knob].read(c)
}

// ErrReached says that a setting has the wanted value already.
var ErrReached = errors.New("it has this value already")

// Reached tells whether a value is the one that the change is to bring.
func (c Change) Reached(now State) bool {
	k := knobs[c.Knob]
	if k == nil {
		return false
	}
	if k.reached != nil {
		return k.reached(c, now)
	}
	return sameWords(now.Text, c.To)
}

// set writes the setting and makes sure that it took: some are clamped, and some
// drivers take what they do not do. It returns the value as it is read then.
func (c Change) set() (State, error) {
	k := knobs[c.Knob]
	if err := k.write(c); err != nil {
		return State{}, fmt.Errorf("setting %s to %s: %w", c.Name(), c.To, err)
	}
	now, err := k.read(c)
	if err != nil {
		return State{}, fmt.Errorf("reading %s again: %w", c.Name(), err)
	}
	if !c.Reached(now) {
		return State{}, fmt.Errorf("%s was set to %s, and shows %s", c.Name(), c.To, now.Text)
	}
	return now, nil
}

// back sets the setting back to what it was, and makes sure that it took.
func (c Change) back(was State) error {
	k := knobs[c.Knob]
	if k == nil {
		return fmt.Errorf("there is no knob %q", c.Knob)
	}
	if err := k.restore(c, was); err != nil {
		return fmt.Errorf("setting %s back to %s: %w", c.Name(), was.Text, err)
	}
	now, err := k.read(c)
	if err != nil {
		return fmt.Errorf("reading %s again: %w", c.Name(), err)
	}
	if !sameWords(now.Text, was.Text) && (k.restored == nil || !k.restored(was, now)) {
		return fmt.Errorf("%s was set back to %s, and shows %s", c.Name(), was.Text, now.Text)
	}
	return nil
}

// sameWords compares values that may be spaced differently.
func sameWords(a, b string) bool {
	return slices.Equal(strings.Fields(a), strings.Fields(b))
}
