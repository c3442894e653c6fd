package probes

import "whydrop/probes/fact"

// Sources returns what the observer looks at, in the order in which it was
// registered. A source must not be looked at while the observer is at work.
func (o *Observer) Sources() []fact.Source {
	all := make([]fact.Source, 0, len(o.sources))
	for _, w := range o.sources {
		all = append(all, w.source)
	}
	return all
}
