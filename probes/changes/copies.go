package changes

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Installed is the name by which From takes a list of all RPM packages with the times
// at which they were installed, as "rpm -qa --last" prints it, or with the time as
// INSTALLTIME:date does. RPM keeps no other times: an upgrade is an installation.
const Installed = "installed-rpms"

// From makes a reading of copies of another host's logs of package managers, by their
// paths below the root ("var/log/dpkg.log"), and of the list Installed. now is when
// they were copied, zone that of the times in them. It is nil if there is no such log
// among the files.
func From(files map[string][]byte, zone *time.Location, now time.Time) *Reading {
	l := &look{Reading: &Reading{At: now}, loc: zone}
	found := false
	for _, m := range managers {
		var events []event
		for _, name := range append(slices.Clone(m.rotated), m.log) { // the older first
			if b, have := files[name]; have && !strings.HasSuffix(name, ".gz") {
				found = true
				events = append(events, parseLog(lastOf(b), m, zone, now)...)
			}
		}
		l.tell(events, "/"+m.log)
	}
	if b, have := files[Installed]; have && len(l.Changes) == 0 {
		found = true
		l.tell(parseInstalled(b, zone), "rpm -qa --last")
	}
	if !found {
		return nil
	}
	l.order()
	return l.Reading
}

// IsLog tells whether From takes a file, by its path below the root.
func IsLog(name string) bool {
	return name == Installed || slices.ContainsFunc(managers, func(m manager) bool {
		return name == m.log || slices.Contains(m.rotated, name) && !strings.HasSuffix(name, ".gz")
	})
}

// lastOf is the end of a log: whole lines, as many as are read of a file.
func lastOf(b []byte) []byte {
	if len(b) <= maxTail {
		return b
	}
	return afterLine(b[len(b)-maxTail:])
}

func (l *look) tell(events []event, source string) {
	for _, run := range runs(events) {
		for _, c := range told(run, source) {
			l.add(c)
		}
	}
}

// installedLine is a package of a list, and when it was installed: in the C locale,
// with or without the zone, which is that of the host.
var installedLine = regexp.MustCompile(`^(\S+)\s+(?:[A-Z][a-z]{2} )?((?:[A-Z][a-z]{2} [ \d]?\d|[ \d]?\d [A-Z][a-z]{2} \d{4}) .*)$`)

// installedLayouts are the ways in which rpm writes a time.
var installedLayouts = []string{"Jan _2 15:04:05 2006", "_2 Jan 2006 03:04:05 PM", "_2 Jan 2006 15:04:05", "Jan _2 15:04:05 MST 2006"}

// parseInstalled reads a list of packages, in any order.
func parseInstalled(b []byte, zone *time.Location) []event {
	var events []event
	for line := range bytes.Lines(b) {
		if len(line) > maxLine {
			continue
		}
		m := installedLine.FindStringSubmatch(strings.TrimSpace(string(line)))
		if m == nil {
			continue
		}
		at, ok := installedAt(m[2], zone)
		pkg, version := nevra(m[1])
		if ok && version != "" {
			events = append(events, event{at: at, verb: "installed or upgraded to", pkg: pkg, is: version})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}

func installedAt(text string, zone *time.Location) (time.Time, bool) {
	text, _, _ = strings.Cut(text, "\t") // other columns
	for _, layout := range installedLayouts {
		// What follows the time, as the zone, is passed over.
		for _, t := range []string{text, text[:max(strings.LastIndexByte(text, ' '), 0)]} {
			if at, err := time.ParseInLocation(layout, t, zone); err == nil {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
