package checklist

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
)

// suspected are the findings that a report looks at closely: those named or, if none
// is, the most likely ones.
func (d *Diagnosis) suspected() []*Finding {
	if named := d.Named(); len(named) > 0 {
		return named
	}
	return d.Suspects(3)
}

// byHand lists the standard commands that show the same measurements.
func (c *Case) byHand(d *Diagnosis) []string {
	var commands []string
	fill := c.filler(d)
	put := func(byHand, probe string) {
		if byHand == "" || probe == "ledger" {
			return
		}
		if command := fill(byHand); !slices.Contains(commands, command) && !sysctlKey.MatchString(command) {
			commands = append(commands, command)
		}
	}
	add := func(def *content.FactDef) {
		if def == nil {
			return
		}
		if key, is := strings.CutPrefix(def.Name, "sysctl."); is {
			put(sysctlKey.ReplaceAllLiteralString(def.ByHand, key), def.Probe)
			return
		}
		put(def.ByHand, def.Probe)
	}
	for _, f := range d.Named() {
		for _, r := range f.Cause.For {
			if !slices.ContainsFunc(f.For, func(reason Reason) bool { return reason.Rule == r.ID }) {
				continue
			}
			if t := c.Book.Facts.TableOf(r.Each); t != nil {
				put(t.ByHand, t.Probe)
			}
			for _, name := range r.When.Uses() {
				add(c.Book.Facts.Lookup(name, r.Each))
			}
		}
	}
	for _, m := range c.measured(d) {
		add(c.Book.Facts.Fact(m.Name))
	}
	return commands
}

// further lists the steps of the investigation that look for the causes that the
// report looks at closely.
func (c *Case) further(d *Diagnosis) []ReportFurther {
	wanted := map[string]bool{}
	for _, f := range d.suspected() {
		wanted[f.Cause.ID] = true
	}
	fill := c.filler(d)
	steps := []ReportFurther{}
	for _, step := range c.Book.Investigation {
		for _, s := range append([]*content.InvestigationStep{step}, step.Parts...) {
			if !slices.ContainsFunc(s.Causes, func(id string) bool { return wanted[id] }) {
				continue
			}
			f := ReportFurther{s.Number, s.Title, s.Do, s.LookFor, []string{}}
			for _, command := range s.Commands {
				f.Commands = append(f.Commands, fill(command))
			}
			steps = append(steps, f)
		}
	}
	return steps
}

// placeholder is what commands of the content have where a name of the host belongs.
var placeholder = regexp.MustCompile(`\b(DEV|INTERFACE|PEER|ADDRESS|HOST|PORT|PID|PATH)\b`)

// sysctlKey is what the command that shows a setting has for its key.
var sysctlKey = regexp.MustCompile(`\bKEY\b`)

// filler returns what puts the host's names into the commands of the content: those of
// the rows that the reasons stand on. What is not known stays a word in capitals, and
// so does a name that a shell would not take as it is.
func (c *Case) filler(d *Diagnosis) func(command string) string {
	known := map[string]string{}
	note := func(word, value string) {
		if value != "" && known[word] == "" && apply.Quote(value) == value && !strings.HasPrefix(value, "-") {
			known[word] = value
		}
	}
	for _, e := range d.evidence(d.suspected()) {
		for _, row := range e.rows {
			text := func(field string) string {
				v, _ := row.Value(e.table + "." + field)
				return content.Show(cmp.Or[any](v, ""))
			}
			note("PID", text("pid"))
			note("DEV", text("link"))
			switch e.table {
			case "link", "nic":
				note("DEV", text("name"))
			case "peer":
				note("PEER", text("name"))
			case "cgroup":
				note("PATH", strings.TrimPrefix(text("name"), "/"))
			}
			for _, other := range []string{"remote", "refused_to", "to"} {
				if at, err := netip.ParseAddrPort(text(other)); err == nil && known["PEER"] == "" {
					note("PEER", at.Addr().String())
					note("PORT", fmt.Sprint(at.Port()))
				}
			}
		}
	}
	note("PEER", worstPeer(c.Facts))
	note("DEV", onlyLink(c.Facts))
	known["INTERFACE"], known["ADDRESS"], known["HOST"] = known["DEV"], known["PEER"], known["PEER"]
	return func(command string) string {
		return placeholder.ReplaceAllStringFunc(command, func(word string) string { return cmp.Or(known[word], word) })
	}
}

// worstPeer is the remote address to which most was sent again, "" if nothing was.
func worstPeer(f *fact.Facts) string {
	name, most := "", 0.0
	for _, r := range f.Tables["peer"] {
		if n, _ := r["retrans"].(float64); n > most {
			name, most = shown(r, "name"), n
		}
	}
	return name
}

// onlyLink is the interface with an address, the loopback aside, if there is but one.
func onlyLink(f *fact.Facts) string {
	name := ""
	for _, r := range f.Tables["link"] {
		if n, _ := r["addresses"].(float64); n == 0 || r["kind"] == "loopback" {
			continue
		}
		if name != "" {
			return ""
		}
		name = shown(r, "name")
	}
	return name
}
