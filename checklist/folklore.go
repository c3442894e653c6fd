package checklist

import (
	"cmp"
	"slices"

	"whydrop/content"
	"whydrop/probes/apply"
)

// advice stands for a cause where a step of the plan answers none: a host without
// a fault can have a setting that does harm another day.
var advice = &content.Cause{ID: "advice", Title: "A setting that does not do what it is copied for"}

// Advice says that the step is for no cause that is named: it undoes folklore that
// did no harm while the host was watched, and can wait.
func (s PlanStep) Advice() bool { return s.Cause == advice }

// withFolklore adds the steps that undo the folklore that this host has. What makes
// a named cause comes first; what is harmless is spoken of only beside the causes
// that people set it against; what another step sets anyway is left to that.
func (p *planner) withFolklore(book *content.Book, steps []PlanStep) []PlanStep {
	var first, last []PlanStep
	for _, f := range book.Folklore {
		if f.Undo == nil {
			continue
		}
		explains, beside := p.among(f.Explains), p.among(f.TriedFor)
		if len(f.TriedFor) > 0 && beside == nil {
			continue
		}
		at, holds, known := remedyRow(f.Undo, p.facts)
		if !holds || !known {
			continue
		}
		s := p.workOut(cmp.Or(explains, beside, advice), f.Undo, at)
		s.Folklore = f
		switch {
		case setsAll(steps, s.Changes):
		case explains != nil && len(s.Changes) > 0:
			first = append(first, s)
		default:
			last = append(last, s)
		}
	}
	return slices.Concat(first, steps, last)
}

// among returns the most probable of the named causes that are in a list, nil if
// none is.
func (p *planner) among(ids []string) *content.Cause {
	for _, c := range p.named {
		if slices.Contains(ids, c.ID) {
			return c
		}
	}
	return nil
}

// setsAll says whether steps set all of these settings already.
func setsAll(steps []PlanStep, changes []apply.Change) bool {
	for _, c := range changes {
		if !slices.ContainsFunc(steps, func(s PlanStep) bool {
			return slices.ContainsFunc(s.Changes, func(o apply.Change) bool { return o.Name() == c.Name() })
		}) {
			return false
		}
	}
	return len(changes) > 0
}
