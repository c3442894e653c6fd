package foreign

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// identity is by what a host can be told from another where nobody names it.
type identity struct {
	where string // the file
	// machine is /etc/machine-id.
	machine string
	// names, of interfaces that come with a machine, are all of them if listed is set.
	names  map[string]string
	listed bool
	// hardware are addresses of these on the link layer, addresses their own, each with
	// its interface; local are those of the ends of TCP connections here.
	hardware, addresses, local map[string]string
	connections                int
}

func newIdentity(where string) *identity {
	return &identity{where: where, names: map[string]string{}, hardware: map[string]string{}, addresses: map[string]string{}, local: map[string]string{}}
}

// madeHere are the beginnings of names that software gives to interfaces: hosts differ
// in these from one minute to the next, and different hosts have the same.
var madeHere = []string{
	"lo", "veth", "docker", "br-", "virbr", "vnet", "tap", "tun", "lxc", "lxd", "cni", "cali", "cilium", "flannel", "kube", "podman",
	"vxlan", "geneve", "genev", "ovs", "dummy", "ifb", "sit", "gre", "ip6", "ip_", "erspan", "nodelocaldns", "wg", "nlmon", "bonding_masters",
}

func comesWithTheMachine(name string) bool {
	return name != "" && !slices.ContainsFunc(madeHere, func(p string) bool { return strings.HasPrefix(name, p) })
}

// Lines of ip link and ip address: the interface, and what is behind it.
var (
	ofInterface  = regexp.MustCompile(`^\d+: ([^\s:@]+)`)
	hardwareText = regexp.MustCompile(`link/ether ([0-9a-f]{2}(?::[0-9a-f]{2}){5})\b`)
	addressText  = regexp.MustCompile(`\binet6? ([0-9a-fA-F.:]+)`)
)

// take adds what a piece shows.
func (id *identity) take(e *evidence, p *piece) {
	switch p.kind.name {
	case "/etc/machine-id":
		id.machine = strings.TrimSpace(string(p.text))
	case "ip link", "ip address", "ip -o addr":
		id.takeLines(string(p.text))
	case "ip -j link":
		id.takeJSON(p.text)
	case "/proc/net/dev":
		known := parse(e, p, func() ([]printedLink, error) { return parseDevices(string(p.text)) })
		for i := range known {
			id.named(known[i].link.Name)
		}
	case "netstat -i":
		known := parse(e, p, func() ([]printedLink, error) { return parseInterfaceTable(string(p.text)) })
		for i := range known {
			id.named(known[i].link.Name)
		}
	case "ss":
		s := parse(e, p, func() (*printedSockets, error) { return parseSS(string(p.text)) })
		if s == nil {
			return
		}
		for i := range s.all {
			if c := &s.all[i]; c.Remote.IsValid() && c.Remote.Port() != 0 {
				id.connections++
				id.at(id.local, "", c.Local.Addr())
			}
		}
	}
}

func (id *identity) takeLines(text string) {
	name := ""
	for line := range strings.Lines(text) {
		if m := ofInterface.FindStringSubmatch(line); m != nil {
			name = m[1]
			id.named(name)
		}
		if !comesWithTheMachine(name) {
			continue
		}
		if m := hardwareText.FindStringSubmatch(line); m != nil {
			id.hardware[m[1]] = name
		}
		if m := addressText.FindStringSubmatch(line); m != nil {
			if a, err := netip.ParseAddr(m[1]); err == nil {
				id.at(id.addresses, name, a)
			}
		}
	}
}

func (id *identity) takeJSON(text []byte) {
	var all []struct {
		Name    string `json:"ifname"`
		Type    string `json:"link_type"`
		Address string `json:"address"`
		Own     []struct {
			Local netip.Addr `json:"local"`
		} `json:"addr_info"`
	}
	if json.Unmarshal(text, &all) != nil {
		return // told where the links are read
	}
	for _, l := range all {
		id.named(l.Name)
		if !comesWithTheMachine(l.Name) {
			continue
		}
		if l.Type == "ether" && l.Address != "" {
			id.hardware[l.Address] = l.Name
		}
		for _, a := range l.Own {
			id.at(id.addresses, l.Name, a.Local)
		}
	}
}

// named notes an interface. Whoever shows the loopback shows all.
func (id *identity) named(name string) {
	id.listed = id.listed || name == "lo"
	if comesWithTheMachine(name) {
		id.names[name] = name
	}
}

// at notes an address that tells one host from another.
func (id *identity) at(in map[string]string, name string, a netip.Addr) {
	a = a.Unmap().WithZone("")
	if a.IsGlobalUnicast() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
		in[a.String()] = name
	}
}

// fewConnections are too few to tell a host by their local addresses: a host has several.
const fewConnections = 3

// other says by what two are different hosts, "" if nothing tells so. What changes
// least decides. Where one does not show all interfaces, those are compared that both show.
func (id *identity) other(b *identity) string {
	if id.machine != "" && b.machine != "" {
		if id.machine != b.machine {
			return "their /etc/machine-id differ"
		}
		return ""
	}
	whole := id.listed && b.listed
	for _, of := range []struct {
		what string
		a, b map[string]string
	}{
		{"no hardware address is on both", id.hardware, b.hardware},
		{"no address is on both", id.addresses, b.addresses},
	} {
		mine, theirs := of.a, of.b
		if !whole {
			mine, theirs = on(of.a, b.names), on(of.b, id.names)
		}
		if len(mine) > 0 && len(theirs) > 0 {
			return unlike(of.what, mine, theirs)
		}
	}
	if whole && len(id.names) > 0 && len(b.names) > 0 {
		if why := unlike("no interface is on both", id.names, b.names); why != "" {
			return why
		}
	}
	if min(id.connections, b.connections) >= fewConnections && len(id.local) > 0 && len(b.local) > 0 {
		return unlike("no local address of a TCP connection is on both", id.local, b.local)
	}
	return ""
}

// on are those that belong to interfaces of another list.
func on(all, interfaces map[string]string) map[string]string {
	out := map[string]string{}
	for k, name := range all {
		if _, have := interfaces[name]; have {
			out[k] = name
		}
	}
	return out
}

// unlike says what two have that have nothing in common.
func unlike(what string, a, b map[string]string) string {
	for k := range a {
		if _, both := b[k]; both {
			return ""
		}
	}
	return fmt.Sprintf("%s: %s and %s", what, few(a), few(b))
}

func few(set map[string]string) string {
	all := slices.Sorted(maps.Keys(set))
	if len(all) > 3 {
		all = append(all[:3:3], "...")
	}
	return printable(strings.Join(all, ", "), 120)
}

// sameHost refuses samples that show different hosts although nobody names them. The
// first sample of each output in a file is of one moment with the first of the others
// there, and so on.
func (e *evidence) sameHost() error {
	type sample struct {
		origin *origin
		nth    int
	}
	seen := map[sample]int{}
	count := map[string]map[*origin]int{}
	var all []*identity
	for i := range e.pieces {
		p := &e.pieces[i]
		slot := p.slot()
		if count[slot] == nil {
			count[slot] = map[*origin]int{}
		}
		s := sample{p.origin, count[slot][p.origin]}
		count[slot][p.origin]++
		at, have := seen[s]
		if !have {
			if len(all) == maxSamples {
				return nil
			}
			at = len(all)
			seen[s] = at
			where := p.from
			if p.origin.report {
				where = p.origin.name
			}
			all = append(all, newIdentity(where))
		}
		all[at].take(e, p)
	}
	for i := 1; i < len(all); i++ {
		for _, before := range []*identity{all[i-1], all[0]} {
			if why := before.other(all[i]); why != "" {
				return fmt.Errorf("samples of different hosts cannot be put together: %s (in %s and in %s)", why, printable(before.where, 80), printable(all[i].where, 80))
			}
		}
	}
	return nil
}
