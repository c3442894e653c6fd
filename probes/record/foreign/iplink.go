package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"whydrop/probes/links"
)

// maxLinks bounds the links of one output.
const maxLinks = 1024

// printedLink is an interface as ip showed it, and what was not shown.
type printedLink struct {
	link  links.Link
	stats map[string]uint64 // by field of the table link; nil without -s
	// master is the name of its bridge or bond.
	master    string
	kindKnown bool // ip -d
	bare      bool // of /proc/net/dev, which shows counters alone
	addresses bool // of an output that shows addresses
}

// columns are the headings of ip -s link over the counters, by what they count
// (ip/ipaddress.c, print_link_stats64).
var columns = map[string]map[string]string{
	"RX:": {"bytes": "rx_bytes", "packets": "rx_packets", "errors": "rx_errors", "dropped": "rx_dropped", "missed": "rx_missed", "overrun": "rx_over"},
	"TX:": {"bytes": "tx_bytes", "packets": "tx_packets", "errors": "tx_errors", "dropped": "tx_dropped", "carrier": "tx_carrier", "collsns": "collisions"},
	"RX errors:": {
		"length": "rx_length", "crc": "rx_crc", "frame": "rx_frame", "fifo": "rx_fifo", "missed": "rx_missed", "overrun": "rx_over",
		"otherhost": "rx_otherhost", "nohandler": "rx_nohandler",
	},
	"TX errors:": {"aborted": "tx_aborted", "fifo": "tx_fifo", "window": "tx_window", "transns": "carrier_changes"},
}

// linkLine is the first line of an interface: number, name, flags, and the rest.
var linkLine = regexp.MustCompile(`^(\d+): ([^\s:@]+)(?:@\S+)?: <([A-Z0-9_,-]*)>(.*)$`)

// linkKinds are what ip -d shows behind an address of the link layer.
var linkKinds = map[string]bool{
	"veth": true, "vlan": true, "bridge": true, "bond": true, "team": true, "tun": true, "tap": true, "macvlan": true, "macvtap": true,
	"ipvlan": true, "vxlan": true, "geneve": true, "dummy": true, "ifb": true, "gre": true, "gretap": true, "ipip": true, "sit": true,
	"wireguard": true, "vrf": true, "nlmon": true, "openvswitch": true,
}

// parseLinks reads what ip link or ip address printed, with any of -s and -d.
func parseLinks(text string, addresses bool) ([]printedLink, error) {
	var all []printedLink
	var headings []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n ")
		if m := linkLine.FindStringSubmatch(line); m != nil {
			if len(all) == maxLinks {
				break
			}
			all = append(all, newLink(m, addresses))
			headings = nil
			continue
		}
		if len(all) == 0 {
			continue
		}
		l := &all[len(all)-1]
		if headings != nil {
			l.counters(headings, strings.Fields(line))
			headings = nil
			continue
		}
		headings = l.detail(strings.TrimSpace(line))
	}
	if len(all) == 0 {
		return nil, errors.New("no interface in it")
	}
	return all, nil
}

func newLink(m []string, addresses bool) printedLink {
	index, _ := strconv.Atoi(m[1])
	flags := "," + m[3] + ","
	l := printedLink{addresses: addresses, link: links.Link{
		Index: index, Name: printable(m[2], 40), Loopback: strings.Contains(flags, ",LOOPBACK,"),
		Up: strings.Contains(flags, ",UP,"), Carrier: strings.Contains(flags, ",LOWER_UP,"),
	}}
	words := strings.Fields(m[4])
	for i := 0; i+1 < len(words); i++ {
		number, _ := strconv.ParseUint(words[i+1], 10, 32)
		switch words[i] {
		case "mtu":
			l.link.MTU = uint32(number)
		case "qlen":
			l.link.TxQLen = uint32(number)
		case "qdisc":
			l.link.Qdisc = printable(words[i+1], 40)
		case "master":
			l.master = printable(words[i+1], 40)
		case "xdp", "xdpgeneric", "xdpoffload":
			l.link.XDP = true
		}
	}
	l.link.XDP = l.link.XDP || strings.Contains(m[4], " xdp")
	return l
}

// detail takes a line about an interface. It returns the headings if that is what
// the line holds: the counters follow on the next.
func (l *printedLink) detail(line string) (headings []string) {
	for section, fields := range columns {
		rest, ok := strings.CutPrefix(line, section)
		if !ok {
			continue
		}
		for _, h := range strings.Fields(rest) {
			headings = append(headings, fields[h])
		}
		return headings
	}
	words := strings.Fields(line)
	switch {
	case len(words) < 2:
	case words[0] == "inet" || words[0] == "inet6":
		if !strings.Contains(line, "scope link") || words[0] == "inet" {
			l.link.Addresses++
		}
	case strings.Contains(line, "promiscuity "): // of ip -d
		l.kindKnown = true
	case words[0] == "bridge_slave" || words[0] == "bond_slave":
		l.port(words)
	case linkKinds[words[0]] && l.kindKnown && l.link.Kind == "":
		l.link.Kind = words[0]
	}
	return nil
}

func (l *printedLink) port(words []string) {
	l.link.Port.Kind = strings.TrimSuffix(words[0], "_slave")
	for i := 1; i+1 < len(words); i++ {
		switch words[i] {
		case "state":
			l.link.Port.State = strings.ToLower(printable(words[i+1], 20))
		case "mii_status":
			up := words[i+1] == "UP"
			l.link.Port.MII = &up
		case "link_failure_count":
			if n, err := strconv.ParseUint(words[i+1], 10, 32); err == nil {
				count := uint32(n)
				l.link.Port.Failures = &count
			}
		}
	}
}

func (l *printedLink) counters(headings, values []string) {
	for i, field := range headings {
		if i >= len(values) || field == "" {
			continue
		}
		if v, err := strconv.ParseUint(values[i], 10, 64); err == nil {
			l.count(field, v)
		}
	}
}

func (l *printedLink) count(field string, v uint64) {
	if field == "carrier_changes" {
		n := uint32(v)
		l.link.Changes = &n
		return
	}
	if l.stats == nil {
		l.stats = map[string]uint64{}
	}
	l.stats[field] = v
}

// jsonCounters are the counters of ip -j -s -s link, by where they stand.
var jsonCounters = map[string]string{
	"rx bytes": "rx_bytes", "rx packets": "rx_packets", "rx errors": "rx_errors", "rx dropped": "rx_dropped",
	"rx over_errors": "rx_over", "rx length_errors": "rx_length", "rx crc_errors": "rx_crc", "rx frame_errors": "rx_frame",
	"rx fifo_errors": "rx_fifo", "rx missed_errors": "rx_missed", "rx nohandler": "rx_nohandler", "rx otherhost": "rx_otherhost",
	"tx bytes": "tx_bytes", "tx packets": "tx_packets", "tx errors": "tx_errors", "tx dropped": "tx_dropped",
	"tx carrier_errors": "tx_carrier", "tx collisions": "collisions", "tx aborted_errors": "tx_aborted",
	"tx fifo_errors": "tx_fifo", "tx window_errors": "tx_window", "tx carrier_changes": "carrier_changes",
}

// parseLinksJSON reads what ip -j link printed, with any of -s and -d.
func parseLinksJSON(text []byte) ([]printedLink, error) {
	var doc []struct {
		Index    int      `json:"ifindex"`
		Name     string   `json:"ifname"`
		Flags    []string `json:"flags"`
		MTU      uint32   `json:"mtu"`
		TxQLen   uint32   `json:"txqlen"`
		Qdisc    string   `json:"qdisc"`
		Master   string   `json:"master"`
		Detailed *int     `json:"promiscuity"`
		Info     struct {
			Kind string `json:"info_kind"`
		} `json:"linkinfo"`
		XDP       json.RawMessage                   `json:"xdp"`
		Stats64   map[string]map[string]json.Number `json:"stats64"`
		Addresses []struct {
			Family string `json:"family"`
			Scope  string `json:"scope"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("ip: %w", err)
	}
	var all []printedLink
	for _, d := range doc[:min(len(doc), maxLinks)] {
		if d.Name == "" {
			continue // ip prints {} for what it leaves out
		}
		l := printedLink{master: printable(d.Master, 40), kindKnown: d.Detailed != nil, addresses: d.Addresses != nil, link: links.Link{
			Index: d.Index, Name: printable(d.Name, 40), MTU: d.MTU, TxQLen: d.TxQLen, Qdisc: printable(d.Qdisc, 40),
			Kind: printable(d.Info.Kind, 40), XDP: d.XDP != nil,
		}}
		for _, flag := range d.Flags {
			l.link.Up = l.link.Up || flag == "UP"
			l.link.Carrier = l.link.Carrier || flag == "LOWER_UP"
			l.link.Loopback = l.link.Loopback || flag == "LOOPBACK"
		}
		for _, a := range d.Addresses {
			if a.Family == "inet" || a.Scope != "link" {
				l.link.Addresses++
			}
		}
		for way, counts := range d.Stats64 {
			for name, number := range counts {
				if v, err := strconv.ParseUint(number.String(), 10, 64); err == nil && jsonCounters[way+" "+name] != "" {
					l.count(jsonCounters[way+" "+name], v)
				}
			}
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		return nil, errors.New("no interface in it")
	}
	return all, nil
}

// parseOneLineAddresses reads ip -o addr: how many addresses each interface has.
func parseOneLineAddresses(text string) map[string]int {
	n := map[string]int{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "inet" && f[2] != "inet6" || len(n) > maxLinks {
			continue
		}
		name, _, _ := strings.Cut(f[1], "@")
		if f[2] == "inet" || !strings.Contains(line, "scope link") {
			n[name]++
		}
	}
	return n
}

// deviceColumns are the counters of /proc/net/dev that the kernel shows as they are;
// the others are sums (net/core/net-procfs.c, dev_seq_printf_stats).
var deviceColumns = map[int]string{
	0: "rx_bytes", 1: "rx_packets", 2: "rx_errors", 4: "rx_fifo", 8: "tx_bytes", 9: "tx_packets", 10: "tx_errors", 11: "tx_dropped",
	12: "tx_fifo", 13: "collisions",
}

// parseDevices reads /proc/net/dev.
func parseDevices(text string) ([]printedLink, error) {
	var all []printedLink
	for line := range strings.Lines(text) {
		name, counts, ok := strings.Cut(line, ":")
		f := strings.Fields(counts)
		if !ok || len(f) < 16 || len(all) == maxLinks {
			continue
		}
		l := printedLink{bare: true, link: links.Link{Name: printable(strings.TrimSpace(name), 40)}}
		for i, field := range deviceColumns {
			if v, err := strconv.ParseUint(f[i], 10, 64); err == nil {
				l.count(field, v)
			}
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		return nil, errors.New("no interface in it")
	}
	return all, nil
}

// tableColumns are the counters of netstat -i that the kernel shows as they are (net-tools,
// lib/interface.c): RX-DRP is a sum.
var tableColumns = map[string]string{
	"RX-OK": "rx_packets", "RX-ERR": "rx_errors", "RX-OVR": "rx_fifo",
	"TX-OK": "tx_packets", "TX-ERR": "tx_errors", "TX-DRP": "tx_dropped", "TX-OVR": "tx_fifo",
}

// parseInterfaceTable reads what netstat -i printed.
func parseInterfaceTable(text string) ([]printedLink, error) {
	var all []printedLink
	var header []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) > 2 && f[0] == "Iface":
			header = f
			continue
		case header == nil || len(f) != len(header) || len(all) == maxLinks:
			continue
		}
		l := printedLink{bare: true, link: links.Link{Name: printable(f[0], 40)}}
		for i, column := range header {
			if v, err := strconv.ParseUint(f[i], 10, 64); err == nil && tableColumns[column] != "" {
				l.count(tableColumns[column], v)
			}
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		return nil, errors.New("no interface in it")
	}
	return all, nil
}

// parseSysfs reads lines of /sys/class/net/DEVICE/statistics/COUNTER:NUMBER.
func parseSysfs(text string) ([]printedLink, error) {
	fields := map[string]bool{}
	for _, f := range links.StatisticsFields() {
		fields[f] = true
	}
	var all []printedLink
	places := map[string]int{}
	for line := range strings.Lines(text) {
		file, number, _ := strings.Cut(strings.TrimSpace(line), ":")
		part := strings.Split(strings.TrimPrefix(file, "/sys/class/net/"), "/")
		v, err := strconv.ParseUint(number, 10, 64)
		if len(part) != 3 || part[1] != "statistics" || err != nil {
			continue
		}
		field := part[2]
		if !fields[field] {
			field = strings.TrimSuffix(field, "_errors")
		}
		at, known := places[part[0]]
		if !known {
			if len(all) == maxLinks {
				continue
			}
			at = len(all)
			places[part[0]] = at
			all = append(all, printedLink{bare: true, link: links.Link{Name: printable(part[0], 40)}})
		}
		if fields[field] {
			all[at].count(field, v)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no counter of an interface")
	}
	return all, nil
}
