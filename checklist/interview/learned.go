package interview

import (
	"slices"
	"time"

	"whydrop/checklist/progress"
	"whydrop/content"
)

// Learned is the interview for the log of what was trained, under the name of the
// session: levels as marks, 0 below the lowest, 1 for the highest. A section that is
// not judged is left out.
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
		switch level, judged := n.standing(s.ID); {
		case !judged:
		case s.Group > 0:
			e.Groups[s.Group] = n.mark(level)
		default:
			e.Areas[s.ID] = n.mark(level)
		}
	}
	e.Total = n.mark(n.rubric.Level(n.whole()))
	return e
}

// whole is the level of the whole: the one that was decided, else the suggested one.
func (n *Interview) whole() string {
	if level := n.Decided(content.Whole); level != "" {
		return level
	}
	return n.SuggestWhole().Level
}

// leastHeld is how long an interview without a conclusion takes at least.
const leastHeld = 10 * time.Minute

// WasHeld says whether this was an interview that tells something of the candidate, and
// not a look at the script: it can be judged as a whole, and there is a conclusion, or
// it took ten minutes.
func (n *Interview) WasHeld() bool {
	return n.Steps() > 0 && (n.verdict != nil || n.Elapsed() >= leastHeld) && n.whole() != Unjudged
}

// mark is a level as a mark from 0 to 1.
func (n *Interview) mark(level int) float64 {
	return float64(level+1) / float64(len(n.rubric.Levels))
}
