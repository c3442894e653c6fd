package checklist

import (
	"maps"

	"whydrop/probes/fact"
)

// Rewritten returns the case as it stands with other facts, and with the words of
// the operator, in notes and marks, as words returns them. Of its Track only the
// events are there.
func (c *Case) Rewritten(facts *fact.Facts, words func(string) string) *Case {
	k := *c
	k.Facts = facts
	k.Answers = maps.Clone(c.Answers)
	for id, a := range k.Answers {
		a.Note = words(a.Note)
		k.Answers[id] = a
	}
	k.Track = &Track{}
	for _, e := range c.Track.Events() {
		if e.Kind == Marked {
			e.Text = words(e.Text)
		}
		k.Track.events = append(k.Track.events, e)
	}
	return &k
}
