package foreign

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// dateLayouts are the ways in which date and its like write a moment.
var dateLayouts = []string{
	"Mon Jan _2 15:04:05 MST 2006", "Mon Jan _2 15:04:05 2006", "Mon Jan _2 03:04:05 PM MST 2006", "Mon Jan _2 15:04:05 -07 2006",
	"Mon 2 Jan 2006 15:04:05 MST", "Mon _2 Jan 15:04:05 MST 2006", "Mon 02 Jan 2006 03:04:05 PM MST",
	time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05", "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05",
}

// uptimeLine is the output of uptime: the time of day, and for how long.
var uptimeLine = regexp.MustCompile(`^\s*(\d\d):(\d\d):(\d\d) up (.*)$`)

// timeIn is the moment that a piece tells, if it tells one. The time of day that
// uptime shows goes on from the clock.
func timeIn(p *piece, clock time.Time) (time.Time, bool) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(p.text)), "\n")
	switch p.kind.name {
	case "date":
		for _, layout := range dateLayouts {
			if at, err := time.Parse(layout, strings.Join(strings.Fields(line), " ")); err == nil {
				return at, true
			}
		}
	case "uptime":
		m := uptimeLine.FindStringSubmatch(line)
		if m == nil {
			return clock, false
		}
		h, _ := strconv.Atoi(m[1])
		min, _ := strconv.Atoi(m[2])
		s, _ := strconv.Atoi(m[3])
		day := clock.UTC().Truncate(24 * time.Hour)
		at := day.Add(time.Duration(h)*time.Hour + time.Duration(min)*time.Minute + time.Duration(s)*time.Second)
		if at.Before(clock) && clock.Sub(at) > 12*time.Hour {
			at = at.Add(24 * time.Hour) // past midnight
		}
		return at, true
	}
	return clock, false
}

// uptimeIn is for how many seconds the host has been up, as uptime (to the
// minute) or /proc/uptime tell.
func uptimeIn(p *piece) (float64, bool) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(p.text)), "\n")
	if p.kind.name == "/proc/uptime" {
		f := strings.Fields(line)
		if len(f) == 0 {
			return 0, false
		}
		v, err := strconv.ParseFloat(f[0], 64)
		return v, err == nil && v > 0 && v < 1e10
	}
	m := uptimeLine.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	up, _, _ := strings.Cut(m[4], "user")
	var v float64
	for _, f := range uptimeParts.FindAllStringSubmatch(up, -1) {
		n, _ := strconv.ParseFloat(f[1], 64)
		switch {
		case f[2] != "": // hours:minutes
			more, _ := strconv.ParseFloat(f[2], 64)
			v += 3600*n + 60*more
		case f[3] == "day":
			v += 86400 * n
		case f[3] == "min":
			v += 60 * n
		}
	}
	return v, v > 0 && v < 1e10
}

// uptimeParts are "3 days", "4:05" and "7 min".
var uptimeParts = regexp.MustCompile(`(\d+)(?::(\d\d)| (day|min))`)

// tell takes what a piece says about its host.
func (o *origin) tell(p *piece) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(p.text)), "\n")
	f := strings.Fields(line)
	switch p.kind.name {
	case "hostname":
		if len(f) == 1 && len(line) < 100 {
			o.host = printable(line, 80)
		}
	case "uname":
		if len(f) >= 3 && f[0] == "Linux" {
			o.host, o.kernel = printable(f[1], 80), printable(f[2], 80)
			o.machine = strings.TrimSuffix(f[len(f)-1], "GNU/Linux")
			if o.machine == "" {
				o.machine = f[len(f)-2]
			}
		} else if len(f) == 1 && strings.Count(f[0], ".") >= 2 { // uname -r
			o.kernel = printable(f[0], 80)
		}
	case "/etc/os-release":
		o.os = cmp.Or(prettyName(string(p.text)), o.os)
	case "/etc/redhat-release":
		o.os = cmp.Or(o.os, printable(line, 120))
	case "lsb_release":
		if m := lsbDescription.FindSubmatch(p.text); m != nil {
			o.os = cmp.Or(o.os, printable(string(m[1]), 120))
		}
	case "sysctl":
		o.tellSettings(parseSysctls(string(p.text)))
	case "uptime", "/proc/uptime":
		if v, ok := uptimeIn(p); ok {
			o.uptime = v
		}
	}
	if p.kind.name == "date" && !p.relative {
		o.taken = p.at
	}
	o.hint(p, line)
}

// hint takes the name of the host from where it stands beside other things.
func (o *origin) hint(p *piece, line string) {
	var m []string
	switch p.kind.name {
	case "hostnamectl":
		m = staticName.FindStringSubmatch(string(p.text))
	case "dmesg":
		m = loggedBy.FindStringSubmatch(line)
	}
	if m != nil {
		o.host = cmp.Or(o.host, printable(m[1], 80))
	}
}

func (o *origin) tellSettings(values map[string]string) {
	set := func(into *string, key string) {
		if v := values[key]; v != "" && v != "(none)" {
			*into = printable(v, 80)
		}
	}
	set(&o.host, "kernel.hostname")
	set(&o.kernel, "kernel.osrelease")
	set(&o.boot, "kernel.random.boot_id")
}

// staticName is the host in the output of hostnamectl, loggedBy that in a line of a log.
var (
	staticName = regexp.MustCompile(`(?m)^\s*Static hostname: ([\w.-]+)\s*$`)
	loggedBy   = regexp.MustCompile(`^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) (\S+) kernel: `)
)

var lsbDescription = regexp.MustCompile(`(?m)^Description:\s+(\S.*?)\s*$`)

// prettyName is the PRETTY_NAME of os-release(5).
func prettyName(text string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return printable(strings.Trim(v, `"'`), 120)
		}
	}
	return ""
}

// add takes the pieces of a source.
func (e *evidence) add(s *source) {
	o := &origin{name: s.name, modified: s.modified, report: s.report}
	e.notes = append(e.notes, s.notes...)
	var found []piece
	var unknown []string
	if s.report {
		s.members = joined(s.members)
	}
	for _, m := range s.members {
		m.text = plain(m.text)
		if m.cut {
			e.note("%s: only the first %d MiB of %s were read", s.name, maxMember>>20, printable(m.name, 80))
		}
		if s.report {
			if p, ok := reported(m); ok {
				found = append(found, p)
			}
			continue
		}
		pieces, more := pasted(m)
		if len(pieces) == 0 {
			e.note("not understood: %s", printable(m.name, 80))
		}
		if byDates(pieces) {
			e.note("%s: the samples were put in the order of the times in it", printable(m.name, 80))
		}
		found, unknown = append(found, pieces...), append(unknown, more...)
	}
	if s.elsewhere > 0 {
		e.note("%s: %s of other network namespaces left out", s.name, counted(s.elsewhere, "output"))
	}
	if len(unknown) > 0 {
		e.note("%s: not understood: the output of %s", s.name, strings.Join(unknown[:min(len(unknown), 8)], ", "))
	}
	for i := range found {
		p := &found[i]
		var strays int
		if p.text, strays = withoutStrays(p.kind.name, p.text); strays > 0 {
			e.note("%s in %s: %s that are no part of it left out", p.kind.name, printable(p.from, 80), counted(strays, "line"))
		}
	}
	o.takes(found)
	e.hosts = append(e.hosts, o)
	if s.report {
		found = moment(found)
	}
	e.pieces = append(e.pieces, found...)
}

// byDates puts the pieces of one text in the order of the times in it, where these tell
// another one; all of them have to tell theirs.
func byDates(pieces []piece) bool {
	untold := func(p piece) bool { return p.relative && !about[p.kind.name] }
	earlier := func(a, b piece) int { return a.at.Compare(b.at) }
	if slices.ContainsFunc(pieces, untold) || slices.IsSortedFunc(pieces, earlier) {
		return false
	}
	slices.SortStableFunc(pieces, earlier)
	return true
}

// takes makes pieces those of an origin, and takes what they tell of it. All of a
// report are of one moment.
func (o *origin) takes(found []piece) {
	for i := range found {
		p := &found[i]
		p.origin = o
		if at, ok := timeIn(p, time.Time{}); ok && o.report && p.kind.name == "date" {
			p.at = at
		}
		o.tell(p)
	}
	if !o.report {
		return
	}
	o.clocks(found)
	for i := range found {
		found[i].at, found[i].relative = o.taken, false
	}
}

// deviceName is the name of an interface in the name of a file.
var deviceName = regexp.MustCompile(`(?:^|[_. -])((?:eth|en[ospx]|em|bond|ib|wl|veth|br|team|lo|p\d+p)[a-zA-Z0-9]*)(?:[_. -]|$)`)

// pasted takes a text apart that somebody put together. Where nothing in it is
// known by its lines, the name of the file is tried.
func pasted(m member) (pieces []piece, unknown []string) {
	m.text = withoutIndent(withoutPrefixes(m.name, withoutQuotes(m.text)))
	s := split(m.name, m.text)
	pieces = joinedSettings(s.pieces)
	base := path.Base(m.name)
	if len(pieces) == 0 {
		stem := strings.TrimSuffix(strings.TrimSuffix(base, ".txt"), ".log")
		words := strings.FieldsFunc(stem, func(r rune) bool { return r == '_' || r == ' ' })
		k, device := commandKind(words)
		if k == nil {
			k = fileKind("proc/net/" + stem)
		}
		if k != nil && len(m.text) > 0 {
			pieces = []piece{{kind: k, device: device, from: m.name, text: m.text, at: time.Unix(0, 0), relative: true}}
		}
	}
	lendDevices(pieces)
	for i := range pieces {
		p := &pieces[i]
		if found := deviceName.FindStringSubmatch(base); p.device == "" && strings.HasPrefix(p.kind.name, "ethtool") && found != nil {
			p.device = found[1]
		}
	}
	return pieces, s.unknown
}

// withoutIndent takes away what all lines of a text are indented by.
func withoutIndent(text []byte) []byte {
	least := -1
	for line := range bytes.Lines(text) {
		bare := bytes.TrimLeft(line, " ")
		if n := len(line) - len(bare); len(bytes.TrimSpace(bare)) > 0 && (least < 0 || n < least) {
			least = n
		}
		if least == 0 {
			return text
		}
	}
	if least <= 0 {
		return text
	}
	var out []byte
	for line := range bytes.Lines(text) {
		if len(line) > least {
			line = line[least:]
		}
		out = append(out, line...)
	}
	return out
}

// lendDevices gives outputs of ethtool that do not name their device that of their
// neighbours, if there is only one.
func lendDevices(pieces []piece) {
	only := ""
	for _, p := range pieces {
		if strings.HasPrefix(p.kind.name, "ethtool") && p.device != "" {
			if only != "" && only != p.device {
				return
			}
			only = p.device
		}
	}
	for i := range pieces {
		if strings.HasPrefix(pieces[i].kind.name, "ethtool") && pieces[i].device == "" {
			pieces[i].device = only
		}
	}
}

// short is a host's name without its domain.
func short(host string) string {
	name, _, _ := strings.Cut(strings.ToLower(host), ".")
	return name
}

// oneHost refuses samples of different hosts.
func (e *evidence) oneHost() error {
	from := map[string]string{}
	first := ""
	check := func(host, where string) error {
		name := short(host)
		if name == "" || name == "localhost" {
			return nil
		}
		if first == "" {
			first = name
			from[name] = where
		}
		if name != first {
			return fmt.Errorf("samples of different hosts cannot be put together: %s (%s) and %s (%s)", printable(first, 40), from[first], printable(name, 40), where)
		}
		return nil
	}
	for _, o := range e.hosts {
		if err := check(o.host, o.name); err != nil {
			return err
		}
	}
	for i := range e.pieces {
		if err := check(e.pieces[i].host, e.pieces[i].origin.name); err != nil {
			return err
		}
	}
	return nil
}

// tellHost adds what is known of the host.
func (e *evidence) tellHost(f *fact.Facts) {
	if v := e.known(func(o *origin) string { return o.kernel }); v != "" {
		f.Text("host.kernel", v)
	}
	if v := e.known(func(o *origin) string { return o.os }); v != "" {
		f.Text("host.os", v)
	}
	if o := e.hosts[len(e.hosts)-1]; o.uptime > 0 {
		f.Gauge("host.uptime_s", o.uptime)
		f.Text("host.uptime", inWords(time.Duration(o.uptime*float64(time.Second))))
	}
}

// inWords is a length of time as the facts spell it: 13 min, 5 h, 9 days.
func inWords(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// parseSysctls reads "net.core.somaxconn = 4096", one on each line. A name may
// hold slashes where an interface has dots.
func parseSysctls(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if ok && len(name) < 200 && len(value) < 5000 && len(values) < 20_000 {
			values[name] = strings.TrimSpace(value)
		}
	}
	return values
}
