package probes

import (
	"whydrop/probes/counters"
	"whydrop/probes/drops"
	"whydrop/probes/fact"
	"whydrop/probes/filters"
	"whydrop/probes/klog"
	"whydrop/probes/links"
	"whydrop/probes/namespaces"
	"whydrop/probes/resources"
	"whydrop/probes/routes"
	"whydrop/probes/settings"
	"whydrop/probes/sockets"
)

// Knowledge is what the sources have to be told: it is content, and they don't
// know the content. Its zero value is good for a list of the sources.
type Knowledge struct {
	// NICs says what the statistics of drivers mean; without it they are not read.
	NICs links.Dictionary
	// Flows are the operator's: only drops of theirs are counted. None: all.
	Flows []drops.Flow
}

// Default returns an observer of every source of this host, and more if asked.
func Default(k Knowledge, more ...fact.Source) *Observer {
	return NewObserver(append([]fact.Source{
		counters.New(), sockets.New(), links.New(k.NICs), filters.New(), drops.New(k.Flows...),
		routes.New(), resources.New(), settings.New(), klog.New(), namespaces.New(),
	}, more...)...)
}
