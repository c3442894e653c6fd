package checklist

import "whydrop/content"

// HopView is one hop of the decision tree: its causes, what it lost, and why it
// is closed if it is.
type HopView struct {
	Hop    *content.Hop
	Causes []*Finding // ranked
	Drops  float64    // counted in the ledger during the observation
	// Probability of the hop's most probable cause.
	Probability float64
	// Closed says that none of its causes is likely any more; Why is the
	// weightiest fact that closed it.
	Closed bool
	Why    string
}

// closed is the probability under which a branch of the tree counts as closed.
const closed = 0.02

// Hops returns the decision tree: the hops in the order of the packet's way.
func (c *Case) Hops(d *Diagnosis) []HopView {
	views := make([]HopView, 0, len(c.Book.Hops))
	for _, h := range c.Book.Hops {
		v := HopView{Hop: h}
		for _, f := range d.Findings {
			if f.Cause.Hop == h.ID {
				v.Causes = append(v.Causes, f)
				v.Probability = max(v.Probability, f.Probability)
			}
		}
		for _, e := range d.Ledger {
			if e.Hop == h.ID && e.Loss {
				v.Drops += e.Drops
			}
		}
		v.Closed, v.Why = whyClosed(v.Causes)
		views = append(views, v)
	}
	return views
}

// whyClosed says whether all causes of a hop are ruled out by evidence, and the
// weightiest reason.
func whyClosed(causes []*Finding) (bool, string) {
	var best Reason
	for _, f := range causes {
		if f.Probability >= closed || len(f.Against) == 0 {
			return false, ""
		}
		for _, r := range f.Against {
			if r.Weight > best.Weight {
				best = r
			}
		}
	}
	return len(causes) > 0, best.Says
}
