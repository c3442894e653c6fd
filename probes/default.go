package probes

import (
	"whydrop/probes/changes"
	"whydrop/probes/counters"
	"whydrop/probes/drops"
	"whydrop/probes/fact"
	"whydrop/probes/filters"
	"whydrop/probes/history"
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
	// Sysctls are the values that this kernel gives to settings by itself; without
	// them settings are compared with the files of the host alone.
	Sysctls map[string]string
	// Flows are the operator's: only drops of theirs are counted. None: all.
	Flows []drops.Flow
	// NoBPF leaves out what attaches a program to the kernel: the drop reasons, and
	// the connections that a route refuses at once.
	NoBPF bool
}

// Default returns an observer of every source of this host, and more if asked.
func Default(k Knowledge, more ...fact.Source) *Observer {
	tcp := sockets.New()
	all := []fact.Source{
		counters.New(), tcp, links.New(k.NICs), filters.New(),
		routes.New(tcp.Pairs, k.NoBPF), resources.New(), settings.New(), klog.New(), namespaces.New(),
		changes.New(k.Sysctls), history.New(),
	}
	if !k.NoBPF {
		all = append(all, drops.New(k.Flows...))
	}
	return NewObserver(append(all, more...)...)
}
