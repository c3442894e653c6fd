package probes

import (
	"whydrop/probes/counters"
	"whydrop/probes/filters"
	"whydrop/probes/klog"
	"whydrop/probes/links"
	"whydrop/probes/resources"
	"whydrop/probes/routes"
	"whydrop/probes/settings"
	"whydrop/probes/sockets"
)

// Default returns an observer of every source of this host.
func Default() *Observer {
	return NewObserver(
		counters.New(), sockets.New(), links.New(), filters.New(),
		routes.New(), resources.New(), settings.New(), klog.New(),
	)
}
