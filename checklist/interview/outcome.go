package interview

import (
	"fmt"
	"slices"
	"time"

	"whydrop/checklist/train"
	"whydrop/content"
)

// Hearing is how an item of the rubric came to count.
type Hearing struct {
	After time.Duration
	// By is the question, probe or outcome by which it counts by itself, "" where the
	// interviewer ticked it.
	By string
}

// Heard says whether an item of the rubric counts, and since when.
func (n *Interview) Heard(item string) (h Hearing, heard bool) {
	k := KeyOf(Item, item)
	if t, ticked := n.ticks[k]; ticked {
		return Hearing{After: t.After}, true
	}
	if e := n.entries[k]; e != nil && !n.off[k] {
		for _, by := range e.item.By {
			if after, is := n.cameAbout(by); is && (!heard || after < h.After) {
				h, heard = Hearing{after, by}, true
			}
		}
	}
	return h, heard
}

// ByWords is what an item counts by, in words.
func ByWords(by string) string {
	if words := content.Outcomes[by]; words != "" {
		return words
	}
	return by
}

// cameAbout says when a question was asked, a probe measured, or an outcome came about.
func (n *Interview) cameAbout(by string) (time.Duration, bool) {
	for _, kind := range []string{Question, Probe} {
		if t, ticked := n.ticks[KeyOf(kind, by)]; ticked {
			return t.After, true
		}
	}
	if n.outcome == nil {
		n.outcome = n.outcomes()
	}
	after, is := n.outcome[by]
	return after, is
}

// clarified is how many questions before the first measurement are enough.
const clarified = 4

// outcomes are those of content.Outcomes that came about, and when.
func (n *Interview) outcomes() map[string]time.Duration {
	out := map[string]time.Duration{}
	groups, asked := map[int]bool{}, 0
	measured := false
	for _, k := range n.order {
		after := n.ticks[k].After
		if k.Kind() == Probe {
			measured = true
			continue
		}
		asked++
		if asked == clarified && !measured {
			out["clarified-first"] = after
		}
		before := len(groups)
		groups[n.entries[k].group] = true
		if len(groups) == 5 && before == 4 {
			out["five-groups"] = after
		}
		if _, had := out["general-groups"]; !had && groups[1] && groups[2] && groups[3] && groups[4] && !n.concludedBy(after) {
			out["general-groups"] = after
		}
	}
	n.explained(out)
	n.planned(out)
	n.judged(out)
	return out
}

// concludedBy says whether the conclusion was made before a time.
func (n *Interview) concludedBy(after time.Duration) bool {
	return n.verdict != nil && n.verdict.After < after
}

// explained notes when more than half of the key points were heard.
func (n *Interview) explained(out map[string]time.Duration) {
	var heard []time.Duration
	for k, t := range n.ticks {
		if k.Kind() == Point {
			heard = append(heard, t.After)
		}
	}
	slices.Sort(heard)
	if need := len(n.scenario.KeyPoints)/2 + 1; len(heard) >= need {
		out["most-key-points"] = heard[need-1]
	}
}

// planned notes when a right step came into the plan.
func (n *Interview) planned(out map[string]time.Duration) {
	for _, k := range n.steps {
		if n.entries[k].choice.Right {
			out["right-fix"] = n.ticks[k].After
			return
		}
	}
}

// judged notes whether the conclusion is right and founded.
func (n *Interview) judged(out map[string]time.Duration) {
	v := n.verdict
	if v == nil {
		return
	}
	right, founded := true, true
	for _, r := range n.reviewed().Causes {
		right = right && r.Named && r.Right
		founded = founded && r.Named && r.Founded
	}
	if right {
		out["right"] = v.After
		if founded {
			out["founded"] = v.After
		}
	}
}

// reviewed is how the training judges the conclusion after what was asked and measured.
// There must be a conclusion.
func (n *Interview) reviewed() *train.Feedback {
	of := fmt.Sprint(n.order, n.verdict.Healthy, n.verdict.Causes)
	if n.review != nil && n.reviewOf == of {
		return n.review
	}
	s := n.session()
	n.played = nil // what comes after the commit is played in another
	n.review, n.reviewOf = &train.Feedback{}, of
	if err := s.Commit(train.Conclusion{Healthy: n.verdict.Healthy, Causes: n.verdict.Causes}); err != nil {
		n.review.Causes = []train.CauseReview{{Why: content.Show(err.Error())}}
	} else {
		n.review = s.Feedback()
	}
	return n.review
}
