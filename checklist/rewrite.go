package checklist

import (
	"maps"
	"slices"

	"whydrop/probes/fact"
)

// Rewritten returns the case as it stands with other facts, and with the words of
// the operator, in notes and marks, and of what was changed, as words returns them. The curves of
// its Track are those of the case itself: they name nothing of the host.
func (c *Case) Rewritten(facts *fact.Facts, words func(string) string) *Case {
	k := *c
	k.Facts = facts
	k.Answers = maps.Clone(c.Answers)
	for id, a := range k.Answers {
		a.Note = words(a.Note)
		k.Answers[id] = a
	}
	k.Applied = slices.Clone(c.Applied)
	for i := range k.Applied {
		a := &k.Applied[i]
		a.Note, a.Needs, a.Settings = words(a.Note), words(a.Needs), slices.Clone(a.Settings)
		for j, s := range a.Settings {
			a.Settings[j] = SettingChange{Name: words(s.Name), Was: words(s.Was), To: words(s.To), Left: words(s.Left)}
		}
	}
	k.Track = &Track{}
	if c.Track != nil {
		k.Track.first, k.Track.last, k.Track.gaps, k.Track.series = c.Track.first, c.Track.last, c.Track.gaps, c.Track.series
	}
	for _, e := range c.Track.Events() {
		switch e.Kind {
		case Rose, Fell, Changed, Left, Resumed, Exported: // whydrop's own words
		default:
			e.Text = words(e.Text)
		}
		k.Track.events = append(k.Track.events, e)
	}
	return &k
}
