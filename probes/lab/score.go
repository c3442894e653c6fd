//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// Named is the probability above which a cause counts as named.
const Named = 0.5

// Claim is a cause and the probability, 0 to 1, that somebody gives it.
type Claim struct {
	Cause       string
	Probability float64
}

// Answer is what somebody inside a host says is wrong with it.
type Answer struct {
	Verdict string  // "fault", "healthy" or "inconclusive"
	Claims  []Claim // ranked, the most probable first
}

// Named are the causes that the answer names, in its order.
func (a Answer) Named() []string {
	var ids []string
	for _, c := range a.Claims {
		if c.Probability > Named {
			ids = append(ids, c.Cause)
		}
	}
	return ids
}

// faults are the causes that an answer has to name.
func (s Scenario) faults() []string {
	return slices.DeleteFunc([]string{s.Cause, s.And}, func(id string) bool { return id == "" })
}

// holds reports whether a cause is at work on this host.
func (s Scenario) holds(cause string) bool {
	return cause != "" && (slices.Contains(s.faults(), cause) || slices.Contains(s.Also, cause))
}

// Misjudged compares an answer with the truth and says what is wrong with it; ""
// is right. The first cause named has to be a fault of the scenario, all its
// faults have to be named, and nothing that does not hold. A healthy host has to
// be called healthy. Where a cause cannot be told, it is right to leave it out.
func (s Scenario) Misjudged(a Answer, root bool) string {
	named := a.Named()
	for _, id := range named {
		if !s.holds(id) {
			return id + " is accused wrongly"
		}
	}
	switch {
	case s.Cause == "" && a.Verdict != "healthy":
		return "a healthy host is called " + a.Verdict
	case s.Cause == "", len(named) == 0 && !s.Told(root):
		return ""
	case len(named) == 0 || !slices.Contains(s.faults(), named[0]):
		return s.Cause + " is not named first"
	}
	for _, id := range s.faults() {
		if !slices.Contains(named, id) && s.Told(root) {
			return id + " is not named"
		}
	}
	return ""
}

// bins are the upper ends of the ranges of probability in which claims are
// gathered.
var bins = []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1}

// bin is a range of probability.
type bin struct {
	claims, holds int
	sum           float64 // of the probabilities
}

// tallied is right answers of all answers.
type tallied struct{ right, all int }

func (t tallied) String() string {
	if t.all == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d (%.0f %%)", t.right, t.all, 100*float64(t.right)/float64(t.all))
}

func (t *tallied) add(right bool) {
	t.all++
	if right {
		t.right++
	}
}

// Score gathers how one observer's answers to many scenarios came out.
type Score struct {
	Observer string // "nobody" for an ordinary user outside, else somebody who may do more

	first, alone, pairs, healthy, untold tallied
	bins                                 [11]bin
	squares                              float64 // sum of (probability - truth)^2 over all claims
	confused                             map[string]map[string]int
	wrong                                []misjudgement
}

type misjudgement struct{ scenario, why, named string }

// Add counts an answer. It returns what is wrong with it, "" for nothing.
func (c *Score) Add(s Scenario, a Answer) string {
	root := c.Observer != "nobody"
	why := s.Misjudged(a, root)
	named := a.Named()
	switch {
	case s.Cause == "":
		c.healthy.add(why == "")
	case !s.Told(root):
		c.untold.add(why == "")
	default:
		c.first.add(len(named) > 0 && slices.Contains(s.faults(), named[0]))
		c.alone.add(why == "")
		if s.And != "" {
			c.pairs.add(slices.Contains(named, s.Cause) && slices.Contains(named, s.And))
		}
	}
	c.calibrate(s, a)
	said := "nothing, " + a.Verdict
	if len(named) > 0 {
		said = named[0]
	}
	injected := cmp.Or(strings.Join(s.faults(), " + "), "(healthy)")
	if c.confused == nil {
		c.confused = map[string]map[string]int{}
	}
	if c.confused[injected] == nil {
		c.confused[injected] = map[string]int{}
	}
	c.confused[injected][said]++
	if why != "" {
		c.wrong = append(c.wrong, misjudgement{s.Name, why, a.leading()})
	}
	return why
}

// leading are the causes that an answer takes for possible.
func (a Answer) leading() string {
	var out []string
	for i, l := range a.Claims {
		if i < 3 && l.Probability >= 0.05 || l.Probability > Named {
			out = append(out, fmt.Sprintf("%s %.2f", l.Cause, l.Probability))
		}
	}
	return cmp.Or(strings.Join(out, ", "), a.Verdict)
}

// calibrate sorts the claims of an answer into the ranges of probability.
func (c *Score) calibrate(s Scenario, a Answer) {
	for _, claim := range a.Claims {
		i := slices.IndexFunc(bins, func(end float64) bool { return claim.Probability < end })
		if i < 0 {
			i = len(bins) - 1
		}
		truth := 0.0
		if s.holds(claim.Cause) {
			truth = 1
			c.bins[i].holds++
		}
		c.bins[i].claims++
		c.bins[i].sum += claim.Probability
		c.squares += (claim.Probability - truth) * (claim.Probability - truth)
	}
}

// First is the share, 0 to 1, of the faults that can be told whose cause was
// named first; 1 if there were none.
func (c *Score) First() float64 {
	if c.first.all == 0 {
		return 1
	}
	return float64(c.first.right) / float64(c.first.all)
}

// Accused is the number of healthy hosts that were not called healthy.
func (c *Score) Accused() int { return c.healthy.all - c.healthy.right }

// WriteScores writes what the observers' scores say, as markdown that is readable
// in 100 columns: totals, reliability, confusion and every wrong answer.
func WriteScores(w io.Writer, scores ...*Score) error {
	var b strings.Builder
	writeTotals(&b, scores)
	writeReliability(&b, scores)
	for _, c := range scores {
		c.writeConfusion(&b)
	}
	for _, c := range scores {
		c.writeWrong(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tableRow(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func tableHead(b *strings.Builder, cells ...string) {
	tableRow(b, cells...)
	tableRow(b, strings.Split(strings.TrimSuffix(strings.Repeat("---,", len(cells)), ","), ",")...)
}

func writeTotals(b *strings.Builder, scores []*Score) {
	head := []string{"answers"}
	rows := [][]string{{"a fault of the host is named first"}, {"all its faults, and nothing else"}, {"both of two faults"},
		{"healthy hosts called healthy"}, {"nothing wrong is said where the cause cannot be told"}, {"Brier score, over all claims"}}
	for _, c := range scores {
		head = append(head, "as "+c.Observer)
		for i, t := range []tallied{c.first, c.alone, c.pairs, c.healthy, c.untold} {
			rows[i] = append(rows[i], t.String())
		}
		claims := 0
		for _, n := range c.bins {
			claims += n.claims
		}
		rows[5] = append(rows[5], fmt.Sprintf("%.4f of %d", c.squares/math.Max(1, float64(claims)), claims))
	}
	tableHead(b, head...)
	for _, r := range rows {
		tableRow(b, r...)
	}
}

func writeReliability(b *strings.Builder, scores []*Score) {
	fmt.Fprint(b, "\n## Reliability\n\nOf the causes that were given a probability in this range, how many were at work. Every cause of every\nanswer is a claim.\n\n")
	head := []string{"probability"}
	for _, c := range scores {
		head = append(head, "claims as "+c.Observer, "mean", "at work", "share")
	}
	tableHead(b, head...)
	low := 0.0
	for i, high := range bins {
		row := []string{fmt.Sprintf("%g to %g", low, high)}
		for _, c := range scores {
			n := c.bins[i]
			if n.claims == 0 {
				row = append(row, "0", "", "", "")
				continue
			}
			row = append(row, fmt.Sprint(n.claims), fmt.Sprintf("%.3f", n.sum/float64(n.claims)),
				fmt.Sprint(n.holds), fmt.Sprintf("%.3f", float64(n.holds)/float64(n.claims)))
		}
		tableRow(b, row...)
		low = high
	}
}

// writeConfusion writes the confusion matrix as lists: for each cause that was
// made, what was named first, and how often.
func (c *Score) writeConfusion(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Made and named first, as %s\n\n", c.Observer)
	tableHead(b, "made", "hosts", "named first")
	for _, injected := range slices.Sorted(maps.Keys(c.confused)) {
		named, all := c.confused[injected], 0
		for _, n := range named {
			all += n
		}
		var cells []string
		order := slices.SortedFunc(maps.Keys(named), func(x, y string) int {
			return cmp.Or(named[y]-named[x], cmp.Compare(x, y))
		})
		for _, id := range order {
			text := id
			switch {
			case slices.Contains(strings.Split(injected, " + "), id) && len(order) == 1:
				text = "itself"
				if id != injected {
					text = id
				}
			case injected == "(healthy)" && id == "nothing, healthy":
				text = "nothing"
			case !strings.Contains(injected, id):
				text = "**" + id + "**"
			}
			if len(order) > 1 {
				text = fmt.Sprintf("%s x%d", text, named[id])
			}
			cells = append(cells, text)
		}
		tableRow(b, injected, fmt.Sprint(all), strings.Join(cells, ", "))
	}
}

func (c *Score) writeWrong(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Wrong answers, as %s\n\n", c.Observer)
	if len(c.wrong) == 0 {
		fmt.Fprintln(b, "None.")
		return
	}
	slices.SortStableFunc(c.wrong, func(x, y misjudgement) int { return strings.Compare(x.scenario, y.scenario) })
	for _, m := range c.wrong {
		fmt.Fprintf(b, "- %s: %s. Said: %s\n", m.scenario, m.why, m.named)
	}
}
