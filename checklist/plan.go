package checklist

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
)

// PlanStep is one remedy worked out for this host: every text has its measured
// values in it. Empty texts do not apply.
type PlanStep struct {
	// Cause is what the step is for; where it only undoes folklore on a host without
	// such a cause, one that says so.
	Cause  *content.Cause
	Remedy *content.Remedy
	// Folklore is what the step undoes, nil for the remedy of a cause.
	Folklore    *content.Folklore
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
	// Takes is for how long at least to look before the step is judged, at most
	// mostTakes; 0 for no longer than otherwise.
	Takes time.Duration
	// Changes are what whydrop can set itself, with consent.
	Changes []apply.Change
	// row is the row that the remedy speaks of, nil for none.
	row *content.Env
	// Unchecked is set when the remedy's own condition could not be judged.
	Unchecked bool
}

// Decision says that the step changes what somebody may have set on purpose: it is
// taken only where a person chooses it.
func (s PlanStep) Decision() bool { return s.Remedy.Decision }

// Plan works out the remedies for the causes that are named, the most probable
// cause first. For a cause none of whose remedies' conditions hold, the first
// whose condition could not be judged is offered and marked. Folklore that this
// host has is undone, also where no cause is named.
func (c *Case) Plan(d *Diagnosis) []PlanStep {
	if c.Facts == nil {
		return nil
	}
	p := c.planner(d)
	var steps []PlanStep
	for _, cause := range p.named {
		steps = append(steps, p.planFor(cause)...)
	}
	return p.withFolklore(c.Book, steps)
}

// planner works out remedies by the facts of one diagnosis.
type planner struct {
	facts *scene
	named []*content.Cause
	// reasons are what speaks for each of them, the weightiest first.
	reasons map[*content.Cause][]Reason
	// more are the names that remedies can use beside the facts.
	more map[string]string
}

func (c *Case) planner(d *Diagnosis) *planner {
	p := &planner{facts: d.facts, reasons: map[*content.Cause][]Reason{}, more: map[string]string{
		"this_host": c.Facts.Host, "observed": observed(c.Facts), "worst_peers": worstPeers(c.Facts),
	}}
	for _, f := range d.Named() {
		p.named = append(p.named, f.Cause)
		p.reasons[f.Cause] = f.For
	}
	if len(p.named) > 0 { // without a cause nobody is asked
		p.more["ruled_out"] = ruledOut(c.Places(d))
	}
	return p
}

// observed is the time of an observation, for somebody elsewhere who compares it
// with logs of his own.
func observed(f *fact.Facts) string {
	from := f.Start.UTC()
	to := from.Add(time.Duration(f.Seconds * float64(time.Second)))
	return from.Format("2006-01-02 15:04:05") + " to " + to.Format("15:04:05") + " UTC"
}

// ruledOut says what this host itself dropped meanwhile, of what TCP can miss: what
// whoever is asked for help wants to know first. What moved and may be no loss is
// told, too: the ledger shows it.
func ruledOut(places []LedgerEntry) string {
	read, unread := 0, 0
	var lost, maybe []string
	for _, e := range places {
		if e.Unknown != "" {
			unread++
			continue
		}
		read++
		switch {
		case e.Drops > 0 && e.Loss:
			lost = append(lost, e.Counter+" "+content.Show(e.Drops))
		case e.Drops > 0:
			maybe = append(maybe, e.Counter+" "+content.Show(e.Drops))
		}
	}
	s := fmt.Sprintf("none of the %d counters of dropped packets moved", read)
	switch {
	case len(lost) > 0:
		s = fmt.Sprintf("%d of the %d counters of dropped packets moved (%s)", len(lost), read, list(lost[:min(len(lost), 4)]))
	case len(maybe) > 0:
		s = fmt.Sprintf("none of the %d counters of dropped packets tells a loss", read)
	}
	if len(maybe) > 0 {
		s += fmt.Sprintf("; of those that also count what nobody misses, these moved: %s", list(maybe[:min(len(maybe), 4)]))
	}
	if unread > 0 {
		s += fmt.Sprintf("; %d more could not be read", unread)
	}
	return s
}

// worstPeers names up to three remote addresses to which most was sent again.
func worstPeers(f *fact.Facts) string {
	count := func(r fact.Row, field string) float64 { n, _ := r[field].(float64); return n }
	rows := slices.Clone(f.Tables["peer"])
	slices.SortStableFunc(rows, func(a, b fact.Row) int { return cmp.Compare(count(b, "retrans"), count(a, "retrans")) })
	var says []string
	for _, r := range rows[:min(3, len(rows))] {
		if again := count(r, "retrans"); again > 0 {
			says = append(says, fmt.Sprintf("%v (%s of %s segments sent again)", r["name"], content.Show(again), content.Show(count(r, "segs_out"))))
		}
	}
	if len(says) == 0 {
		return "the addresses in the list attached"
	}
	return list(says)
}

func (p *planner) planFor(cause *content.Cause) []PlanStep {
	var steps, unchecked []PlanStep
	better := func(r *content.Remedy) bool {
		return slices.ContainsFunc(steps, func(s PlanStep) bool { return slices.Contains(r.Unless, s.Remedy.ID) })
	}
	for _, r := range cause.Remedies {
		at, holds, known := remedyRow(r, p.facts)
		switch {
		case better(r):
		case holds && known:
			steps = append(steps, p.workOut(cause, r, at))
		case !known:
			s := p.workOut(cause, r, at)
			s.Unchecked = true
			unchecked = append(unchecked, s)
		}
	}
	if len(steps) == 0 && len(unchecked) > 0 {
		// One of which all is known, if there is such a one.
		i := slices.IndexFunc(unchecked, func(s PlanStep) bool { return !strings.Contains(s.Why+s.Change, content.Unknown) })
		return unchecked[max(i, 0):][:1]
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

func (p *planner) workOut(cause *content.Cause, r *content.Remedy, env *content.Env) PlanStep {
	s := PlanStep{Cause: cause, Remedy: r}
	peer, port := affectedEnd(p.facts.facts, env, p.reasons[cause])
	env = env.With("affected_peer", peer).With("affected_port", port)
	for name, v := range p.more {
		env = env.With(name, v)
	}
	text := func(t *content.Text) string { return rendered(t, env) }
	s.Current = text(r.Current)
	if r.Current != nil {
		env = env.With("current", s.Current)
	}
	if !r.Value.Empty() {
		s.Value = valueOf(r, env)
		env = env.With("value", s.Value)
		if s.Value != content.Unknown && r.Unit != "" {
			s.Value += " " + r.Unit
		}
	}
	s.Calculation, s.Change, s.Why, s.Effect = text(r.Calculation), text(r.Change), text(r.Why), text(r.Effect)
	s.Risk, s.Scope, s.Runtime = text(r.Risk), text(r.Scope), text(r.Runtime)
	s.Persist, s.Keep = text(r.Persist), text(r.Keep)
	s.Rollback, s.Verify, s.Ask, s.Needs = text(r.Rollback), text(r.Verify), text(r.Ask), text(r.Needs)
	for _, command := range []*string{&s.Runtime, &s.Persist, &s.Rollback} {
		if strings.Contains(*command, content.Unknown) {
			*command = "" // nobody can run it
		}
	}
	s.Changes, s.Takes = changesOf(r, env), takes(r, env)
	if r.Each != "" {
		s.row = env
	}
	if r.All && len(s.Changes) > 0 {
		s.Changes, s.row = p.changesOfAll(r, s.Changes), nil
	}
	s.commands(p.facts.facts.Here)
	return s
}

// rendered is a text with its values, "" for none.
func rendered(t *content.Text, env *content.Env) string {
	if t == nil {
		return ""
	}
	said, _ := t.Render(env)
	return said
}

func valueOf(r *content.Remedy, env *content.Env) string {
	if v, known := r.Value.Eval(env); known {
		return content.Show(v)
	}
	return content.Unknown
}

// mostTakes bounds for how long a step may want to be looked at.
const mostTakes = time.Minute

func takes(r *content.Remedy, env *content.Env) time.Duration {
	if r.Takes.Empty() {
		return 0
	}
	v, _ := r.Takes.Eval(env)
	seconds, _ := v.(float64)
	if !(seconds > 0) { // not known, or no number
		return 0
	}
	return min(time.Duration(min(seconds, mostTakes.Seconds())*float64(time.Second)), mostTakes)
}

// changesOf are the settings that a remedy changes, nil if one of the values is not
// known.
func changesOf(r *content.Remedy, env *content.Env) (changes []apply.Change) {
	for _, set := range r.Sets {
		c := apply.Change{Knob: set.Knob, Of: rendered(set.Of, env), Field: rendered(set.Field, env), To: rendered(set.To, env)}
		if c.Check() != nil { // a value that is not known is none to set
			return nil
		}
		changes = append(changes, c)
	}
	return changes
}

// mostChanges bounds how many settings one step changes.
const mostChanges = 16

// changesOfAll adds to the changes of the first row those of the others that match.
func (p *planner) changesOfAll(r *content.Remedy, changes []apply.Change) []apply.Change {
	rows, _ := p.facts.matching(r.Each, r.When, r.Order)
	for _, env := range rows {
		if !r.Value.Empty() {
			env = env.With("value", valueOf(r, env))
		}
		for _, c := range changesOf(r, env) {
			if len(changes) < mostChanges && !slices.Contains(changes, c) {
				changes = append(changes, c)
			}
		}
	}
	return changes
}

// commands fills in the commands that follow from the changes, where the content
// has no words of its own.
func (s *PlanStep) commands(here bool) {
	var now, keep, back []string
	for _, c := range s.Changes {
		var was *apply.State
		if s.Current != "" && len(s.Changes) == 1 {
			was = &apply.State{Text: s.Current}
		}
		w := wordsOf(c, was, here)
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

// wordsOf tells a change in commands, of this host or of one that is only told of.
func wordsOf(c apply.Change, was *apply.State, here bool) apply.Words {
	if here {
		return c.Words(was)
	}
	return c.WordsElsewhere(was)
}

func appendWord(words []string, w string) []string {
	if w == "" {
		return words
	}
	return append(words, w)
}
