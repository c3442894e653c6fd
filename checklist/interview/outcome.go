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

// clarified is how many questions before the first measurement are enough, wholeList the
// share of all questions that is as good as all.
const (
	clarified = 2
	wholeList = 0.75
)

// outcomes are those of content.Outcomes that came about, and when.
func (n *Interview) outcomes() map[string]time.Duration {
	out := map[string]time.Duration{}
	once := func(outcome string, is bool, after time.Duration) {
		if _, had := out[outcome]; is && !had {
			out[outcome] = after
		}
	}
	groups, asked, measured := map[int]bool{}, 0, false
	for _, k := range n.order {
		after := n.ticks[k].After
		if k.Kind() == Probe {
			once("measured-first", asked == 0, after)
			once("measured", true, after)
			measured = true
			continue
		}
		asked++
		groups[n.entries[k].group] = true
		once("clarified-first", asked >= clarified && !measured, after)
		once("whole-list", float64(asked) >= wholeList*float64(n.questions()), after)
		once("three-groups", len(groups) >= 3, after)
		once("general-groups", groups[1] && groups[2] && groups[3] && groups[4] && !n.concludedBy(after), after)
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

// planned notes when a right step came into the plan, one that nobody should take, and
// one that does not help.
func (n *Interview) planned(out map[string]time.Duration) {
	for _, k := range slices.Backward(n.steps) { // the first of each remains
		switch c := n.entries[k].choice; {
		case c.Right:
			out["right-fix"] = n.ticks[k].After
		case c.Kind == train.AFolklore:
			out["folklore"] = n.ticks[k].After
		default:
			out["vain-step"] = n.ticks[k].After
		}
	}
}

// questions is how many questions the script has.
func (n *Interview) questions() (all int) {
	for _, e := range n.script {
		all += rank(e.Key.Kind() == Question)
	}
	return all
}

// judged notes whether the conclusion is right and founded.
func (n *Interview) judged(out map[string]time.Duration) {
	v := n.verdict
	if v == nil {
		return
	}
	out["concluded"] = v.After
	right, founded := true, true
	for _, r := range n.reviewed().Causes {
		right = right && r.Named && r.Right
		founded = founded && r.Named && r.Founded
	}
	switch {
	case !right:
		out["wrong"] = v.After
	case founded:
		out["right"], out["founded"] = v.After, v.After
	default:
		out["right"], out["guessed"] = v.After, v.After
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
