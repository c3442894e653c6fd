package main

import (
	"slices"
	"strings"

	"whydrop/probes/fact"
	"whydrop/probes/rights"
)

// gap is something that cannot be seen here.
type gap struct {
	Probe string `json:"probe"`
	What  string `json:"what"`
	// Capabilities are those that would show it and are not held.
	Capabilities []string `json:"capabilities,omitempty"`
	Or           string   `json:"or,omitempty"` // what would do as well
	// Refused is set where the capabilities are held and the kernel refuses all
	// the same.
	Refused bool `json:"refused,omitempty"`
	// Needs is what it takes where capabilities alone don't help.
	Needs string `json:"needs,omitempty"`
}

// findGaps turns the blind spots that the probes told into gaps. What a source
// declares to need says more than the spot itself: all the capabilities, not the
// first that was asked for.
func findGaps(sources []fact.Source, f *fact.Facts, p *rights.Process) []gap {
	all := []gap{}
	add := func(g gap) {
		same := func(h gap) bool { return h.Probe == g.Probe && h.What == g.What }
		if !slices.ContainsFunc(all, same) {
			all = append(all, g)
		}
	}
	for _, b := range slices.Concat(f.Blind, idle(f.Probes)) {
		explained := false
		for _, n := range needsOf(sources, b.Probe) {
			if n.Explains(b) {
				explained = true
				add(byRights(gap{Probe: b.Probe, What: n.For, Or: n.Or}, n.Capabilities, p))
			}
		}
		if explained {
			continue
		}
		g := gap{Probe: b.Probe, What: b.What, Needs: b.Needs}
		if c := b.Capabilities(); len(c) > 0 {
			g = byRights(g, c, p)
		}
		add(g)
	}
	sockets := slices.ContainsFunc(sources, func(s fact.Source) bool { return s.Name() == "sockets" })
	if sockets && p.HidePID != "" && !p.Effective.Grants("CAP_SYS_PTRACE") {
		add(gap{
			Probe: "sockets", What: "processes of other users: /proc is mounted with hidepid=" + p.HidePID,
			Capabilities: lacking([]string{"CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"}, p), Or: "the group of the mount option gid=",
		})
	}
	return all
}

// idle turns the probes that could not look at all into blind spots.
func idle(probes []fact.Status) []fact.Blind {
	var all []fact.Blind
	for _, s := range probes {
		if s.Status == "ok" {
			continue
		}
		b := fact.Blind{Probe: s.Name, What: "the probe " + s.Name + " " + s.Status + ": " + s.Why}
		// As fact.Unavailable words it.
		if what, rest, ok := strings.Cut(s.Why, ": "+fact.ErrUnavailable.Error()); ok {
			b.What, b.Needs = what, strings.TrimPrefix(rest, ": needs ")
		}
		all = append(all, b)
	}
	return all
}

func needsOf(sources []fact.Source, probe string) []fact.Need {
	for _, s := range sources {
		if s.Name() == probe {
			return fact.NeedsOf(s)
		}
	}
	return nil
}

// byRights completes a gap that capabilities would close.
func byRights(g gap, capabilities []string, p *rights.Process) gap {
	g.Capabilities = lacking(capabilities, p)
	switch {
	case len(g.Capabilities) > 0:
		g.Needs = ""
	case no(p.FirstUser):
		g.Refused, g.Needs = true, "the same rights in the host's user namespace"
	default:
		g.Refused, g.Needs = true, "nothing here: the capabilities are held, a security module or sandbox refuses"
	}
	return g
}

func lacking(capabilities []string, p *rights.Process) []string {
	return slices.DeleteFunc(slices.Clone(capabilities), p.Effective.Grants)
}

// missing returns the capabilities that would close gaps, in the kernel's order.
func missing(gaps []gap) []string {
	var all rights.Set
	for _, g := range gaps {
		all |= rights.SetOf(g.Capabilities...)
	}
	return all.Names()
}
