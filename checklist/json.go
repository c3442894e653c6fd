package checklist

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Schema names the format of the JSON diagnosis.
const Schema = "whydrop.diagnosis/1"

type jsonDiagnosis struct {
	Schema   string        `json:"schema"`
	Verdict  Verdict       `json:"verdict"`
	Observed jsonObserved  `json:"observed"`
	Symptoms []string      `json:"symptoms"`
	Notes    []string      `json:"notes"`
	Causes   []jsonCause   `json:"causes"`
	Ledger   []jsonEntry   `json:"ledger"`
	Places   []jsonPlace   `json:"places"`
	Balance  *jsonBalance  `json:"balance"`
	Probes   []fact.Status `json:"probes"`
	Blind    []fact.Blind  `json:"blind"`
	Next     []jsonStep    `json:"next"`
	Facts    *fact.Facts   `json:"facts,omitempty"`
}

type jsonObserved struct {
	Host    string    `json:"host"`
	Kernel  string    `json:"kernel"`
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
}

type jsonCause struct {
	ID          string       `json:"id"`
	Title       string       `json:"title"`
	Hop         string       `json:"hop"`
	Probability float64      `json:"probability"`
	For         []jsonReason `json:"for"`
	Against     []jsonReason `json:"against"`
	Brief       []string     `json:"brief"`
}

type jsonReason struct {
	Rule   string           `json:"rule"`
	Says   string           `json:"says"`
	Weight content.Decibans `json:"decibans"`
	Answer bool             `json:"answer,omitempty"`
	Facts  map[string]any   `json:"facts"`
}

// jsonStep is a suggested step, and what it is in words.
type jsonStep struct {
	Step
	Says string `json:"says"`
}

// jsonEntry is a place that lost something during the observation.
type jsonEntry struct {
	Hop       string  `json:"hop"`
	Direction string  `json:"direction"`
	Counter   string  `json:"counter"`
	Drops     float64 `json:"drops"`
	Unit      string  `json:"unit"`
	Cause     string  `json:"cause"`
}

// jsonPlace is any place that can lose something. Drops is null where nobody
// could read it, total (history) also where the counter has none.
type jsonPlace struct {
	Hop       string   `json:"hop"`
	Direction string   `json:"direction"`
	Counter   string   `json:"counter"`
	Drops     *float64 `json:"drops"`
	Total     *float64 `json:"total"`
	Unit      string   `json:"unit"`
	Loss      bool     `json:"loss"`
	Unknown   string   `json:"unknown,omitempty"`
}

type jsonBalance struct {
	Retrans   float64 `json:"retrans"`
	LocatedTx float64 `json:"located_tx"`
	LocatedRx float64 `json:"located_rx"`
	Spurious  float64 `json:"spurious"`
	Unlocated float64 `json:"unlocated"`
}

// WriteJSON writes the diagnosis in the format of Schema, all causes ranked, and
// with withFacts also every fact that was measured.
func (c *Case) WriteJSON(w io.Writer, d *Diagnosis, withFacts bool) error {
	f := c.Facts
	if f == nil {
		f = fact.New(c.Started, 0)
	}
	out := jsonDiagnosis{
		Schema: Schema, Verdict: d.Verdict,
		Observed: jsonObserved{f.Host, f.Kernel, f.Start.UTC(), round(f.Seconds, 3)},
		Symptoms: orEmpty(d.Symptoms), Notes: orEmpty(d.Notes), Causes: []jsonCause{}, Ledger: []jsonEntry{},
		Probes: orEmpty(f.Probes), Blind: orEmpty(f.Blind), Next: []jsonStep{},
	}
	for _, x := range d.Findings {
		out.Causes = append(out.Causes, jsonCause{
			ID: x.Cause.ID, Title: x.Cause.Title, Hop: x.Cause.Hop,
			Probability: round(x.Probability, 4), Brief: orEmpty(x.Cause.Brief),
			For: jsonReasons(x.For), Against: jsonReasons(x.Against),
		})
	}
	for _, e := range d.Ledger {
		if e.Loss {
			out.Ledger = append(out.Ledger, jsonEntry{e.Hop, e.Direction, e.Counter, e.Drops, e.Unit, e.Cause})
		}
	}
	for _, e := range c.Places(d) {
		out.Places = append(out.Places, e.json())
	}
	if b := d.Balance; b.Known {
		out.Balance = &jsonBalance{b.Retrans, b.LocatedTx, b.LocatedRx, b.Spurious, b.Unlocated}
	}
	for _, s := range d.Next {
		s.Bits = round(s.Bits, 4)
		out.Next = append(out.Next, jsonStep{s, c.stepTitle(s)})
	}
	if withFacts {
		out.Facts = f
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func (e LedgerEntry) json() jsonPlace {
	p := jsonPlace{e.Hop, e.Direction, e.Counter, &e.Drops, e.Total, e.Unit, e.Loss, e.Unknown}
	if e.Unknown != "" {
		p.Drops = nil
	}
	return p
}

func jsonReasons(reasons []Reason) []jsonReason {
	out := []jsonReason{}
	for _, r := range reasons {
		out = append(out, jsonReason{r.Rule, r.Says, r.Weight, r.Answer, r.Facts})
	}
	return out
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func round(v float64, digits int) float64 {
	scale := math.Pow(10, float64(digits))
	return math.Round(v*scale) / scale
}
