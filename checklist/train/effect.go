package train

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// effect is what a step did to the diagnosis.
type effect struct {
	raised []*checklist.Finding // that became likelier, the likeliest first, as they stand now
	nudged []*checklist.Finding // that did and are hardly worth a word: of an answer
	ruled  []*checklist.Finding // that hardly can be any more, the likeliest before first, as they stood
	// told says that it gave evidence for a truth, or against what it is mistaken for.
	told bool
}

const (
	// moves is the evidence by which a cause becomes likelier for people, ruling that
	// by which it is ruled out.
	moves, ruling content.Decibans = 3, 8
	// worthNaming is the probability from which it is worth a word, hardly that below
	// which a cause hardly can be.
	worthNaming, hardly = 0.01, 0.001
)

// effectOf compares what was known before a step and after it.
func (s *Session) effectOf(e Event, before, after *checklist.Diagnosis) effect {
	var f effect
	now := map[string]*checklist.Finding{}
	for _, g := range after.Findings {
		now[g.Cause.ID] = g
	}
	for _, had := range before.Findings { // the likeliest first
		has := now[had.Cause.ID]
		switch change := has.Evidence - had.Evidence; {
		case change >= moves && has.Probability >= worthNaming:
			f.raised = append(f.raised, has)
		case change >= moves && e.Kind == Asked:
			f.nudged = append(f.nudged, has)
		case change <= -ruling && had.Probability > hardly && has.Probability < hardly:
			f.ruled = append(f.ruled, had)
		}
	}
	for _, list := range [][]*checklist.Finding{f.raised, f.nudged} {
		slices.SortStableFunc(list, func(a, b *checklist.Finding) int { return cmp.Compare(b.Probability, a.Probability) })
	}
	if e.Kind == Asked {
		f.told = s.points(e.ID)
	} else {
		f.told = s.showed(before, after)
	}
	return f
}

// showed says whether a measurement gave evidence for a truth, or against what it is
// mistaken for.
func (s *Session) showed(before, after *checklist.Diagnosis) bool {
	brings := func(id string, positive bool) bool {
		r := added(before.Finding(id), after.Finding(id), positive)
		return r != nil && r.Weight >= refuted/2
	}
	return slices.ContainsFunc(s.scenario.Truth, func(id string) bool { return brings(id, true) }) ||
		slices.ContainsFunc(s.lookAlikes(), func(id string) bool { return brings(id, false) }) ||
		s.scenario.Healthy() && len(after.Doubts) < len(before.Doubts)
}

// says tells what became likelier, but for some causes that are told of already, and
// what was ruled out; "" for nothing.
func (f effect) says(but func(cause string) bool) string {
	var parts, raised, nudged, ruled []string
	for _, g := range f.raised {
		if !but(g.Cause.ID) {
			raised = append(raised, fmt.Sprintf("\"%s\" (%s)", g.Cause.Title, checklist.Percent(g.Probability)))
		}
	}
	for _, g := range f.ruled {
		if !but(g.Cause.ID) {
			ruled = append(ruled, fmt.Sprintf("\"%s\"", g.Cause.Title))
		}
	}
	for _, g := range f.nudged {
		if !but(g.Cause.ID) {
			nudged = append(nudged, fmt.Sprintf("\"%s\"", g.Cause.Title))
		}
	}
	switch {
	case len(raised) > 0:
		parts = append(parts, "likelier by it: "+some(raised, 2))
	case len(nudged) > 0:
		parts = append(parts, "a little likelier by it, if still hardly likely: "+some(nudged, 2))
	}
	if len(ruled) > 0 {
		parts = append(parts, "as good as ruled out: "+some(ruled, 2))
	}
	return strings.Join(parts, "; ")
}

// some are the first of a list and how many more there are.
func some(list []string, most int) string {
	if len(list) <= most+1 {
		return listed(list)
	}
	return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
}

func listed(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// changed says what a step did to the belief in the truth, and to that in other causes.
func (s *Session) changed(e Event) string {
	var parts []string
	for _, truth := range s.truths() {
		before, after := e.Before[truth], e.After[truth]
		name := "that nothing is wrong"
		if c := s.book.Cause(truth); c != nil {
			name = c.Title
		}
		now, was := checklist.Percent(after), checklist.Percent(before)
		switch {
		case now != was && after > before:
			parts = append(parts, fmt.Sprintf("%s: %s, was %s", name, now, was))
		case now != was && after < before-0.005:
			parts = append(parts, fmt.Sprintf("%s: down to %s, was %s", name, now, was))
		case after > before*1.3:
			parts = append(parts, name+": a little more likely")
		case after < before*0.7:
			parts = append(parts, name+": a little less likely")
		}
	}
	others := e.effect.says(s.scenario.Right)
	switch {
	case len(parts) == 0 && others == "":
		return noChange(e)
	case len(parts) == 0:
		return "how likely the truth is did not change; " + others
	case others != "":
		parts = append(parts, others)
	}
	return strings.Join(parts, "; ")
}

// noChange is said of a step that changed nothing.
func noChange(e Event) string {
	if e.Kind == Asked {
		return "the answer alone makes no cause likelier: it says whom it concerns and where to look"
	}
	return "it did not change how likely any cause is"
}
