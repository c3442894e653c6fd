package checklist

import (
	"maps"
	"slices"

	"whydrop/probes/fact"
)

// Rewritten returns the case as it stands with facts as the first function returns them,
// and with the words of the operator, in notes and marks, and of what was changed, as the
// second does. The curves of its Track are those of the case itself: they name nothing of
// the host.
func (c *Case) Rewritten(facts func(*fact.Facts) *fact.Facts, words func(string) string) *Case {
	k := *c
	k.Facts = facts(c.Facts)
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
		k.Track.rewriteWorst(c.Track.copySpells(), facts)
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

// rewriteWorst takes spells over with their observations rewritten, each once.
func (t *Track) rewriteWorst(spells map[string]*spell, facts func(*fact.Facts) *fact.Facts) {
	done := map[*fact.Facts]*fact.Facts{}
	for _, id := range slices.Sorted(maps.Keys(spells)) {
		if s := spells[id]; s.worst != nil {
			if done[s.worst] == nil {
				done[s.worst] = facts(s.worst)
			}
			s.worst = done[s.worst]
		}
	}
	t.spells = spells
}
