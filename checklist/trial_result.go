package checklist

import (
	"fmt"
	"math"
	"strings"

	"whydrop/content"
)

// TrialSays is what a trial says of a measure.
type TrialSays string

// What can be said. Perhaps marks what shows as clear by chance in one of fifty to one
// of twenty trials, and of the numbers that the trial is not judged by what one of so
// many shows now and then. TooSmall is
// a difference that is there and helps nobody: where a load is even, blocks differ by
// parts of a thousand as a segment falls into one or the next.
const (
	TrialBetter        TrialSays = "better"
	TrialWorse         TrialSays = "worse"
	TrialPerhapsBetter TrialSays = "perhaps better"
	TrialPerhapsWorse  TrialSays = "perhaps worse"
	TrialNoDifference  TrialSays = "no difference seen"
	TrialTooSmall      TrialSays = "too small a difference to matter"
	TrialTooFew        TrialSays = "too few blocks to tell"
	TrialNothing       TrialSays = "nothing counted"
	TrialUnknown       TrialSays = "not known"
)

// TrialMeasure is what a trial showed of one number.
type TrialMeasure struct {
	Measure *content.Measure
	// Judged is set for the measure that the trial is judged by.
	Judged bool
	Comparison
	// Corrected is P with regard to how many numbers were looked at; of the judged one
	// it is P.
	Corrected float64
	Says      TrialSays
}

// Result judges what was measured. Only whole pairs count, and of each number only
// the pairs in both of whose blocks it is known.
//
// The number that the trial is judged by is held to one false alarm in fifty trials
// where the change does nothing, and one perhaps in twenty. All the others together are held to one in twenty, with
// the judged one counted among them: who looks at five numbers that nothing changed
// finds something in one of four trials.
func (t *Trial) Result(blocks []TrialBlock) []TrialMeasure {
	all := make([]TrialMeasure, len(t.Measures))
	var ps []float64
	var of []int
	for i, m := range t.Measures {
		without, with := pairs(blocks, m.ID)
		all[i] = TrialMeasure{Measure: m, Judged: i == 0, Comparison: compare(without, with)}
		all[i].Corrected = all[i].P
		if all[i].Least <= significance { // of the rest nothing can be claimed
			ps, of = append(ps, all[i].P), append(of, i)
		}
	}
	for n, p := range holm(ps) {
		if of[n] > 0 {
			all[of[n]].Corrected = p
		}
	}
	for i := range all {
		all[i].Says = all[i].says()
	}
	return all
}

// pairs returns the numbers of one measure in the blocks of each whole pair.
func pairs(blocks []TrialBlock, id string) (without, with []float64) {
	type pair struct{ without, with *float64 }
	var order []int
	found := map[int]*pair{}
	for _, b := range blocks {
		v, known := b.Values[id]
		if b.Pair < 0 || !known {
			continue
		}
		p := found[b.Pair]
		if p == nil {
			p = &pair{}
			found[b.Pair] = p
			order = append(order, b.Pair)
		}
		if b.With {
			p.with = &v
		} else {
			p.without = &v
		}
	}
	for _, n := range order {
		if p := found[n]; p.with != nil && p.without != nil {
			without, with = append(without, *p.without), append(with, *p.with)
		}
	}
	return without, with
}

// A difference is too small that is less than a part of the larger number, or than
// what of its unit nobody feels.
const matters = 0.02

var least = map[string]float64{"": 0.0005, "ms": 0.1, "per s": 0.01}

// wide is the part of the number beyond which what is not excluded is worth more rounds.
const wide = 0.2

// sure is how seldom chance alone may show what is told without a perhaps.
const sure = 0.02

// says puts the comparison into a word.
func (m *TrialMeasure) says() TrialSays {
	better, worse := TrialBetter, TrialWorse
	if m.Corrected > significance || m.Judged && m.P > sure {
		better, worse = TrialPerhapsBetter, TrialPerhapsWorse
	}
	switch {
	case m.Pairs == 0:
		return TrialUnknown
	case m.Without == 0 && m.With == 0:
		return TrialNothing
	case m.Least > significance:
		return TrialTooFew
	case m.P > significance:
		return TrialNoDifference
	case math.Abs(m.Difference) < max(matters*max(m.Without, m.With), least[m.Measure.Unit]):
		return TrialTooSmall
	case m.More == (m.Measure.Better == content.MoreIsBetter):
		return better
	}
	return worse
}

// Numbers tells both numbers and the difference between them.
func (m *TrialMeasure) Numbers() string {
	if m.Pairs == 0 {
		return ""
	}
	s := fmt.Sprintf("without %s, with %s", m.Measure.Show(m.Without), m.Measure.Show(m.With))
	if m.Says == TrialNothing {
		return s
	}
	s += fmt.Sprintf("; difference %s", m.signed(m.Difference))
	if m.Bounded {
		s += fmt.Sprintf(" (95 %%: %s to %s)", m.signed(m.Low), m.signed(m.High))
	}
	return s
}

// signed is a difference: of shares in percentage points.
func (m *TrialMeasure) signed(v float64) string {
	sign := "+"
	switch {
	case v == 0:
		sign = ""
	case v < 0:
		sign = "-"
	}
	text := m.Measure.Show(math.Abs(v))
	if strings.HasPrefix(text, "<") {
		text = content.Show(math.Abs(v)) + " " + m.Measure.Unit
	}
	if share, ok := strings.CutSuffix(text, " %"); ok && m.Measure.Unit == "" {
		text = share + " points"
	}
	return sign + text
}

// Why says what the word stands on.
func (m *TrialMeasure) Why() string {
	switch m.Says {
	case TrialBetter, TrialWorse:
		return fmt.Sprintf("if the change did nothing, %s of such trials would look as clear as this", content.Percent(m.P))
	case TrialPerhapsBetter, TrialPerhapsWorse:
		if m.Judged {
			return fmt.Sprintf("if the change did nothing, %s of such trials would look as clear as this: too many to be sure, so try again, with more --rounds", content.Percent(m.P))
		}
		return fmt.Sprintf("by itself it would be by chance in %s of trials, but several numbers were looked at: try again with --measure %s", content.Percent(m.P), m.Measure.ID)
	case TrialTooSmall:
		return fmt.Sprintf("chance alone shows as much in only %s of trials, but it is less than %s of the number, or than anybody feels", content.Percent(m.P), content.Percent(matters))
	case TrialNoDifference:
		if m.Bounded {
			said := fmt.Sprintf("chance alone shows as much in %s of trials; what there is lies between %s and %s", content.Percent(m.P), m.signed(m.Low), m.signed(m.High))
			if m.High-m.Low > wide*max(m.Without, m.With) {
				said += ": more --rounds, or longer ones by --for, narrow that down"
			}
			return said
		}
		return fmt.Sprintf("chance alone shows as much in %s of trials", content.Percent(m.P))
	case TrialTooFew:
		if least := math.Pow(2, 1-float64(m.Pairs)); least > significance {
			return fmt.Sprintf("of %d pairs the clearest outcome there is comes by chance in %s of trials: six or more rounds can tell", m.Pairs, content.Percent(math.Min(1, least)))
		}
		return "it differed in so few of the pairs that chance alone shows as much in more than 5 % of trials: longer blocks count more"
	case TrialNothing:
		return "it was zero in every block, with the change and without it"
	}
	return "it could not be read, or nothing was there to measure"
}
