package checklist

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sort"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Step is something to ask or measure next, and what it is expected to tell.
type Step struct {
	Kind string  `json:"kind"` // "question", "probe" or "observe"
	ID   string  `json:"id"`   // of the question or probe; how long to observe
	Bits float64 `json:"bits"` // expected information about which causes are at work
	// Separates are the causes about which it is expected to tell most, at most
	// three, the first the most.
	Separates []string `json:"separates"`
}

// The next step is worked out over the causes that are open: not those that are
// certain, and where one is certain, not those that hardly anything speaks for.
const (
	certain = 0.99
	// worth is what a step has to tell, in bits, to be suggested although a cause
	// is certain.
	worth = 0.01
	// noise is the information that is nothing but rounding.
	noise = 1e-12
	// longer is how long to observe if more events would tell more, in seconds.
	longer = 30
)

// next ranks the unanswered questions, the probes that could not see and a longer
// observation by the information they are expected to give.
func (j *judge) next(d *Diagnosis) []Step {
	open, least := openCauses(d)
	if len(open) == 0 {
		return nil
	}
	var steps []Step
	add := func(kind, id string, parts map[string]float64, least float64) {
		if s := newStep(kind, id, parts); s.Bits > least {
			steps = append(steps, s)
		}
	}
	belief := beliefs(open)
	for _, q := range j.questions {
		if !j.answers[q.ID].Given() {
			add("question", q.ID, j.expectation(q).parts(belief), least)
		}
	}
	for probe, parts := range j.probeBits(open) {
		if j.canShowMore(probe) {
			add("probe", probe, parts, max(least, 0.001))
		}
	}
	if s := j.facts.facts.Seconds; s > 0 && s < longer && d.Verdict != Healthy {
		add("observe", content.Show(float64(longer))+"s", longerBits(open, longer/s), worth)
	}
	sort.SliceStable(steps, func(a, b int) bool {
		if steps[a].Bits != steps[b].Bits {
			return steps[a].Bits > steps[b].Bits
		}
		return steps[a].ID < steps[b].ID
	})
	return steps
}

// openCauses returns the findings of which a step may still tell something, and
// the bits that it must tell at least. Beside a certain cause these are the ones
// that something speaks for, and those that could not be judged and are easily
// mistaken for it or would account for its evidence.
func openCauses(d *Diagnosis) (open []*Finding, least float64) {
	settled, near := false, map[string]bool{}
	for _, f := range d.Findings {
		if f.Probability < certain {
			continue
		}
		settled = true
		for _, c := range f.Cause.ConfusedWith {
			near[c.Cause] = true
		}
		for _, id := range f.Cause.Explainers() {
			near[id] = true
		}
	}
	for _, f := range d.Findings {
		likely := f.Probability >= closed || near[f.Cause.ID] && len(f.Unknown) > 0
		if f.Probability < certain && (likely || !settled) {
			open = append(open, f)
		}
	}
	if settled {
		return open, worth
	}
	return open, noise
}

// newStep sums up what a step tells of each cause, "" for none of them.
func newStep(kind, id string, parts map[string]float64) Step {
	s := Step{Kind: kind, ID: id, Separates: []string{}}
	var causes []string
	for _, cause := range slices.Sorted(maps.Keys(parts)) {
		s.Bits += parts[cause]
		if cause != "" {
			causes = append(causes, cause)
		}
	}
	s.Bits = max(0, s.Bits)
	slices.SortStableFunc(causes, func(a, b string) int { return cmp.Compare(parts[b], parts[a]) })
	for _, cause := range causes {
		if len(s.Separates) < 3 && parts[cause] > 0 && parts[cause] >= parts[causes[0]]/10 {
			s.Separates = append(s.Separates, cause)
		}
	}
	return s
}

// separates says in words which causes the step tells of, "" if of none.
func (s Step) separates() string {
	switch len(s.Separates) {
	case 0:
		return ""
	case 1:
		return " (separates " + s.Separates[0] + " from the rest)"
	default:
		return " (separates " + list(s.Separates) + ")"
	}
}

func (j *judge) expectation(q *content.Question) *expectation {
	if e := j.expectations[q]; e != nil {
		return e
	}
	return expect(q)
}

// beliefs is the probability that each of the causes is the one at work, "" for
// none of them. What was answered counts in full here: to ask on, the operator's
// word is good enough.
func beliefs(findings []*Finding) map[string]float64 {
	belief := map[string]float64{}
	sum := 0.0
	for _, f := range findings {
		p := min(certain, probability(f.Evidence+f.beyond))
		belief[f.Cause.ID] = p / (1 - p)
		sum += p / (1 - p)
	}
	belief[""] = 1
	for id := range belief {
		belief[id] /= 1 + sum
	}
	return belief
}

// expectation is how likely each answer to a question is under the causes of
// which the question says anything; under all others the answers are alike.
type expectation struct {
	options int // with "don't know"
	causes  []string
	likely  [][]float64 // by cause, by option
	certain []float64   // by cause: the sum of p log2 p of its options
}

// expect works out what depends on the content alone.
func expect(q *content.Question) *expectation {
	e := &expectation{options: len(q.Options) + 1}
	implied := map[string]bool{}
	for _, o := range q.Options {
		for cause := range o.Implies {
			implied[cause] = true
		}
	}
	e.causes = slices.Sorted(maps.Keys(implied))
	for _, cause := range e.causes {
		likely, sum := make([]float64, e.options), 1.0
		likely[len(q.Options)] = 1 // "don't know" implies nothing
		for i, o := range q.Options {
			likely[i] = math.Pow(10, o.Implies[cause]/10)
			sum += likely[i]
		}
		certain := 0.0
		for i := range likely {
			likely[i] /= sum
			certain += likely[i] * math.Log2(likely[i])
		}
		e.likely, e.certain = append(e.likely, likely), append(e.certain, certain)
	}
	return e
}

// parts is the mutual information between the answer to the question and the
// cause at work, in bits, by cause; "" for all of which the question says nothing.
// A cause's part is how far its answers are from what is expected anyway.
func (e *expectation) parts(belief map[string]float64) map[string]float64 {
	marginal := make([]float64, e.options)
	rest := 1.0
	for c, cause := range e.causes {
		p := belief[cause]
		rest -= p
		for i, l := range e.likely[c] {
			marginal[i] += p * l
		}
	}
	logs := make([]float64, e.options)
	others := -math.Log2(float64(e.options))
	for i := range marginal {
		marginal[i] += rest / float64(e.options)
		logs[i] = math.Log2(marginal[i])
		others -= logs[i] / float64(e.options)
	}
	parts := map[string]float64{"": rest * others}
	for c, cause := range e.causes {
		p := belief[cause]
		if p == 0 {
			continue
		}
		part := e.certain[c]
		for i, l := range e.likely[c] {
			part -= l * logs[i]
		}
		parts[cause] = p * part
	}
	return parts
}

// probeBits is what the probes that could not see would be expected to tell of
// each cause: by the rule that waits for the probe and would change most.
func (j *judge) probeBits(open []*Finding) map[string]map[string]float64 {
	bits := map[string]map[string]float64{}
	for _, f := range open {
		for _, r := range f.Unknown {
			probe := j.waitsFor(r)
			if probe == "" || j.explainedBy(r) != "" {
				continue
			}
			against := slices.Contains(f.Cause.Against, r)
			weight := r.Weight - f.counted(r.Group, against)
			if weight <= 0 {
				continue
			}
			if bits[probe] == nil {
				bits[probe] = map[string]float64{}
			}
			bits[probe][f.Cause.ID] = max(bits[probe][f.Cause.ID], ruleBits(f.Probability, weight, against))
		}
	}
	return bits
}

// counted is the weight that counts already of a group of rules for the cause, or
// against it: of a group only the weightiest does.
func (f *Finding) counted(group string, against bool) content.Decibans {
	rules, reasons := f.Cause.For, f.For
	if against {
		rules, reasons = f.Cause.Against, f.Against
	}
	if group == "" {
		return 0
	}
	for _, r := range rules {
		if r.Group == group && slices.ContainsFunc(reasons, func(x Reason) bool { return !x.Answer && x.Rule == r.ID }) {
			return r.Weight
		}
	}
	return 0
}

// longerBits is what it would tell to observe so many times as long, of the
// causes for which something was measured: what is left to chance shrinks with the
// square root of the events.
func longerBits(open []*Finding, times float64) map[string]float64 {
	parts := map[string]float64{}
	for _, f := range open {
		if slices.ContainsFunc(f.For, func(r Reason) bool { return !r.Answer }) {
			parts[f.Cause.ID] = ruleBits(f.Probability, 5*math.Log10(times), false)
		}
	}
	return parts
}

// canShowMore says whether anything can be done for a probe to see what it did
// not: it failed, was skipped, told what it lacks, or has to be asked for. What
// this kernel or driver does not have, no probe will ever see.
func (j *judge) canShowMore(probe string) bool {
	f := j.facts.facts
	for _, s := range f.Probes {
		if s.Name == probe && s.Status != "ok" {
			return true
		}
	}
	return j.book.Facts.Suggestion(probe) != "" ||
		slices.ContainsFunc(f.Blind, func(b fact.Blind) bool { return b.Probe == probe })
}

// waitsFor names the probe whose fact a rule lacks.
func (j *judge) waitsFor(r *content.Rule) string {
	if r.Each != "" {
		if _, looked := j.facts.table(r.Each); !looked {
			return j.book.Facts.TableOf(r.Each).Probe
		}
	}
	for _, name := range r.When.Uses() {
		if _, ok := j.facts.Value(name); ok {
			continue
		}
		if d := j.book.Facts.Lookup(name, r.Each); d != nil && d.Probe != "ledger" {
			return d.Probe
		}
	}
	return ""
}

// ruleBits is the information that the outcome of a rule gives about its cause:
// one that speaks for it holds in four of five cases under the cause and by its
// weight more rarely without, one that speaks against it the other way round.
func ruleBits(p float64, weight content.Decibans, against bool) float64 {
	const holds = 0.8
	with, without := holds, holds/math.Pow(10, weight/10)
	if against {
		with, without = without, with
	}
	marginal := p*with + (1-p)*without
	return entropy(marginal) - p*entropy(with) - (1-p)*entropy(without)
}

func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log2(p) - (1-p)*math.Log2(1-p)
}
