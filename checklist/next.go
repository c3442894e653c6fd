package checklist

import (
	"maps"
	"math"
	"slices"
	"sort"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Step is something to ask or measure next, and what it is expected to tell.
type Step struct {
	Kind string  `json:"kind"` // "question" or "probe"
	ID   string  `json:"id"`
	Bits float64 `json:"bits"` // expected information about which cause is at work
}

// next ranks the unanswered questions and the probes that could not see by the
// information they are expected to give.
func (j *judge) next(d *Diagnosis) []Step {
	belief := beliefs(d)
	var steps []Step
	for _, q := range j.questions {
		if j.answers[q.ID].Given() {
			continue
		}
		if bits := j.expectation(q).bits(belief); bits > noise {
			steps = append(steps, Step{"question", q.ID, bits})
		}
	}
	for probe, bits := range j.probeBits(d) {
		steps = append(steps, Step{"probe", probe, bits})
	}
	sort.SliceStable(steps, func(a, b int) bool {
		if steps[a].Bits != steps[b].Bits {
			return steps[a].Bits > steps[b].Bits
		}
		return steps[a].ID < steps[b].ID
	})
	return steps
}

// noise is the information that is nothing but rounding.
const noise = 1e-12

func (j *judge) expectation(q *content.Question) *expectation {
	if e := j.expectations[q]; e != nil {
		return e
	}
	return expect(q)
}

// beliefs is the probability that each cause is the one at work, "" for none.
func beliefs(d *Diagnosis) map[string]float64 {
	belief := map[string]float64{}
	none, sum := 1.0, 0.0
	for _, f := range d.Findings {
		p := min(f.Probability, 0.999)
		belief[f.Cause.ID] = p / (1 - p)
		none *= 1 - p
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

// bits is the mutual information between the answer to the question and the
// cause at work.
func (e *expectation) bits(belief map[string]float64) float64 {
	marginal := make([]float64, e.options)
	bits, rest := 0.0, 1.0
	for c, cause := range e.causes {
		p := belief[cause]
		rest -= p
		bits += p * e.certain[c]
		for i, l := range e.likely[c] {
			marginal[i] += p * l
		}
	}
	bits -= rest * math.Log2(float64(e.options))
	for _, m := range marginal {
		m += rest / float64(e.options)
		bits -= m * math.Log2(m)
	}
	return max(0, bits)
}

// probeBits is what the probes that could not see would be expected to tell:
// for each cause the weightiest rule that waits for that probe.
func (j *judge) probeBits(d *Diagnosis) map[string]float64 {
	bits := map[string]float64{}
	for _, f := range d.Findings {
		best := map[string]float64{}
		for _, r := range f.Unknown {
			probe := j.waitsFor(r)
			if probe != "" {
				best[probe] = max(best[probe], ruleBits(f.Probability, r.Weight))
			}
		}
		for probe, b := range best {
			bits[probe] += b
		}
	}
	for probe, b := range bits {
		if b < 0.001 || !j.canShowMore(probe) {
			delete(bits, probe)
		}
	}
	return bits
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

// ruleBits is the information that the outcome of a rule gives about its cause,
// if it holds in four of five cases under the cause and by its weight more
// rarely without.
func ruleBits(p float64, weight content.Decibans) float64 {
	const holds = 0.8
	without := holds / math.Pow(10, weight/10)
	marginal := p*holds + (1-p)*without
	return entropy(marginal) - p*entropy(holds) - (1-p)*entropy(without)
}

func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log2(p) - (1-p)*math.Log2(1-p)
}
