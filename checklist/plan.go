package checklist

import (
	"strings"

	"whydrop/content"
	"whydrop/probes/apply"
)

// PlanStep is one remedy worked out for this host: every text has its measured
// values in it. Empty texts do not apply.
type PlanStep struct {
	Cause       *content.Cause
	Remedy      *content.Remedy
	Current     string
	Value       string // with its unit, where the remedy gives one
	Calculation string
	Change      string
	Why         string
	Effect      string
	Risk        string
	Scope       string
	Runtime     string
	Persist     string // the command that keeps it
	Keep        string // how it is kept where no command does it alone
	Rollback    string
	Verify      string
	Ask         string
	Needs       string // what has to happen before it acts
	// Changes are what whydrop can set itself, with consent.
	Changes []apply.Change
	// row is the row that the remedy speaks of, nil for none.
	row *content.Env
	// Unchecked is set when the remedy's own condition could not be judged.
	Unchecked bool
}

// Plan works out the remedies for the causes that are named, the most probable
// cause first. For a cause none of whose remedies' conditions hold, the first
// whose condition could not be judged is offered and marked.
func (c *Case) Plan(d *Diagnosis) []PlanStep {
	if c.Facts == nil {
		return nil
	}
	var steps []PlanStep
	for _, f := range d.Named() {
		steps = append(steps, planFor(f.Cause, d.facts)...)
	}
	return steps
}

func planFor(cause *content.Cause, facts *scene) []PlanStep {
	var steps, unchecked []PlanStep
	for _, r := range cause.Remedies {
		at, holds, known := remedyRow(r, facts)
		switch {
		case holds && known:
			steps = append(steps, workOut(cause, r, at))
		case !known:
			s := workOut(cause, r, at)
			s.Unchecked = true
			unchecked = append(unchecked, s)
		}
	}
	if len(steps) == 0 && len(unchecked) > 0 {
		return unchecked[:1]
	}
	return steps
}

// remedyRow finds the row that a remedy speaks of, and whether it is offered.
func remedyRow(r *content.Remedy, facts *scene) (at *content.Env, holds, known bool) {
	if r.Each == "" {
		holds, known = r.When.Holds(facts.Env)
		return facts.Env, holds, known
	}
	if _, looked := facts.table(r.Each); !looked {
		return facts.Env, false, false
	}
	rows, known := facts.matching(r.Each, r.When, r.Order)
	if len(rows) == 0 {
		return facts.Env, false, known
	}
	return rows[0], true, true
}

func workOut(cause *content.Cause, r *content.Remedy, env *content.Env) PlanStep {
	s := PlanStep{Cause: cause, Remedy: r}
	text := func(t *content.Text) string {
		if t == nil {
			return ""
		}
		said, _ := t.Render(env)
		return said
	}
	s.Current = text(r.Current)
	if r.Current != nil {
		env = env.With("current", s.Current)
	}
	if !r.Value.Empty() {
		s.Value = content.Unknown
		if v, known := r.Value.Eval(env); known {
			s.Value = content.Show(v)
		}
		env = env.With("value", s.Value)
		if s.Value != content.Unknown && r.Unit != "" {
			s.Value += " " + r.Unit
		}
	}
	s.Calculation, s.Change, s.Why, s.Effect = text(r.Calculation), text(r.Change), text(r.Why), text(r.Effect)
	s.Risk, s.Scope, s.Runtime = text(r.Risk), text(r.Scope), text(r.Runtime)
	s.Persist, s.Keep = text(r.Persist), text(r.Keep)
	s.Rollback, s.Verify, s.Ask, s.Needs = text(r.Rollback), text(r.Verify), text(r.Ask), text(r.Needs)
	for _, set := range r.Sets {
		c := apply.Change{Knob: set.Knob, Of: text(set.Of), Field: text(set.Field), To: text(set.To)}
		if c.Check() == nil { // a value that is not known is none to set
			s.Changes = append(s.Changes, c)
		}
	}
	if len(s.Changes) < len(r.Sets) {
		s.Changes = nil
	}
	if r.Each != "" {
		s.row = env
	}
	s.commands()
	return s
}

// commands fills in the commands that follow from the changes, where the content
// has no words of its own.
func (s *PlanStep) commands() {
	var now, keep, back []string
	for _, c := range s.Changes {
		var was *apply.State
		if s.Current != "" && len(s.Changes) == 1 {
			was = &apply.State{Text: s.Current}
		}
		w := c.Words(was)
		now, back = appendWord(now, w.Run), appendWord(back, w.Undo)
		for _, k := range w.Keep {
			keep = append(keep, k.Command())
		}
	}
	if s.Runtime == "" {
		s.Runtime = strings.Join(now, "; ")
	}
	if s.Persist == "" {
		s.Persist = strings.Join(keep, "; ")
	}
	if s.Rollback == "" && len(back) > 0 {
		s.Rollback = strings.Join(back, "; ")
	}
}

func appendWord(words []string, w string) []string {
	if w == "" {
		return words
	}
	return append(words, w)
}
