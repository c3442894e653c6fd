package foreign

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"whydrop/probes/fact"
	"whydrop/probes/links"
)

func newLinks() fact.Source { return links.New(nil) }

// seenLinks is what the looks show of interfaces, for what has to be left out.
type seenLinks struct {
	listed    bool                       // an output of ip showed them
	addresses bool                       // and their addresses
	routes    bool                       // and where routes point
	stats     map[string]map[string]bool // fields that are known, by interface
	kinds     map[string]bool            // interfaces whose kind is known
	states    bool                       // flags are known
	queues    bool
	nics      bool
}

// readLinks makes readings of links, drivers and queues. What does not grow (names,
// settings) is taken from all that was collected.
func readLinks(e *evidence, looks []look) ([]any, prune) {
	seen := &seenLinks{stats: map[string]map[string]bool{}, kinds: map[string]bool{}}
	all := e.rounds().last()
	var out []any
	for _, l := range looks {
		r := e.linkReading(l, all, seen)
		if r == nil {
			return nil, nil
		}
		out = append(out, r)
	}
	return out, seen.prune
}

// printedLinks are the links of a look, with the counters of sysfs that ip left out.
func (e *evidence) printedLinks(l look) []printedLink {
	shown := e.listedLinks(l)
	p := l.of("/sys/class/net/*/statistics")
	if p == nil {
		return shown
	}
	more := parse(e, p, func() ([]printedLink, error) { return parseSysfs(string(p.text)) })
	if shown == nil {
		return more
	}
	shown = slices.Clone(shown)
	for i := range shown {
		of := slices.IndexFunc(more, func(l printedLink) bool { return l.link.Name == shown[i].link.Name })
		if of < 0 {
			continue
		}
		stats := maps.Clone(more[of].stats)
		maps.Copy(stats, shown[i].stats)
		shown[i].stats = stats
	}
	return shown
}

// listedLinks are the links of a look as one output shows them.
func (e *evidence) listedLinks(l look) []printedLink {
	if p := l.of("ip -j link"); p != nil {
		return parse(e, p, func() ([]printedLink, error) { return parseLinksJSON(p.text) })
	}
	if p := l.of("ip link", "ip address"); p != nil {
		return parse(e, p, func() ([]printedLink, error) {
			return parseLinks(string(p.text), strings.Contains(string(p.text), "\n    inet"))
		})
	}
	if p := l.of("/proc/net/dev"); p != nil {
		return parse(e, p, func() ([]printedLink, error) { return parseDevices(string(p.text)) })
	}
	if p := l.of("netstat -i"); p != nil {
		return parse(e, p, func() ([]printedLink, error) { return parseInterfaceTable(string(p.text)) })
	}
	return nil
}

// linkReading is what one look shows. It is nil if nothing in it is of links.
func (e *evidence) linkReading(l, all look, seen *seenLinks) *links.Reading {
	counted := e.printedLinks(l)
	queues := e.queues(l)
	statistics := map[string]*piece{}
	relevant := len(counted) > 0 || len(queues) > 0
	for slot, p := range l {
		if p.kind.name == "ethtool -S" && e.know.NICs != nil && !bytes.HasPrefix(p.text, []byte("no stats available")) {
			statistics[p.device] = p
			relevant = true
		}
		relevant = relevant || strings.HasPrefix(slot, "ethtool")
	}
	if !relevant {
		return nil
	}
	r := &links.Reading{}
	places := map[string]int{}
	place := func(name string) *links.Link {
		at, known := places[name]
		if !known {
			at = len(r.Links)
			places[name] = at
			r.Links = append(r.Links, links.Link{Name: name, Index: 1_000_000 + at})
		}
		return &r.Links[at]
	}
	known := e.printedLinks(all)
	for i := range known {
		e.knownLink(&known[i], place, seen)
	}
	for i := range counted {
		c := &counted[i]
		link := place(c.link.Name)
		link.Changes, link.Port.Failures = c.link.Changes, c.link.Port.Failures
		if c.stats != nil {
			link.SetStatistics(c.stats)
			seen.counted(c.link.Name, c.stats)
		}
	}
	e.usage(all, r, seen)
	e.deviceRows(all, place)
	for device, p := range statistics {
		link := place(deviceOr(device))
		driver, _ := link.Settings["driver"].(string)
		c, err := e.layouts.statistics(e.know.NICs, device, driver, p.text)
		if err != nil {
			e.noteOnce("ethtool -S in %s is not understood: %s", printable(p.from, 80), printable(err.Error(), 120))
			continue
		}
		link.Counters, seen.nics = c, true
	}
	for i := range queues {
		q := queues[i].queue
		seen.queues = true
		if q.Kind == "noqueue" || q.Kind == "noop" {
			continue
		}
		q.Link = place(deviceOr(queues[i].device)).Index
		r.Queues = append(r.Queues, q)
	}
	return r
}

// deviceOr names a device whose name nobody told.
func deviceOr(name string) string {
	if name == "" {
		return "device"
	}
	return name
}

// knownLink puts a link without its counters into a reading.
func (e *evidence) knownLink(k *printedLink, place func(string) *links.Link, seen *seenLinks) {
	link := place(k.link.Name)
	if k.bare {
		return
	}
	index := link.Index
	*link = k.link
	if link.Index == 0 {
		link.Index = index
	}
	link.Changes, link.Port.Failures, link.Stats = nil, nil, nil
	seen.listed, seen.states = true, true
	seen.kinds[link.Name] = k.kindKnown || link.Loopback
	seen.addresses = seen.addresses || k.addresses
	if k.master != "" {
		if index := place(k.master).Index; index != 0 {
			place(k.link.Name).Master = index
		}
	}
}

// usage adds which links have addresses, and which routes point at.
func (e *evidence) usage(all look, r *links.Reading, seen *seenLinks) {
	if p := all.of("ip -o addr"); p != nil {
		n := parse(e, p, func() (map[string]int, error) { return parseOneLineAddresses(string(p.text)), nil })
		for i := range r.Links {
			r.Links[i].Addresses = n[r.Links[i].Name]
		}
		seen.addresses = true
	} else if p := all.of("ip address"); p != nil && all.of("ip link", "ip -j link") != nil {
		more := parse(e, p, func() ([]printedLink, error) { return parseLinks(string(p.text), true) })
		n := map[string]int{}
		for _, l := range more {
			n[l.link.Name] = l.link.Addresses
		}
		for i := range r.Links {
			r.Links[i].Addresses = n[r.Links[i].Name]
		}
		seen.addresses = true
	}
	if p := all.of("ip route"); p != nil {
		used := parse(e, p, func() (*printedRoutes, error) { return parseRoutes(string(p.text)), nil }).devices
		for i := range r.Links {
			r.Links[i].Routed = used[r.Links[i].Name]
		}
		seen.routes = true
	}
}

// deviceRows adds what ethtool told of settings.
func (e *evidence) deviceRows(all look, place func(string) *links.Link) {
	for _, p := range all {
		if ethtoolLines[p.kind.name] == nil {
			continue
		}
		link := place(deviceOr(p.device))
		if link.Settings == nil {
			link.Settings = fact.Row{}
		}
		deviceSettings(p.kind.name, string(p.text), link.Settings)
		if link.Kind == "" {
			link.Kind = softwareDrivers[driverOf(link)]
		}
	}
}

func driverOf(l *links.Link) string { s, _ := l.Settings["driver"].(string); return s }

// softwareDrivers are what ethtool -i calls the kinds of devices without hardware.
var softwareDrivers = map[string]string{
	"veth": "veth", "bridge": "bridge", "bonding": "bond", "tun": "tun", "team": "team", "dummy": "dummy", "vxlan": "vxlan",
	"802.1Q VLAN Support": "vlan", "macvlan": "macvlan", "openvswitch": "openvswitch",
}

// queues are the queueing disciplines of a look.
func (e *evidence) queues(l look) []printedQueue {
	if p := l.of("tc -j qdisc"); p != nil {
		return parse(e, p, func() ([]printedQueue, error) { return parseQueuesJSON(p.text) })
	}
	if p := l.of("tc qdisc"); p != nil {
		return parse(e, p, func() ([]printedQueue, error) { return parseQueues(string(p.text), "") })
	}
	return nil
}

// counted notes the counters that a look shows of an interface. What only some of the
// looks show did not grow from zero.
func (s *seenLinks) counted(name string, stats map[string]uint64) {
	before, again := s.stats[name]
	fields := map[string]bool{}
	for f := range stats {
		fields[f] = !again || before[f]
	}
	s.stats[name] = fields
}

// prune takes out what was not shown.
func (s *seenLinks) prune(f *fact.Facts) {
	without(f, "shaper.standing_use")
	used := s.listed && s.addresses && s.routes
	if !used {
		without(f, "link.usable", "link.down_with_routes", "link.off_with_addresses")
	}
	if !s.queues {
		delete(f.Tables, "qdisc")
	}
	var rows []fact.Row
	for _, row := range f.Tables["link"] {
		name, _ := row["name"].(string)
		s.pruneLink(row, name, used)
		if len(row) > 2 {
			rows = append(rows, row)
		}
	}
	if rows == nil && !s.listed {
		delete(f.Tables, "link")
		return
	}
	f.Tables["link"] = rows
}

// pruneLink takes out of the row of a link what was not shown of it.
func (s *seenLinks) pruneLink(row fact.Row, name string, used bool) {
	drop := func(fields ...string) {
		for _, f := range fields {
			delete(row, f)
			delete(row, f+"_total")
		}
	}
	known := s.stats[name]
	for _, f := range links.StatisticsFields() {
		if !known[f] {
			drop(f)
		}
	}
	if !known["rx_missed"] && !known["rx_over"] && !known["rx_fifo"] && !s.nics {
		drop("overrun")
	}
	if !s.addresses {
		drop("addresses")
	}
	if !s.routes {
		drop("routed")
	}
	if !used {
		drop("down_in_use", "off_in_use")
	}
	if _, driver := row["driver"]; !s.kinds[name] && !driver {
		drop("kind", "hardware")
	}
	if _, listed := s.kinds[name]; !listed {
		drop("up", "carrier", "xdp", "mtu", "txqueuelen", "master", "addresses", "routed")
	}
}
