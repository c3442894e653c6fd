package main

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/rights"
)

// showCheckup writes what the doctor found on one screen.
func showCheckup(s *sheet, c *checkup) error {
	s.text("", fmt.Sprintf("whydrop doctor: %s on %s, Linux %s", content.Show(c.User), content.Show(c.Host), content.Show(c.Kernel)))
	s.whole("")
	s.text("Probes  ", probesText(c.Probes))
	s.text("Kernel  ", kernelText(c.Features, c.Restrictions))
	s.text("Here    ", hereText(c))
	showGaps(s, c.Gaps)
	for _, r := range c.Remedies {
		s.whole("")
		s.text("", strings.ToUpper(r.For[:1])+r.For[1:]+":")
		for _, l := range broken(r.args, s.width) {
			s.whole(l)
		}
		for _, n := range r.Notes {
			s.text("  ", content.Show(n))
		}
	}
	return s.flush()
}

// probesText says how many probes work, and names those that don't.
func probesText(probes []fact.Status) string {
	var idle []string
	for _, p := range probes {
		if p.Status != "ok" {
			idle = append(idle, p.Name)
		}
	}
	text := fmt.Sprintf("%d of %d work", len(probes)-len(idle), len(probes))
	if len(idle) > 0 {
		text += ", not " + strings.Join(idle, ", ")
	}
	return text
}

// showGaps writes what cannot be seen, by what would show it.
func showGaps(s *sheet, gaps []gap) {
	if len(gaps) == 0 {
		s.heading("Nothing stays unseen.")
		return
	}
	s.heading("Cannot see, and what would show it")
	var order []string
	groups := map[string][]string{}
	for _, g := range gaps {
		key := gapKey(g)
		if _, ok := groups[key]; !ok {
			order = append(order, key)
		}
		groups[key] = append(groups[key], content.Show(g.What))
	}
	for _, key := range order {
		text := strings.Join(groups[key], "; ")
		if key != "" {
			text += ": " + key
		}
		s.text("  - ", text)
	}
}

func gapKey(g gap) string {
	switch {
	case len(g.Capabilities) > 0 && g.Or != "":
		return strings.Join(g.Capabilities, ", ") + ", or " + g.Or
	case len(g.Capabilities) > 0:
		return strings.Join(g.Capabilities, ", ")
	}
	return content.Show(g.Needs)
}

// kernelText says what the kernel offers, lacks and withholds.
func kernelText(features []rights.Feature, restrictions []rights.Restriction) string {
	var has, lacks, set []string
	for _, f := range features {
		switch {
		case f.State == "yes":
			has = append(has, f.Name)
		default:
			lacks = append(lacks, f.Name)
		}
	}
	for _, r := range restrictions {
		set = append(set, r.Name+"="+content.Show(r.Value))
	}
	text := "has " + strings.Join(has, ", ")
	if len(lacks) > 0 {
		text += "; lacks " + strings.Join(lacks, ", ")
	}
	if len(set) > 0 {
		text += "; " + strings.Join(set, ", ")
	}
	return text
}

// hereText says what this process is.
func hereText(c *checkup) string {
	p := c.Process
	var parts []string
	switch n := len(c.Effective); {
	case c.unknown:
		parts = append(parts, "own rights unknown")
	case n == 0:
		parts = append(parts, "no capabilities")
	case n > 12:
		parts = append(parts, fmt.Sprintf("%d capabilities", n))
	default:
		parts = append(parts, strings.Join(c.Effective, ", "))
	}
	for _, ns := range []struct {
		first *bool
		name  string
	}{{p.FirstUser, "user"}, {p.FirstPID, "process"}, {p.FirstNet, "network"}} {
		if ns.first != nil && !*ns.first {
			parts = append(parts, "a "+ns.name+" namespace of its own")
		}
	}
	if p.Container != "" {
		parts = append(parts, "marks of "+p.Container)
	}
	for _, x := range []struct {
		set  bool
		text string
	}{
		{p.NoNewPrivs, "no_new_privs"},
		{p.Seccomp, "a seccomp filter"},
		{p.Label != "", "confined as " + content.Show(p.Label)},
		{p.HidePID != "", "/proc with hidepid=" + content.Show(p.HidePID)},
		{p.SysReadOnly, "/proc/sys read-only (settings have to be changed outside)"},
	} {
		if x.set {
			parts = append(parts, x.text)
		}
	}
	return strings.Join(parts, ", ")
}

// broken writes a command over several lines, so that it can be copied whole.
func broken(args []string, width int) []string {
	if len(args) == 0 {
		return nil
	}
	const first, next = "  $ ", "      "
	var lines []string
	line := first + content.Show(args[0])
	for _, a := range args[1:] {
		a = content.Show(a)
		if len(line)+1+len(a)+2 > width && strings.TrimSpace(line) != "" {
			lines = append(lines, line+" \\")
			line = next + a
			continue
		}
		line += " " + a
	}
	return slices.Concat(lines, []string{line})
}
