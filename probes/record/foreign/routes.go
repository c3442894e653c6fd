package foreign

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/routes"
)

// maxRoutes bounds the routes of one output.
const maxRoutes = 50_000

// printedRoutes is what ip route and ip rule show.
type printedRoutes struct {
	refusals           []routes.Refusal
	default4, default6 bool
	ipv6               bool
	v4, v6             bool // routes of the family are among them
	devices            map[string]bool
	gateways           map[netip.Addr]bool
	truncated          bool
}

// refusing are the types of routes that swallow or refuse packets.
var refusing = map[string]bool{"blackhole": true, "unreachable": true, "prohibit": true, "throw": true}

// routeTypes are the types that ip route names.
var routeTypes = map[string]bool{
	"local": true, "broadcast": true, "multicast": true, "anycast": true, "nat": true, "unicast": true,
	"blackhole": true, "unreachable": true, "prohibit": true, "throw": true,
}

// routeTables are the numbers of tables with a name (/etc/iproute2/rt_tables).
var routeTables = map[string]uint32{"local": 255, "main": 254, "default": 253}

// parseRoutes reads ip route, of one family or both, of one table or all.
func parseRoutes(text string) *printedRoutes {
	r := &printedRoutes{devices: map[string]bool{}, gateways: map[netip.Addr]bool{}}
	n := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || len(line) > 2000 {
			continue
		}
		if n++; n > maxRoutes {
			r.truncated = true
			break
		}
		r.route(words)
	}
	return r
}

func (r *printedRoutes) route(words []string) {
	kind := "unicast"
	switch {
	case routeTypes[words[0]]:
		kind, words = words[0], words[1:]
	case words[0] == "nexthop":
		r.nexthop(words)
		return
	}
	table := r.nexthop(words)
	prefix, six, ok := destination(words[0], words)
	if !ok || table == routeTables["local"] {
		return
	}
	r.v4, r.v6 = r.v4 || !six, r.v6 || six
	switch {
	case refusing[kind]:
		// The kernel has such a route for each table of IPv6 without a default
		// (ip6_null_entry, metric 4294967295).
		if six && prefix.Bits() == 0 && strings.Contains(strings.Join(words, " "), "metric 4294967295") {
			return
		}
		r.refusals = append(r.refusals, routes.Refusal{Type: kind, Destination: prefix, Table: table})
	case kind == "unicast":
		r.unicast(prefix, six)
	}
}

func (r *printedRoutes) unicast(prefix netip.Prefix, six bool) {
	everything, addr := prefix.Bits() == 0, prefix.Addr()
	r.default4, r.default6 = r.default4 || everything && !six, r.default6 || everything && six
	r.ipv6 = r.ipv6 || six && (everything || !addr.IsLinkLocalUnicast() && !addr.IsMulticast() && !addr.IsLoopback())
}

// nexthop notes device and gateway of a route, and returns its table.
func (r *printedRoutes) nexthop(words []string) (table uint32) {
	table = routeTables["main"]
	device := ""
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "dev":
			device = printable(words[i+1], 40)
		case "via":
			if a, err := netip.ParseAddr(words[i+1]); err == nil {
				r.gateways[a] = true
			}
		case "table":
			if t, named := routeTables[words[i+1]]; named {
				table = t
			} else if n, err := strconv.ParseUint(words[i+1], 10, 32); err == nil {
				table = uint32(n)
			}
		}
	}
	own := strings.HasPrefix(words[0], "fe80:") || strings.HasPrefix(words[0], "ff00:")
	if device != "" && table != routeTables["local"] && !own && len(r.devices) < maxLinks {
		r.devices[device] = true
	}
	return table
}

// destination reads the prefix of a route; the family of a default is that of its
// gateway, or IPv6 where "pref" tells so.
func destination(word string, words []string) (p netip.Prefix, six, ok bool) {
	if word == "default" {
		line := strings.Join(words, " ")
		six = strings.Contains(line, " pref ") || strings.Contains(line, "inet6 ")
		for i := 0; i+1 < len(words); i++ {
			if a, err := netip.ParseAddr(words[i+1]); words[i] == "via" && err == nil {
				six = a.Is6()
			}
		}
		if six {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true, true
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), false, true
	}
	if p, err := netip.ParsePrefix(word); err == nil {
		return p, p.Addr().Is6(), true
	}
	if a, err := netip.ParseAddr(word); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), a.Is6(), true
	}
	return p, false, false
}

// parseRules reads ip rule: the rules that refuse packets, of a family. "not" and
// whatever else a rule asks for is more than addresses tell.
func parseRules(text string, six bool) []routes.Refusal {
	var all []routes.Refusal
	for line := range strings.Lines(text) {
		number, rest, ok := strings.Cut(line, ":")
		priority, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
		words := strings.Fields(rest)
		if !ok || err != nil || len(words) < 3 || len(all) >= maxRefusals {
			continue
		}
		r := printedRule{Rule: true, Priority: uint32(priority), Destination: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
		if six || strings.Contains(rest, "from ") && strings.Contains(words[1], ":") {
			r.Destination = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		for i := 0; i < len(words); i++ {
			if refusing[words[i]] && words[i] != "throw" {
				r.Type = words[i]
				continue
			}
			i = r.clause(words, i)
		}
		if r.Type != "" {
			all = append(all, routes.Refusal(r))
		}
	}
	return all
}

type printedRule routes.Refusal

// clause takes one condition of a rule, of one word or two, and returns where it ends.
func (r *printedRule) clause(words []string, i int) int {
	if i+1 == len(words) {
		r.Partial = true
		return i
	}
	prefix, _, ok := destination(words[i+1], nil)
	switch {
	case words[i] == "proto": // who added it
	case words[i] == "from" && ok:
		r.Source = prefix
	case words[i] == "to" && ok:
		r.Destination = prefix
	case (words[i] == "from" || words[i] == "to") && words[i+1] == "all":
	default:
		r.Partial = true
		return i
	}
	return i + 1
}

// maxRefusals bounds the routes and the rules that are told.
const maxRefusals = 256

// neighbourStates are the states of a neighbour that are told.
var neighbourStates = map[string]uint16{
	"FAILED": unix.NUD_FAILED, "INCOMPLETE": unix.NUD_INCOMPLETE, "PROBE": unix.NUD_PROBE, "DELAY": unix.NUD_DELAY,
}

// parseNeighbours reads ip neigh, with or without -s: those that do not resolve or
// are probed.
func parseNeighbours(text string, r *routes.Reading, gateways map[netip.Addr]bool) {
	index := map[string]int{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 4 || words[1] != "dev" || len(r.Neighbours) >= 256 {
			continue
		}
		state, told := neighbourStates[words[len(words)-1]]
		addr, err := netip.ParseAddr(words[0])
		if !told || err != nil {
			continue
		}
		n := routes.Neighbour{Addr: addr, State: state, Probes: -1, Used: -1, Gateway: gateways[addr]}
		for i, w := range words {
			if w == "used" && i+1 < len(words) { // seconds: used/confirmed/updated
				if used, _, ok := strings.Cut(words[i+1], "/"); ok {
					if v, err := strconv.ParseUint(used, 10, 32); err == nil {
						n.Used = int64(v) * 100
					}
				}
			}
			if w == "probes" && i+1 < len(words) {
				if v, err := strconv.ParseUint(words[i+1], 10, 16); err == nil {
					n.Probes = int(v)
				}
			}
		}
		link := printable(words[2], 40)
		if index[link] == 0 {
			index[link] = len(index) + 1
		}
		n.Ifindex = index[link]
		r.Links[n.Ifindex] = link
		r.Neighbours = append(r.Neighbours, n)
	}
}

func readRoutes(e *evidence, looks []look) ([]any, prune) {
	l := looks[len(looks)-1]
	given := routeTexts{l.of("ip route"), l.of("ip neigh"), l.of("ip rule"), l.of("ip -6 rule")}
	if given == (routeTexts{}) {
		return nil, nil
	}
	r := &routes.Reading{Links: map[int]string{}, NoSockets: "not collected"}
	shown := &printedRoutes{}
	if p := given.route; p != nil {
		shown = parse(e, p, func() (*printedRoutes, error) { return parseRoutes(string(p.text)), nil })
		r.Refusals = shown.refusals[:min(len(shown.refusals), maxRefusals)]
		r.Default4, r.Default6, r.IPv6, r.Truncated = shown.default4, shown.default6, shown.ipv6, shown.truncated
	}
	for _, p := range []*piece{given.rules, given.rules6} {
		if p != nil {
			r.Refusals = append(r.Refusals, parseRules(string(p.text), p == given.rules6)...)
		}
	}
	if given.neigh != nil {
		parseNeighbours(string(given.neigh.text), r, shown.gateways)
	}
	return []any{r}, func(f *fact.Facts) {
		given.pruneNeighbours(f)
		given.pruneRoutes(f, shown)
	}
}

// routeTexts are the outputs that tell of routes; nil what was not collected.
type routeTexts struct{ route, neigh, rules, rules6 *piece }

// pruneNeighbours takes out what the texts do not show of neighbours.
func (given routeTexts) pruneNeighbours(f *fact.Facts) {
	if given.neigh == nil {
		delete(f.Tables, "neighbour")
	}
	// Whether something is wanted follows from how long ago it was used, which
	// only -s shows.
	used := given.neigh != nil && strings.Contains(string(given.neigh.text), " used ")
	if !used {
		without(f, "neigh.failed")
	}
	for _, row := range f.Tables["neighbour"] {
		delete(row, "sockets")
		if !used {
			delete(row, "wanted")
			delete(row, "wanted_share")
		}
		if given.route == nil {
			delete(row, "gateway")
		}
	}
}

// pruneRoutes takes out what the texts do not show of routes and rules.
func (given routeTexts) pruneRoutes(f *fact.Facts, shown *printedRoutes) {
	if given.route == nil && given.rules == nil && given.rules6 == nil {
		delete(f.Tables, "route")
	}
	for _, row := range f.Tables["route"] {
		delete(row, "wider") // takes all other routes
		rules := given.rules
		if to, _ := row["destination"].(string); strings.Contains(to, ":") {
			rules = given.rules6
		}
		if given.route == nil || rules == nil {
			delete(row, "only")
		}
	}
	if !shown.v4 {
		without(f, "route.default_ipv4")
	}
	if !shown.v6 { // ip route without -6 shows IPv4 alone
		without(f, "route.default_ipv6", "route.ipv6")
	}
	if (!shown.v4 || !shown.v6) && !shown.default4 && !shown.default6 {
		without(f, "route.default")
	}
}
