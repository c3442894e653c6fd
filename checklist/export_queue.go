package checklist

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/probes/apply"
)

// beside is a parameter of a queue with the values that it may have when another one
// of the same queue is set: those that the plan gives it, and the one of now. A
// command of tc(8) tells all parameters: with what a step before has set, or it would
// take that back.
type beside struct {
	Name   string
	Values []string // the one of now is the last
}

// together tells the settings of one queue of each other. The commands of each are
// those for when the steps before it were taken.
func (e *Export) together() {
	for i := range e.Steps {
		for j := range e.Steps[i].Settings {
			x := &e.Steps[i].Settings[j]
			for k := range e.Steps {
				for l := range e.Steps[k].Settings {
					before := k < i && !e.Steps[k].OnRequest() || k == i && l < j
					x.join(&e.Steps[k].Settings[l], before)
				}
			}
		}
	}
}

// join notes what another setting does to the same queue, if it does; before says that
// its step comes first.
func (x *Setting) join(o *Setting, before bool) {
	handle, name := parameterOf(x.Change)
	other, parameter := parameterOf(o.Change)
	if name == "" || parameter == "" || x.Change.Of != o.Change.Of || handle != other || name == parameter || x.Was == nil || o.Was == nil || o.Reached {
		return
	}
	if before {
		to := map[string]string{parameter: apply.Quote(o.Change.To)}
		x.Words.Run, x.Words.Undo = withParameters(x.Words.Run, to), withParameters(x.Words.Undo, to)
	}
	at := slices.IndexFunc(x.Beside, func(b beside) bool { return b.Name == parameter })
	if at < 0 {
		at = len(x.Beside)
		x.Beside = append(x.Beside, beside{parameter, []string{o.Was.Text}})
	}
	if b := &x.Beside[at]; !slices.Contains(b.Values, o.Change.To) {
		b.Values = slices.Insert(b.Values, 0, o.Change.To)
	}
}

// parameterOf is the handle and the name of a queue's parameter that a change sets,
// none for other changes.
func parameterOf(c apply.Change) (handle, name string) {
	if c.Knob == "qdisc" {
		handle, name, _ = strings.Cut(c.Field, " ")
	}
	if name == "leaf" {
		name = ""
	}
	return handle, name
}

// withParameters is a command of tc(8) with other values, as words of a shell, for some
// parameters; the command itself where it cannot be read.
func withParameters(command string, values map[string]string) string {
	words, err := shellWords(command)
	if err != nil {
		return command
	}
	at := map[string]int{}
	for i := range len(words) - 1 { // the parameters stand last
		at[words[i]] = i + 1
	}
	for i, w := range words {
		words[i] = apply.Quote(w)
	}
	for name, v := range values {
		if at[name] > 0 {
			words[at[name]] = v
		}
	}
	return strings.Join(words, " ")
}

// asHeld is a command that leaves the other parameters as they are when it is run.
// look is a command that prints the value that a parameter has of some, or fails.
func asHeld(command string, others []beside, look func(beside) string) string {
	fills, values := "", map[string]string{}
	for i, b := range others {
		fills += fmt.Sprintf("held%d=$(%s) && ", i, look(b))
		values[b.Name] = fmt.Sprintf(`"$held%d"`, i)
	}
	return fills + withParameters(command, values)
}
