package checklist

import (
	"math"
	"sort"

	"whydrop/content"
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
	for _, q := range j.book.Questions() {
		if j.answers[q.ID].Given() {
			continue
		}
		if bits := questionBits(q, belief); bits > 0 {
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

// questionBits is the mutual information between the answer to a question and
// the cause at work. Each option is as likely under a cause as it implies it.
func questionBits(q *content.Question, belief map[string]float64) float64 {
	options := append(append([]*content.Option{}, q.Options...), &content.Option{ID: content.DontKnow})
	given := map[string][]float64{} // cause to the probability of each option
	marginal := make([]float64, len(options))
	for cause, p := range belief {
		likely, sum := make([]float64, len(options)), 0.0
		for i, o := range options {
			likely[i] = math.Pow(10, o.Implies[cause]/10)
			sum += likely[i]
		}
		for i := range likely {
			likely[i] /= sum
			marginal[i] += p * likely[i]
		}
		given[cause] = likely
	}
	bits := 0.0
	for cause, p := range belief {
		for i, l := range given[cause] {
			bits += p * l * math.Log2(l/marginal[i])
		}
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
		if b < 0.001 {
			delete(bits, probe)
		}
	}
	return bits
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
