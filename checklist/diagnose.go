package checklist

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Verdict is the outcome of a diagnosis in one word.
type Verdict string

// The verdicts. Inconclusive means that something is wrong and no cause could
// be named, or that too little could be seen to call the host healthy.
const (
	Fault        Verdict = "fault"
	Healthy      Verdict = "healthy"
	Inconclusive Verdict = "inconclusive"
)

// Named is the probability above which a cause is named.
const Named = 0.5

// Diagnosis is what the facts and answers say.
type Diagnosis struct {
	Verdict  Verdict
	Symptoms []string // signs that something is wrong, as sentences
	// Doubts say why a host that shows no fault is not called healthy.
	Doubts []string
	// Notes are worth knowing beside the verdict; they neither accuse nor acquit.
	Notes    []string
	Findings []*Finding    // ranked, the most probable first
	Ledger   []LedgerEntry // the places that lost something; all of them: Case.Places
	Balance  Balance
	Next     []Step
	// facts are the ones judged, with the balance of the ledger.
	facts *scene
}

// Finding is the judgement of one cause.
type Finding struct {
	Cause       *content.Cause
	Probability float64
	Evidence    content.Decibans // prior, answers and rules together
	For         []Reason
	Against     []Reason
	// Explained are rules that would speak for the cause if another cause did
	// not account for them.
	Explained []Reason
	// Unknown are rules that could not be judged.
	Unknown []*content.Rule
	// beyond is what the answers imply beyond what they may count.
	beyond content.Decibans
}

// Named says whether the cause is named.
func (f *Finding) Named() bool { return f.Probability > Named }

// Reason is one piece of evidence with the measured values in it.
type Reason struct {
	Rule   string // the rule's id, or the question's for an answer
	Says   string
	Weight content.Decibans
	Facts  map[string]any
	By     string // the cause that accounts for it, if it is explained away
	Answer bool   // the operator said it; nothing measured it
}

// Named returns the findings that are named.
func (d *Diagnosis) Named() []*Finding {
	var named []*Finding
	for _, f := range d.Findings {
		if f.Named() {
			named = append(named, f)
		}
	}
	return named
}

// Finding returns the judgement of a cause, nil if there is none.
func (d *Diagnosis) Finding(cause string) *Finding {
	for _, f := range d.Findings {
		if f.Cause.ID == cause {
			return f
		}
	}
	return nil
}

// judge holds what the judgement of the causes needs.
type judge struct {
	book    *content.Book
	facts   *scene
	answers map[string]Answer
	// questions are the book's, which makes a list of them each time.
	questions    []*content.Question
	expectations map[*content.Question]*expectation
	named        map[string]bool
	tried        map[*content.Rule]outcome
}

// outcome is what came of trying a rule.
type outcome struct {
	reason       Reason
	holds, known bool
}

func diagnose(book *content.Book, facts *fact.Facts, answers map[string]Answer, expected map[*content.Question]*expectation) *Diagnosis {
	if facts == nil {
		facts = &fact.Facts{Values: map[string]fact.Value{}, Tables: map[string][]fact.Row{}}
	}
	entries := ledgerOf(book, facts)
	j := &judge{
		book: book, answers: answers, questions: book.Questions(), expectations: expected,
		named: map[string]bool{}, tried: make(map[*content.Rule]outcome, 1024),
	}
	d := &Diagnosis{Balance: balance(facts, entries)}
	d.facts = balanced(book, facts, d.Balance)
	j.facts = d.facts
	d.Findings = j.findings()
	order := map[string]int{}
	for i, c := range book.Causes {
		order[c.ID] = i
	}
	sort.SliceStable(d.Findings, func(a, b int) bool {
		x, y := d.Findings[a], d.Findings[b]
		if x.Evidence != y.Evidence {
			return x.Evidence > y.Evidence
		}
		return order[x.Cause.ID] < order[y.Cause.ID]
	})
	d.Ledger = attribute(entries, d)
	j.verdict(d)
	for _, n := range book.Notes {
		d.Notes = append(d.Notes, noted(d.facts.tell(n.Evidence()))...)
	}
	d.Next = j.next(d)
	return d
}

// findings judges every cause, each after all causes that can explain its
// evidence away. Where causes can explain each other, the one with the most
// evidence of its own is judged first.
func (j *judge) findings() []*Finding {
	var findings []*Finding
	for _, circle := range j.book.JudgementOrder() {
		for _, c := range j.byOwnEvidence(circle) {
			f := j.finding(c)
			j.named[c.ID] = f.Named()
			findings = append(findings, f)
		}
	}
	return findings
}

// byOwnEvidence orders causes that can explain each other.
func (j *judge) byOwnEvidence(circle []*content.Cause) []*content.Cause {
	if len(circle) < 2 {
		return circle
	}
	alone := map[*content.Cause]content.Decibans{}
	for _, c := range circle {
		alone[c] = j.finding(c).Evidence
	}
	circle = slices.Clone(circle)
	slices.SortStableFunc(circle, func(a, b *content.Cause) int { return cmp.Compare(alone[b], alone[a]) })
	return circle
}

func (j *judge) finding(c *content.Cause) *Finding {
	f := &Finding{Cause: c, Evidence: c.Prior}
	j.weighAnswers(f)
	f.Evidence += j.weigh(f, c.For, &f.For)
	f.Evidence -= j.weigh(f, c.Against, &f.Against)
	f.Probability = probability(f.Evidence)
	sortReasons(f.For)
	sortReasons(f.Against)
	return f
}

// weigh tries rules and returns the weight of those that hold. Of a group only
// the weightiest counts, the others are not told either.
func (j *judge) weigh(f *Finding, rules []*content.Rule, told *[]Reason) content.Decibans {
	var groups map[string]int // group to its place in told
	var sum content.Decibans
	for _, r := range rules {
		reason, holds, known := j.try(r)
		if !known {
			f.Unknown = append(f.Unknown, r)
			continue
		}
		if !holds {
			continue
		}
		if by := j.explainedBy(r); by != "" {
			reason.By = by
			f.Explained = append(f.Explained, reason)
			continue
		}
		if at, ok := groups[r.Group]; ok && r.Group != "" {
			if have := (*told)[at].Weight; have < r.Weight {
				sum += r.Weight - have
				(*told)[at] = reason
			}
			continue
		}
		if groups == nil {
			groups = map[string]int{}
		}
		groups[r.Group] = len(*told)
		*told = append(*told, reason)
		sum += r.Weight
	}
	return sum
}

// try evaluates one rule, once: what holds does not depend on the other causes.
func (j *judge) try(r *content.Rule) (reason Reason, holds, known bool) {
	o, ok := j.tried[r]
	if !ok {
		o = j.outcome(r)
		j.tried[r] = o
	}
	return o.reason, o.holds, o.known
}

// outcome evaluates one rule. A rule over the rows of a table holds if it holds
// for any row; it is unknown if nobody could look at the table, or if it holds
// for none and was unknown for one.
func (j *judge) outcome(r *content.Rule) outcome {
	var o outcome
	var rows []*content.Env
	if r.Each == "" {
		o.holds, o.known = r.When.Holds(j.facts.Env)
		rows = []*content.Env{j.facts.Env}
	} else if _, looked := j.facts.table(r.Each); looked {
		rows, o.known = j.facts.matching(r.Each, r.When, r.Order)
		o.holds = len(rows) > 0
	}
	if o.holds && o.known {
		o.reason = Reason{Rule: r.ID, Weight: r.Weight, Facts: map[string]any{}, Says: sayRows(r, rows)}
		o.reason.note(rows[0], r)
	}
	return o
}

// sayRows tells the sentence for the first two rows and counts the rest. Of the
// second it tells what differs, where the sentence is much the same.
func sayRows(r *content.Rule, envs []*content.Env) string {
	text, _ := r.Says.Render(envs[0])
	more := len(envs) - 1
	if more > 0 {
		if second, _ := r.Says.Render(envs[1]); second != text {
			more--
			if other := differing(text, second); other != "" {
				second = "likewise " + other
			}
			text += "; " + second
		}
	}
	if more > 0 {
		text += "; and " + content.Show(float64(more)) + " more"
	}
	return text
}

// noted are the lines of a note. What is much the same as the first stands behind
// it, with only what differs.
func noted(lines []Evidence) []string {
	var notes []string
	for i, line := range lines {
		other := ""
		if i > 0 {
			other = differing(lines[0].Says, line.Says)
		}
		if other != "" {
			notes[0] += "; likewise " + other
		} else {
			notes = append(notes, line.Says)
		}
	}
	return notes
}

// differing returns the words of the second sentence that are not in the first,
// if they stand together and more than twice as many others don't differ.
func differing(first, second string) string {
	a, b := strings.Fields(first), strings.Fields(second)
	head, tail := 0, 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	middle := b[head : len(b)-tail]
	if head+tail <= 2*len(middle) {
		return ""
	}
	return strings.Trim(strings.Join(middle, " "), ":,;")
}

// note records the values that the rule used.
func (r *Reason) note(env *content.Env, rule *content.Rule) {
	for _, names := range [][]string{rule.When.Uses(), rule.Says.Uses()} {
		for _, name := range names {
			if v, ok := env.Value(name); ok {
				r.Facts[name] = v
			}
		}
	}
}

func (j *judge) explainedBy(r *content.Rule) string {
	for _, u := range r.Unless {
		if j.named[u] {
			return u
		}
	}
	return ""
}

// weighAnswers adds what the answers imply, together less than answerCap.
func (j *judge) weighAnswers(f *Finding) {
	if len(j.answers) == 0 {
		return
	}
	var sum content.Decibans
	for _, q := range j.questions {
		for _, id := range j.answers[q.ID].Options {
			o := q.Option(id)
			if o == nil {
				continue
			}
			w := o.Implies[f.Cause.ID]
			reason := Reason{Rule: q.ID, Says: "answer to " + q.ID + ": " + o.Label, Weight: math.Abs(w), Answer: true, Facts: map[string]any{}}
			switch {
			case w > 0:
				f.For = append(f.For, reason)
			case w < 0:
				f.Against = append(f.Against, reason)
			}
			sum += w
		}
	}
	counts := answersCount(sum)
	f.Evidence += counts
	f.beyond = sum - counts
}

// probability turns decibans into a probability.
func probability(d content.Decibans) float64 { return 1 / (1 + math.Pow(10, -d/10)) }

func sortReasons(rs []Reason) {
	sort.SliceStable(rs, func(i, k int) bool {
		if rs[i].Answer != rs[k].Answer {
			return !rs[i].Answer
		}
		return rs[i].Weight > rs[k].Weight
	})
}

// verdict says fault if a cause is named, healthy if nothing is wrong and
// everything that would show it could be seen, and else inconclusive.
func (j *judge) verdict(d *Diagnosis) {
	for _, s := range j.book.Symptoms {
		holds, known := s.When.Holds(j.facts.Env)
		if holds && known {
			says, _ := s.Says.Render(j.facts.Env)
			d.Symptoms = append(d.Symptoms, says)
		}
		for _, n := range s.Needs {
			if _, ok := j.facts.Value(n); ok {
				continue
			}
			if j.facts.facts.Values[n].Total != nil {
				d.Doubts = append(d.Doubts, n+": its total is known, how it grows is not")
			} else {
				d.Doubts = append(d.Doubts, n+" could not be read")
			}
		}
	}
	switch {
	case len(d.Named()) > 0:
		d.Verdict = Fault
	case len(d.Symptoms) > 0 || len(d.Doubts) > 0:
		d.Verdict = Inconclusive
	case slices.ContainsFunc(j.facts.facts.Blind, func(b fact.Blind) bool { return b.Probe == fact.Texts }):
		d.Verdict = Inconclusive
		d.Doubts = append(d.Doubts, "texts of other tools show a part of the host: that they show no fault does not say that there is none")
	default:
		d.Verdict = Healthy
	}
}
