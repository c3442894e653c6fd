package probes

import (
	"whydrop/probes/counters"
	"whydrop/probes/fact"
	"whydrop/probes/filters"
	"whydrop/probes/klog"
	"whydrop/probes/links"
	"whydrop/probes/resources"
	"whydrop/probes/routes"
	"whydrop/probes/settings"
	"whydrop/probes/sockets"
)

// Default returns an observer of every source of this host, and more if asked.
func Default(more ...fact.Source) *Observer {
	return NewObserver(append([]fact.Source{
		counters.New(), sockets.New(), links.New(), filters.New(),
		routes.New(), resources.New(), settings.New(), klog.New(),
	}, more...)...)
}
