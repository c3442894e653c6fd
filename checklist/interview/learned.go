package interview

import (
	"slices"

	"whydrop/checklist/progress"
	"whydrop/content"
)

// Learned is the interview for the log of what was trained, under the name of the
// session: levels as marks, 0 below the lowest, 1 for the highest. A group of which
// nothing was heard and on which nothing was decided is left out.
func (n *Interview) Learned(session string) progress.Entry {
	e := progress.Entry{
		Kind: progress.Interview, Session: session, Scenario: n.scenario.ID, Level: n.scenario.Level, Truths: n.scenario.Truth,
		Groups: map[int]float64{}, Areas: map[string]float64{}, Steps: n.Steps(), Seconds: n.Elapsed().Seconds(),
	}
	for _, id := range n.scenario.Truth {
		if hop := n.book.Cause(id).Hop; !slices.Contains(e.Hops, hop) {
			e.Hops = append(e.Hops, hop)
		}
	}
	for _, s := range n.rubric.Sections {
		heard := slices.ContainsFunc(s.Items, func(i *content.RubricItem) bool { _, is := n.Heard(i.ID); return is })
		switch {
		case !heard && n.Decided(s.ID) == "":
		case s.Group > 0:
			e.Groups[s.Group] = n.mark(n.standing(s.ID))
		default:
			e.Areas[s.ID] = n.mark(n.standing(s.ID))
		}
	}
	whole := n.rubric.Level(n.SuggestWhole().Level)
	if level := n.Decided(content.Whole); level != "" {
		whole = n.rubric.Level(level)
	}
	e.Total = n.mark(whole)
	return e
}

// mark is a level as a mark from 0 to 1.
func (n *Interview) mark(level int) float64 {
	return float64(level+1) / float64(len(n.rubric.Levels))
}
