package foreign

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/changes"
	"whydrop/probes/counters"
	"whydrop/probes/fact"
	"whydrop/probes/filters"
	"whydrop/probes/klog"
	"whydrop/probes/resources"
	"whydrop/probes/routes"
	"whydrop/probes/settings"
	"whydrop/probes/sockets"
)

// prune takes out of facts what a probe tells for known because it always looks at
// everything, and the texts do not hold.
type prune func(f *fact.Facts)

// probe makes readings of one probe out of looks, for its own Facts.
type probe struct {
	source fact.Source
	once   bool // what it reads does not grow
	extra  bool // nobody misses it
	// read returns a reading for each look; none where nothing of it was collected.
	read func(e *evidence, looks []look) ([]any, prune)
}

// facts are what the probe itself makes of readings. What it could not see because
// of rights or kernels is no matter here: those are of the host that reads.
func (p *probe) facts(readings []any, times []time.Time, without prune) *fact.Facts {
	var all []fact.Reading
	for i, r := range readings {
		all = append(all, fact.Reading{At: times[i], Data: r})
	}
	f := blank(times[0], times[len(times)-1].Sub(times[0]).Seconds())
	p.source.Facts(all, f)
	f.Blind = nil
	if without != nil {
		without(f)
	}
	finite(f)
	return f
}

var probes []*probe

func init() {
	probes = []*probe{
		{source: counters.New(), read: readCounters},
		{source: newLinks(), read: readLinks},
		{source: sockets.New(), read: readSockets},
		{source: filters.New(), read: readFilters},
		{source: routes.New(nil, true), read: readRoutes, once: true},
		{source: settings.New(), read: readSettings, once: true},
		{source: resources.New(), read: readResources},
		{source: klog.New(), read: readLog},
		{source: changes.New(nil), read: readChanges, once: true, extra: true},
	}
}

// without takes values out of facts.
func without(f *fact.Facts, names ...string) {
	for _, n := range names {
		delete(f.Values, n)
	}
}

// copies are the files of a look whose path begins so, by the rest of the path.
func (l look) copies(prefix string) map[string][]byte {
	out := map[string][]byte{}
	for _, p := range l {
		if rest, ok := strings.CutPrefix(p.kind.name, prefix); ok {
			out[rest] = p.text
		}
	}
	return out
}

// of returns the piece of a kind without a device; nil if there is none.
func (l look) of(names ...string) *piece {
	for _, n := range names {
		if p := l[n]; p != nil {
			return p
		}
	}
	return nil
}

// of all kinds that hold counters by name, the exact ones first.
var mibKinds = []string{"nstat -j", "nstat", "netstat -s"}

// counts are the counters of one output, by name; nil if it is of another kind.
func (e *evidence) counts(p *piece) map[string]uint64 {
	var read func() (map[string]uint64, error)
	switch p.kind.name {
	case "nstat":
		read = func() (map[string]uint64, error) { return parseNstat(string(p.text)) }
	case "nstat -j":
		read = func() (map[string]uint64, error) { return parseNstatJSON(p.text) }
	case "netstat -s":
		read = func() (map[string]uint64, error) { return parseNetstat(string(p.text)) }
	case "/proc/net/snmp", "/proc/net/netstat", "/proc/net/snmp6":
		read = func() (map[string]uint64, error) { return parseFile(p) }
	default:
		return nil
	}
	return parse(e, p, read)
}

// parseFile reads the counters of a file of /proc/net.
func parseFile(p *piece) (map[string]uint64, error) {
	r, errs := counters.From(map[string][]byte{strings.TrimPrefix(p.kind.name, "/proc/"): p.text})
	if len(errs) > 0 {
		return nil, errs[0]
	}
	all := map[string]uint64{}
	for _, m := range []*counters.MIB{r.SNMP, r.Netstat, r.SNMP6} {
		for i, name := range names(m) {
			all[name] = m.Values[i]
		}
	}
	return all, nil
}

func names(m *counters.MIB) []string {
	if m == nil {
		return nil
	}
	return m.Names
}

// parse parses a piece once, and notes why it can't be.
func parse[T any](e *evidence, p *piece, read func() (T, error)) T {
	if have, ok := e.parsed[p]; ok {
		v, _ := have.(T)
		return v
	}
	v, err := read()
	if err != nil {
		e.note("%s in %s is not understood: %s", p.kind.name, printable(p.from, 80), printable(err.Error(), 160))
	}
	e.parsed[p] = v
	return v
}

func readCounters(e *evidence, looks []look) ([]any, prune) {
	var out []any
	devices := true
	increments := map[string]uint64{}
	for i, l := range looks {
		r := e.copiedCounters(l)
		if all, p := e.printedCounters(l); all != nil && (r == nil || r.SNMP == nil) {
			if e.increments[p] || e.partial[p] {
				increments = all
			}
			if i == 0 && len(looks) == 2 {
				all = e.since(all, p, looks[1][p.slot()])
			}
			r = orNew(r)
			r.SNMP = mib(all)
		}
		if p := l.of("ss -s"); p != nil && (r == nil || r.Sockets == nil) {
			r = orNew(r)
			r.Sockets = parse(e, p, func() (map[string]float64, error) { return parseSummary(string(p.text)) })
		}
		if r == nil {
			return nil, nil
		}
		devices = devices && r.Sent != nil
		out = append(out, r)
	}
	return out, func(f *fact.Facts) {
		for name := range increments {
			if v, ok := f.Values[name]; ok && len(looks) == 2 {
				f.Values[name] = fact.Value{Now: v.Now} // the total is not known
			} else {
				delete(f.Values, name)
			}
		}
		// The balances need all counters of one moment, and to know what modules are
		// loaded.
		without(f, "ip.tx_vanished", "ip6.tx_vanished", "ip.egress_vanished")
		if !devices || len(looks) < 2 {
			without(f, "ip.rx_vanished", "ip6.rx_vanished")
		}
	}
}

func orNew(r *counters.Reading) *counters.Reading {
	if r == nil {
		return &counters.Reading{}
	}
	return r
}

// printedCounters are the counters that a tool printed, and the output; nil without
// any.
func (e *evidence) printedCounters(l look) (map[string]uint64, *piece) {
	for _, kind := range mibKinds {
		if p := l.of(kind); p != nil {
			if all := e.counts(p); len(all) > 0 {
				return all, p
			}
		}
	}
	return nil, nil
}

// copiedCounters are the counters of copies of files; nil without any.
func (e *evidence) copiedCounters(l look) *counters.Reading {
	files := l.copies("/proc/")
	maps.DeleteFunc(files, func(name string, _ []byte) bool {
		return !strings.HasPrefix(name, "net/") || name == "net/stat/nf_conntrack"
	})
	if len(files) == 0 {
		return nil
	}
	r, errs := counters.From(files)
	for _, err := range errs {
		e.noteOnce("not understood: %s", printable(err.Error(), 160))
	}
	return r
}

// since completes the counters of an earlier sample with zeros for what only the
// later shows, if both show all that is not zero; of nstat without -a, which prints
// what was counted since it was last run, the earlier is zero altogether.
func (e *evidence) since(all map[string]uint64, p, later *piece) map[string]uint64 {
	if later == nil {
		return all
	}
	then := e.counts(later)
	if e.increments[later] {
		return zeros(map[string]uint64{}, then)
	}
	if p.line != "" && p.line == later.line || whole(all) && whole(then) {
		return zeros(all, then)
	}
	return all
}

// whole tells an output from lines that somebody picked out of one.
func whole(all map[string]uint64) bool {
	_, ip := all["Ip.InReceives"]
	_, tcp := all["Tcp.InSegs"]
	return ip && tcp
}

func (e *evidence) noteOnce(format string, args ...any) {
	before := len(e.notes)
	e.note(format, args...)
	if slices.Contains(e.notes[:before], e.notes[before]) {
		e.notes = e.notes[:before]
	}
}

func readSettings(_ *evidence, looks []look) ([]any, prune) {
	var out []any
	for _, l := range looks {
		p := l.of("sysctl")
		if p == nil {
			return nil, nil
		}
		r := &settings.Reading{Values: parseSysctls(string(p.text))}
		for name, v := range r.Values {
			device, ok := strings.CutPrefix(name, "net.ipv4.conf.")
			if device, of := strings.CutSuffix(device, ".rp_filter"); ok && of && device != "default" && device != "lo" {
				if r.RPFilter == nil {
					r.RPFilter = map[string]string{}
				}
				r.RPFilter[strings.ReplaceAll(device, "/", ".")] = v
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func readResources(e *evidence, looks []look) ([]any, prune) {
	var out []any
	for _, l := range looks {
		files := l.copies("/")
		maps.DeleteFunc(files, func(name string, _ []byte) bool {
			switch name {
			case "proc/stat", "proc/softirqs", "proc/schedstat", "proc/vmstat", "proc/meminfo":
				return false
			}
			return true
		})
		if len(files) == 0 {
			return nil, nil
		}
		r, errs := resources.From(files)
		for _, err := range errs {
			e.noteOnce("not understood: %s", printable(err.Error(), 160))
		}
		out = append(out, r)
	}
	return out, nil
}

func readLog(e *evidence, looks []look) ([]any, prune) {
	var out []any
	var before map[string]bool
	dated := true
	for _, l := range looks {
		p := l.of("dmesg")
		if p == nil {
			return nil, nil
		}
		all := parse(e, p, func() ([]message, error) { return parseLog(string(p.text)), nil })
		out = append(out, logReading(all, before, time.Duration(p.origin.uptime*float64(time.Second))))
		before = map[string]bool{}
		for _, m := range all {
			before[m.stamp+m.text] = true
			dated = dated && m.when
		}
	}
	return out, func(f *fact.Facts) {
		for _, row := range f.Tables["log"] {
			if !dated { // the end of the log is not the present either way
				delete(row, "age_s")
			}
		}
	}
}

func readFilters(e *evidence, looks []look) ([]any, prune) {
	var out []any
	rules := false
	for _, l := range looks {
		r := &filters.Reading{}
		any := e.conntrack(l, &r.Conntrack)
		texts := filters.Texts{NFT: text(l.of("nft list ruleset"))}
		for s, p := range l {
			if bytes.Contains(p.text, []byte("iptables-legacy tables present")) {
				e.noteOnce("%s says that there are rules of iptables-legacy besides: they were not collected", p.kind.name)
			}
			switch {
			case s == "iptables-save":
				texts.Save = text(p)
			case s == "ip6tables-save":
				texts.Save6 = text(p)
			case strings.HasPrefix(s, "iptables -L"):
				texts.List = append(texts.List, filters.Listing{Table: tableOf(s), Text: string(p.text)})
			case strings.HasPrefix(s, "ip6tables -L"):
				texts.List = append(texts.List, filters.Listing{Table: tableOf(s), Text: string(p.text), Six: true})
			}
		}
		if fw, packets := texts.Firewall(); fw != nil {
			r.Firewall, r.Packets, any, rules = fw, packets, true, true
		}
		if !any {
			return nil, nil
		}
		out = append(out, r)
	}
	return out, func(f *fact.Facts) {
		if rules { // there may be rules of other backends that were not collected
			without(f, "filter.readable", "filter.silent_drops", "filter.silent_device_drops", "filter.silent_defaults")
		}
	}
}

func text(p *piece) string {
	if p == nil {
		return ""
	}
	return string(p.text)
}

// tableOf is the table of iptables -L in the name of its slot.
func tableOf(slot string) string {
	f := strings.Fields(slot)
	if len(f) > 2 {
		return f[2]
	}
	return "filter"
}

// conntrack reads what is known of connection tracking.
func (e *evidence) conntrack(l look, c *filters.Conntrack) (any bool) {
	if p := l.of("/proc/net/stat/nf_conntrack"); p != nil {
		if err := c.Stat(string(p.text)); err != nil {
			e.noteOnce("not understood: %s", printable(err.Error(), 160))
		}
		any = true
	} else if p := l.of("conntrack -S"); p != nil {
		if err := c.Printed(string(p.text)); err != nil {
			e.noteOnce("not understood: %s", printable(err.Error(), 160))
		}
		any = true
	}
	p := l.of("sysctl")
	if p == nil {
		return any
	}
	values := parseSysctls(string(p.text))
	for name, into := range map[string]**float64{
		"nf_conntrack_count": &c.Count, "nf_conntrack_max": &c.Max,
		"nf_conntrack_tcp_be_liberal": &c.Liberal, "nf_conntrack_tcp_timeout_established": &c.Established,
	} {
		if v, err := strconv.ParseUint(values["net.netfilter."+name], 10, 53); err == nil {
			n := float64(v)
			*into, any = &n, true
		}
	}
	return any
}
