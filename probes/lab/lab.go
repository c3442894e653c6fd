//go:build linux

// Package lab makes faults on demand: small networks of Linux network
// namespaces in which one host has one known fault, or is healthy and busy.
//
// A bench is three hosts, client -- router -- server, joined by virtual
// Ethernet links. Programs on them talk the way real services and clients do,
// each in a process of its own, so that sockets, descriptor limits and owners
// are those of real programs. Nothing outside the namespaces is touched, no
// packet leaves them, and no external command is run but iptables, for its own
// rules.
//
// Every program that starts benches calls [Main] first thing in main (a test
// in TestMain): the hosts' processes are the same executable started again.
package lab

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Scenario is one test host: sick with a known fault, or healthy and busy.
type Scenario struct {
	// Name identifies the scenario: "accept-queue-full".
	Name string
	// Cause is the id of the fault in the catalogue of causes; "" for a host
	// that is healthy and busy.
	Cause string
	// And is a second fault on the same bench, of its own; "" for one alone.
	And string
	// Also are causes that hold on this bench too, as companions of Cause.
	Also []string
	// About says in one line what is wrong and from where it is seen.
	About string
	// Needs says what the scenario needs beyond namespaces: "", "root", or "tun": a wire
	// of its own, for which one must be allowed to read and write /dev/net/tun.
	Needs string
	// Settings are the sysctls of the whole machine that the scenario changes
	// while it runs, and puts back; such a scenario needs root and runs alone.
	Settings []string
	// Alone says what else it takes of the whole machine: "all CPUs". Such a
	// scenario runs alone, too.
	Alone string
	// Unseen says why nothing that whydrop can read inside the host tells the
	// cause; "" when it can be told. Then no answer is the right answer.
	Unseen string
	// UnseenBy restricts Unseen: "nobody" when root can tell the cause and an
	// ordinary user cannot; "" when nobody at all can.
	UnseenBy string

	sick string // the host that Command enters: "client", "router" or "server"
	plan func(*site) error
}

// Host names the host of the bench on which the fault is looked at: "client",
// "router" or "server". [Bench.Command] enters it.
func (s Scenario) Host() string { return s.sick }

// Told reports whether the cause can be told inside the host, by root or by an
// ordinary user.
func (s Scenario) Told(root bool) bool {
	return s.Unseen == "" || root && s.UnseenBy == "nobody"
}

// Makeable returns nil when this user can make the scenario as far as can be told
// without making it. Its error wraps [ErrNeeds].
func (s Scenario) Makeable() error {
	if err := Supported(); err != nil {
		return err
	}
	switch {
	case (s.Needs == "root" || len(s.Settings) > 0) && os.Geteuid() != 0:
		return fmt.Errorf("%w: %s needs root", ErrNeeds, s.Name)
	case s.Needs == "tun":
		if err := unix.Access(tun, unix.R_OK|unix.W_OK); err != nil {
			return fmt.Errorf("%w: %s needs read and write access to %s: %w", ErrNeeds, s.Name, tun, err)
		}
	}
	return nil
}

// Disturbs reports whether the rest of the machine feels the scenario: then it
// runs alone, and only when it was asked for.
func (s Scenario) Disturbs() bool { return len(s.Settings) > 0 || s.Alone != "" }

// All returns every scenario, in the order in which a packet meets the hops
// from the application outwards; the healthy hosts come last.
func All() []Scenario {
	return slices.Concat(
		appFaults, hostFaults, socketFaults, listenFaults, tcpFaults, ipFaults, neighFaults,
		filterFaults, iptablesFaults, conntrackFaults, bpfFaults, queueFaults, softnetFaults, linkFaults,
		pathFaults, wireFaults, peerFaults, doubleFaults(), healthyHosts,
	)
}

// Find returns the scenario with that name.
func Find(name string) (Scenario, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return all[i], true
}

// mostRepresentatives bounds what the tests make of all scenarios.
const mostRepresentatives = 90

// Representative returns the scenarios that stand for all: the healthy hosts and
// the first of every cause, then the second ones, and so on as far as they go.
// None of them disturbs the rest of the machine.
func Representative() []Scenario {
	all := All()
	rounds := make([][]Scenario, len(all)+1)
	seen := map[string]int{}
	for _, s := range all {
		kind := s.Cause
		if s.And != "" {
			kind = "two faults"
		}
		switch {
		case s.Disturbs():
		case s.Cause == "":
			rounds[0] = append(rounds[0], s)
		default:
			rounds[seen[kind]] = append(rounds[seen[kind]], s)
			seen[kind]++
		}
	}
	var out []Scenario
	for _, r := range rounds {
		out = append(out, r[:max(0, min(len(r), mostRepresentatives-len(out)))]...)
	}
	return out
}
