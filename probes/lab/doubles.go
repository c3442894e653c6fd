//go:build linux

package lab

import "slices"

// doubleFaults are benches with two faults at once, both to be named.
func doubleFaults() []Scenario {
	return []Scenario{
		both(appFaults, "slow-reader", filterFaults, "drop-rule"),
		both(listenFaults, "accept-queue-full", filterFaults, "reject-rule-reset"),
	}
}

// both builds the network of the first scenario and brings up the fault of the
// second on it, too.
func both(some []Scenario, first string, others []Scenario, second string) Scenario {
	a := some[slices.IndexFunc(some, func(s Scenario) bool { return s.Name == first })]
	b := others[slices.IndexFunc(others, func(s Scenario) bool { return s.Name == second })]
	needs := a.Needs
	if b.Needs != "" {
		needs = b.Needs
	}
	return Scenario{
		Name: "two-" + a.Name + "+" + b.Name, Cause: a.Cause, And: b.Cause,
		Also: slices.Concat(a.Also, b.Also), sick: a.sick, Needs: needs,
		Settings: slices.Concat(a.Settings, b.Settings),
		About:    a.About + "; and " + b.About,
		plan: func(s *site) error {
			if err := a.plan(s); err != nil {
				return err
			}
			return b.plan(s)
		},
	}
}
