package foreign

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"whydrop/probes/changes"
	"whydrop/probes/fact"
)

// packageLog is what the logs of package managers are called, told apart by their
// paths in place of a device.
const packageLog = "package log"

// rpmList is the list of all packages and when they were installed; the format of rpm
// that stands in its name differs.
var rpmList = regexp.MustCompile(`^sos_commands/rpm/(?:sh_-c_)?rpm_.*-qa_.*(?:INSTALLTIME|--last)`)

// tops are what the paths of files begin with that tell what a host is like.
var tops = []string{
	"sos_commands/", "proc/", "sys/class/net/", "sys/devices/", "var/log/", "installed-rpms", "etc/os-release", "etc/hostname", "etc/machine-id", "etc/redhat-release", "usr/lib/os-release",
}

// partOf is the path of a file in a report, without what stands in front: "" for
// one that stands nowhere in a report.
func partOf(name string) string {
	for _, top := range tops {
		if strings.HasPrefix(name, top) {
			return name
		}
		if at := strings.Index(name, "/"+top); at >= 0 && strings.Count(name[:at], "/") <= 1 {
			return name[at+1:]
		}
	}
	return ""
}

// understood tells whether a file of a report is of use, by its path alone.
func understood(part string) bool {
	_, known := reported(member{name: part, text: []byte{'?'}})
	return known || sysfsCounter.MatchString(part)
}

// elsewhere tells whether a file of a report shows another network namespace.
func elsewhere(part string) bool {
	return strings.HasPrefix(part, "sos_commands/") && (strings.Contains(part, "ip_netns_exec") || strings.Contains(part, "/namespaces/"))
}

// reported is a file of a sosreport: the name tells what it is. Commands stand in
// sos_commands/PLUGIN/ with underscores in place of blanks.
func reported(m member) (piece, bool) {
	p := piece{from: m.name, text: m.text}
	if elsewhere(m.name) {
		return p, false
	}
	if p.kind = fileKind(m.name); p.kind == nil {
		switch {
		case m.name == "etc/hostname":
			p.kind = kindNamed("hostname")
		case m.name == "usr/lib/os-release":
			p.kind = kindNamed("/etc/os-release")
		case changes.IsLog(m.name):
			p.kind, p.device = kindNamed(packageLog), m.name
		case rpmList.MatchString(m.name):
			p.kind, p.device = kindNamed(packageLog), changes.Installed
		case strings.HasPrefix(m.name, "sos_commands/"):
			p.command = reportedCommand(path.Base(m.name))
			p.kind, p.device = commandKind(p.command)
		}
	}
	return p, p.kind != nil && len(p.text) > 0
}

// reportedCommand is the command that a file of sos_commands is called after. The
// name of a device may hold an underscore itself.
func reportedCommand(base string) []string {
	if options, ok := strings.CutPrefix(base, "lsb_release"); ok {
		return append([]string{"lsb_release"}, strings.FieldsFunc(options, func(r rune) bool { return r == '_' })...)
	}
	words := strings.FieldsFunc(base, func(r rune) bool { return r == '_' })
	if len(words) > 2 && words[0] == "ethtool" {
		device := 1
		if strings.HasPrefix(words[1], "-") {
			device = 2
		}
		if device < len(words) {
			words = append(words[:device:device], strings.Join(words[device:], "_"))
		}
	}
	return words
}

// moment keeps one piece of each slot: a report is collected once, and what it
// shows in two ways (dmesg, dmesg -T) was counted at two moments that nobody knows.
func moment(all []piece) []piece {
	first := map[string]int{}
	var out []piece
	for _, p := range all {
		slot := p.slot()
		at, have := first[slot]
		if !have {
			first[slot] = len(out)
			out = append(out, p)
			continue
		}
		if p.kind.name == "ip route" { // one for each family
			out[at].text = append(append(out[at].text[:len(out[at].text):len(out[at].text)], '\n'), p.text...)
		}
	}
	return out
}

// sysfsCounter is the file of one counter of an interface. Behind /sys/class/net are
// links to /sys/devices, where copies are found.
var sysfsCounter = regexp.MustCompile(`^sys/(?:class/net|devices/(?:[^/]+/)*?net)/([^/]+)/statistics/([a-z0-9_]+)$`)

// joined puts the counters of all interfaces, of which each has a file of its own, into
// one text, as "grep . /sys/class/net/*/statistics/*" prints them.
func joined(all []member) []member {
	var text strings.Builder
	seen := map[string]bool{}
	rest := slices.DeleteFunc(all, func(m member) bool {
		at := sysfsCounter.FindStringSubmatch(m.name)
		if at == nil {
			return false
		}
		line := fmt.Sprintf("/sys/class/net/%s/statistics/%s:", at[1], at[2])
		if !seen[line] {
			seen[line] = true
			fmt.Fprintf(&text, "%s%s\n", line, strings.TrimSpace(string(m.text[:min(len(m.text), 32)])))
		}
		return true
	})
	if len(seen) == 0 {
		return rest
	}
	return append(rest, member{name: sysfsName, text: []byte(text.String())})
}

// sysfsName is what the joined text is called.
const sysfsName = "sys/class/net/*/statistics"

// readChanges tells what packages were lately installed.
func readChanges(e *evidence, looks []look) ([]any, prune) {
	files := map[string][]byte{}
	zone := time.UTC
	for _, p := range looks[len(looks)-1] {
		if p.kind.name == packageLog {
			files[p.device] = p.text
			if p.origin.zone != nil {
				zone = p.origin.zone
			}
		}
	}
	r := changes.From(files, zone, e.moment())
	if r == nil {
		return nil, nil
	}
	return []any{r}, func(f *fact.Facts) { without(f, "changes.last_day") } // packages are not all
}

// clocks settles when a report was made and in what zone its host lives: date and
// date --utc, or timedatectl, tell. Names of zones alone do not: there are several of each.
func (o *origin) clocks(found []piece) {
	var local, utc time.Time
	for i := range found {
		p := &found[i]
		switch at, ok := timeIn(p, time.Time{}); {
		case p.kind.name == "timedatectl":
			if m := zoneLine.FindStringSubmatch(string(p.text)); m != nil {
				if t, err := time.Parse("-0700", m[1]); err == nil {
					o.zone = t.Location()
				}
			}
		case p.kind.name != "date" || !ok:
		case slices.Contains(p.command, "--utc") || slices.Contains(p.command, "-u"):
			utc = at
		default:
			local = at
		}
	}
	if utc.IsZero() || local.IsZero() {
		if o.zone != nil && !local.IsZero() && local.Location().String() != "UTC" {
			o.taken = time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, o.zone)
		}
		return
	}
	o.taken = utc
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
	if ahead := wall.Sub(utc).Round(15 * time.Minute); ahead.Abs() <= 14*time.Hour {
		o.zone = time.FixedZone("", int(ahead.Seconds()))
	}
}

// zoneLine is the zone in the output of timedatectl: "Time zone: Europe/Berlin (CET, +0100)".
var zoneLine = regexp.MustCompile(`Time ?zone: \S+ \([^,)]+, ([+-]\d{4})\)`)
