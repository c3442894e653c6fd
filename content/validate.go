package content

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// index makes entries findable and puts the causes in the order of the hops.
func (l *loader) index() {
	b := l.book
	l.derive()
	l.indexReasons()
	b.hops, b.causes, b.questions = map[string]*Hop{}, map[string]*Cause{}, map[string]*Question{}
	order := map[string]int{}
	for i, h := range b.Hops {
		b.hops[h.ID], order[h.ID] = h, i
	}
	sort.SliceStable(b.Causes, func(i, j int) bool { return order[b.Causes[i].Hop] < order[b.Causes[j].Hop] })
	for _, c := range b.Causes {
		b.causes[c.ID] = c
	}
	sort.SliceStable(b.Groups, func(i, j int) bool { return b.Groups[i].Number < b.Groups[j].Number })
	for _, q := range b.Questions() {
		q.File = l.groupFile(q)
		if b.questions[q.ID] != nil {
			l.problem(q.Place, "question %s stands twice", q.ID)
		}
		b.questions[q.ID] = q
	}
	l.indexScenarios()
}

func (l *loader) groupFile(q *Question) string {
	for _, g := range l.book.Groups {
		for _, have := range g.Questions {
			if have == q {
				return g.File
			}
		}
	}
	return ""
}

// settle gives every expression and text its scope. What is strict checks them,
// too.
func (l *loader) settle() {
	l.settleTerms()
	for _, c := range l.book.Causes {
		for _, r := range append(append([]*Rule{}, c.For...), c.Against...) {
			r.File = c.File
			l.settleUnless(c, r)
			l.condition(r.When, r.Each, r.Place)
			l.number(r.Order, r.Each, r.Place)
			l.text(r.Says, r.Each, nil, r.Place)
		}
		for _, r := range c.Remedies {
			r.File = c.File
			l.remedy(r)
		}
	}
	l.settleFolklore()
	l.settleLedger()
	l.settleLists()
	l.settleTrials()
	for _, s := range l.book.Symptoms {
		l.condition(s.When, s.Each, s.Place)
		l.text(s.Says, s.Each, nil, s.Place)
	}
	for _, q := range l.book.Questions() {
		for _, e := range q.Evidence {
			e.File = q.File
			l.evidence(e)
		}
	}
	for _, n := range l.book.Notes {
		l.evidence(n.Evidence())
		if n.Says == nil {
			l.problem(n.Place, "note %s says nothing: expected says", n.ID)
		}
	}
}

func (l *loader) evidence(e *Evidence) {
	l.condition(e.When, e.Each, e.Place)
	l.number(e.Order, e.Each, e.Place)
	l.text(e.Says, e.Each, nil, e.Place)
}

func (l *loader) remedy(r *Remedy) {
	l.condition(r.When, r.Each, r.Place)
	l.number(r.Order, r.Each, r.Place)
	l.number(r.Stops, r.Each, r.Place)
	l.number(r.Takes, r.Each, r.Place)
	// A capital letter stands for something to fill in: INTERFACE.
	if r.Kind == "sysctl" && r.Setting == strings.ToLower(r.Setting) && r.Setting != "" && len(r.Sets) == 0 {
		r.Sets = []*Set{{Knob: "sysctl", Of: &Text{Source: r.Setting}, To: &Text{Source: "{value}"}, Place: r.Place}}
	}
	extra := map[string]Type{"observed": String, "this_host": String, "ruled_out": String, "worst_peers": String, "affected_peer": String, "affected_port": String}
	if !r.Value.Empty() {
		l.expression(r.Value, scope{table: r.Each}, r.Place)
		extra["value"] = String
	}
	if r.Current != nil {
		extra["current"] = String
	}
	for _, t := range r.texts() {
		l.text(t, r.Each, extra, r.Place)
	}
}

func (l *loader) condition(e *Expr, each string, owner Place) {
	l.expression(e, scope{table: each, want: reflect.Bool}, owner)
}

func (l *loader) number(e *Expr, each string, owner Place) {
	l.expression(e, scope{table: each, want: reflect.Float64}, owner)
}

// expression gives an expression its scope, and checks it where all is checked.
func (l *loader) expression(e *Expr, in scope, owner Place) {
	if e.Empty() {
		return
	}
	e.File, e.scope = owner.File, in
	e.vocabulary = l.book.Facts
	if !l.strict {
		return
	}
	if in.table != "" && l.book.Facts.TableOf(in.table) == nil {
		l.problem(owner, "each: %s is not a table: expected one of %s", in.table, l.tableNames())
		return
	}
	if err := e.Check(); err != nil {
		l.problem(e.Place, "%v", err)
	}
}

func (l *loader) text(t *Text, each string, extra map[string]Type, owner Place) {
	if t == nil {
		return
	}
	t.File, t.scope = owner.File, scope{vocabulary: l.book.Facts, table: each, extra: extra}
	if !l.strict {
		return
	}
	if err := t.Check(); err != nil {
		l.problem(t.Place, "%v", err)
	}
}

func (l *loader) tableNames() string {
	var names []string
	for _, t := range l.book.Facts.Tables() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// validate checks what the types of the YAML can't say.
func (l *loader) validate() {
	l.validateReasons()
	for _, c := range l.book.Causes {
		l.validateCause(c)
	}
	for _, q := range l.book.Questions() {
		l.validateQuestion(q)
	}
	for _, s := range l.book.Symptoms {
		l.validateSymptom(s)
	}
	for _, s := range l.book.Journey {
		for _, h := range s.Hops {
			if l.book.Hop(h) == nil {
				l.problem(s.Place, "step %s passes the unknown hop %q", s.key(), h)
			}
		}
	}
	l.validateFolklore()
	l.validateLedger()
	l.validateLists()
	l.validateTrials()
	l.validateScenarios()
	l.validateCoverage()
}

func (l *loader) validateCause(c *Cause) {
	if l.book.Hop(c.Hop) == nil {
		l.problem(c.Place, "cause %s is at the unknown hop %q", c.ID, c.Hop)
	}
	if c.Hop != strings.SplitN(c.ID, ".", 2)[0] {
		l.problem(c.Place, "cause %s: expected an id that begins with its hop %q", c.ID, c.Hop+".")
	}
	for what, missing := range map[string]bool{
		"a title": c.Title == "", "happens": c.Happens == "", "notice": c.Notice == "",
		"a rule under for": len(c.For) == 0, "a rule under against": len(c.Against) == 0,
		"a remedy": len(c.Remedies) == 0, "a source": len(c.Sources) == 0,
	} {
		if missing {
			l.problem(c.Place, "cause %s has no %s: expected %s", c.ID, strings.TrimPrefix(strings.TrimPrefix(what, "a "), "an "), what)
		}
	}
	ids := map[string]bool{}
	for _, r := range append(append([]*Rule{}, c.For...), c.Against...) {
		l.validateRule(c, r, ids)
	}
	for _, cw := range c.ConfusedWith {
		if l.book.Cause(cw.Cause) == nil {
			l.problem(c.Place, "cause %s is confused with the unknown cause %q", c.ID, cw.Cause)
		}
	}
	for _, r := range c.Remedies {
		l.validateRemedy(c, r)
	}
}

func (l *loader) validateRule(c *Cause, r *Rule, ids map[string]bool) {
	switch {
	case r.ID == "":
		l.problem(r.Place, "a rule of %s without an id", c.ID)
	case ids[r.ID]:
		l.problem(r.Place, "rule %s of %s stands twice", r.ID, c.ID)
	}
	ids[r.ID] = true
	if r.When.Empty() {
		l.problem(r.Place, "rule %s of %s has no condition: expected when", r.ID, c.ID)
	}
	if r.Says == nil {
		l.problem(r.Place, "rule %s of %s does not say anything: expected says", r.ID, c.ID)
	}
	if r.Weight <= 0 || r.Weight > 60 {
		l.problem(r.Place, "rule %s of %s has weight %v: expected decibans above 0, at most 60", r.ID, c.ID, r.Weight)
	}
	for _, u := range r.Unless {
		if l.book.Cause(u) == nil {
			l.problem(r.Place, "rule %s of %s: unless names the unknown cause %q", r.ID, c.ID, u)
		}
		if u == c.ID {
			l.problem(r.Place, "rule %s of %s: unless names its own cause", r.ID, c.ID)
		}
	}
}

var remedyKinds = map[string]bool{
	"application": true, "sysctl": true, "device": true, "qdisc": true,
	"firewall": true, "route": true, "network": true, "investigate": true,
}

func (l *loader) validateRemedy(c *Cause, r *Remedy) {
	if r.ID == "" || r.Title == "" || r.Change == nil || r.Why == nil {
		l.problem(r.Place, "a remedy of %s: expected id, title, change and why", c.ID)
	}
	if !remedyKinds[r.Kind] {
		l.problem(r.Place, "remedy %s of %s is of kind %q: expected application, sysctl, device, qdisc, firewall, route, network or investigate", r.ID, c.ID, r.Kind)
	}
	if r.Kind == "sysctl" && (r.Setting == "" || r.Value.Empty() || r.Verify == nil) {
		l.problem(r.Place, "remedy %s of %s changes a sysctl: expected setting, value and verify", r.ID, c.ID)
	}
	at := slices.Index(c.Remedies, r)
	for _, id := range r.Unless {
		if !slices.ContainsFunc(c.Remedies[:at], func(o *Remedy) bool { return o.ID == id }) {
			l.problem(r.Place, "remedy %s of %s: unless names %q: expected one of its remedies before", r.ID, c.ID, id)
		}
	}
	if r.All && (r.Each == "" || len(r.Sets) == 0) {
		l.problem(r.Place, "remedy %s of %s is for all rows: expected each and sets", r.ID, c.ID)
	}
	for _, s := range r.Sets {
		if s.Knob == "" || s.Of == nil || s.To == nil {
			l.problem(r.Place, "remedy %s of %s sets something: expected knob, of and to", r.ID, c.ID)
		}
	}
}

func (l *loader) validateQuestion(q *Question) {
	if q.Ask == "" || q.Why == "" || q.FindOut == "" || len(q.Options) == 0 {
		l.problem(q.Place, "question %s: expected ask, why, find_out and options", q.ID)
	}
	if q.Tells != "" && q.Tells != TellsAffected && q.Tells != TellsStart {
		l.problem(q.Place, "question %s tells %q: expected %s or %s", q.ID, q.Tells, TellsAffected, TellsStart)
	}
	ids := map[string]bool{DontKnow: true}
	for _, o := range q.Options {
		o.File = q.File
		if o.ID == "" || o.Label == "" || ids[o.ID] {
			l.problem(o.Place, "question %s: expected every option to have a label and an id of its own, not %q", q.ID, o.ID)
		}
		ids[o.ID] = true
		for cause := range o.Implies {
			if l.book.Cause(cause) == nil {
				l.problem(o.Place, "option %s of %s implies the unknown cause %q", o.ID, q.ID, cause)
			}
		}
	}
}

func (l *loader) validateSymptom(s *Symptom) {
	if s.When.Empty() || s.Says == nil {
		l.problem(s.Place, "symptom %s: expected when and says", s.ID)
	}
	for _, n := range s.Needs {
		if l.book.Facts.Fact(n) == nil {
			l.problem(s.Place, "symptom %s needs the unknown fact %q", s.ID, n)
		}
	}
}

// numbers returns every number of the brief, in its order.
func numbers() []string {
	var all []string
	series := func(prefix string, n int) {
		for i := 1; i <= n; i++ {
			all = append(all, fmt.Sprintf("%s%d", prefix, i))
		}
	}
	series("N", 6)
	series("S", 4)
	series("L", 10)
	series("T", 5)
	series("J", 21)
	for i := 1; i <= 10; i++ {
		all = append(all, fmt.Sprintf("Q%da", i), fmt.Sprintf("Q%db", i))
	}
	series("I", 7)
	all = append(all, "I2a", "I2b", "I3a", "I3b", "I3c", "I4a", "I4b", "I4c", "I5a", "I5b", "I6a", "I6b", "I6c", "I7a", "I7b")
	series("A", 7)
	series("AI", 6)
	return all
}

// Coverage returns, for every number of the brief, where the content covers it:
// the ids of causes, questions, steps and tools.
func (b *Book) Coverage() map[string][]string {
	covered := map[string][]string{}
	add := func(number, by string) { covered[number] = append(covered[number], by) }
	for _, c := range b.Causes {
		for _, n := range c.Brief {
			add(n, c.ID)
		}
	}
	for _, q := range b.Questions() {
		add(q.ID, "question "+q.ID)
	}
	for _, s := range b.Journey {
		add(s.Number, "journey "+s.Title)
	}
	for _, s := range b.Investigation {
		add(s.Number, "investigation "+s.Title)
		for _, p := range s.Parts {
			add(p.Number, "investigation "+p.Title)
		}
	}
	for _, t := range b.Tools {
		add(t.Number, "tool "+t.Title)
	}
	return covered
}

func (l *loader) validateCoverage() {
	covered := l.book.Coverage()
	facts := map[string]*BriefItem{}
	for _, item := range l.book.Brief {
		facts[item.Number] = item
	}
	known := map[string]bool{}
	for _, n := range numbers() {
		known[n] = true
		if len(covered[n]) == 0 {
			l.problem(Place{File: "content"}, "nothing covers number %s of the brief: expected a cause, question, step or tool that carries it", n)
		}
		if item := facts[n]; item == nil || item.Fact == "" {
			l.problem(Place{File: "content/brief.yaml"}, "number %s of the brief has no fact", n)
		}
	}
	for _, c := range l.book.Causes {
		for _, n := range c.Brief {
			if !known[n] {
				l.problem(c.Place, "cause %s: %q is not a number of the brief", c.ID, n)
			}
		}
	}
}
