package foreign

import (
	"regexp"
	"slices"
	"strings"
)

// kind is one sort of text: the output of a tool, or a file of /proc.
type kind struct {
	name string
	// command is how it is called, "tool argument ...": a command is of this kind
	// if it has all of these words. "-s" stands for any bundle of options that
	// holds an s.
	command []string
	// first recognizes a line with which such a text begins. Its group is the device.
	first *regexp.Regexp
	// key finds what occurs once in a text: where it comes again, another text begins.
	key *regexp.Regexp
	// json is set for what is one JSON document, line for what is one line.
	json, line bool
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// counterLine is a line of nstat.
const counterLine = `(?:Ip|Icmp|IcmpMsg|Tcp|Udp|UdpLite|TcpExt|IpExt|Ip6|Icmp6|Udp6|UdpLite6|MPTcpExt)[A-Z][A-Za-z0-9]+`

// sysfsLine is a counter of an interface as grep shows it with its file.
var sysfsLine = re(`^/sys/class/net/[^/\s]+/statistics/[a-z0-9_]+:\d+\s*$`)

// kinds are all that are understood. The first whose first line fits is taken.
// Layouts: the tools of iproute2 (misc/nstat.c, misc/ss.c, ip/ipaddress.c,
// tc/tc_qdisc.c), net-tools (statistics.c), ethtool (ethtool.c), conntrack-tools
// (src/conntrack.c), and proc(5).
var kinds = []*kind{
	{name: "/proc/net/snmp", first: re(`^Ip: Forwarding `), key: re(`^Ip: Forwarding `)},
	{name: "/proc/net/netstat", first: re(`^TcpExt: [A-Z]`), key: re(`^TcpExt: [A-Z]`)},
	{name: "/proc/net/snmp6", first: re(`^Ip6InReceives\s+\d+\s*$`), key: re(`^(\w+)\s`)},
	{name: "/proc/net/sockstat", first: re(`^sockets: used \d`), key: re(`^sockets:`)},
	{name: "/proc/net/sockstat6", first: re(`^TCP6: inuse \d`), key: re(`^TCP6:`)},
	{name: "/proc/net/tcp", first: re(`^\s*sl\s+local_address\s+rem_address\s`), key: re(`^\s*sl\s`)},
	{name: "/proc/net/tcp6"},
	{name: "/proc/net/softnet_stat", first: re(`^[0-9a-f]{8}(?: [0-9a-f]{8}){8,15}\s*$`), key: re(`^(?:[0-9a-f]{8} ){12}([0-9a-f]{8})`)},
	{name: "/proc/net/stat/nf_conntrack", first: re(`^entries\s+(?:searched|clashres)\s+found`), key: re(`^entries`)},
	{name: "/proc/net/stat/arp_cache", first: re(`^entries,?\s+allocs`), key: re(`^entries`)},
	{name: "/proc/net/stat/ndisc_cache"},
	{name: "/proc/net/xfrm_stat", first: re(`^XfrmInError\s+\d`), key: re(`^(\w+)\s`)},
	{name: "/proc/net/dev", first: re(`^Inter-\|\s+Receive`), key: re(`^Inter-`)},
	{name: "/sys/class/net/*/statistics", first: sysfsLine, key: re(`^(/sys/class/net/\S+:)`)},
	{name: "/proc/meminfo", first: re(`^MemTotal:\s+\d`), key: re(`^MemTotal:`)},
	{name: "/proc/stat", first: re(`^cpu  \d`), key: re(`^cpu  `)},
	{name: "/proc/softirqs", first: re(`^\s+CPU0\s+`), key: re(`^\s+CPU0\s`)},
	{name: "/proc/schedstat", first: re(`^version 1\d\s*$`), key: re(`^version`)},
	{name: "/proc/vmstat", first: re(`^nr_free_pages \d`), key: re(`^nr_free_pages`)},
	{name: "/proc/uptime", first: re(`^\d+\.\d\d \d+\.\d\d\s*$`), line: true},
	{name: "/etc/machine-id"},
	{name: "/etc/redhat-release"},
	{name: "lsb_release", command: []string{"lsb_release", "-a"}, first: re(`^Distributor ID:\s`)},
	{name: "/etc/os-release", first: re(`^(?:PRETTY_NAME|NAME)="`), key: re(`^PRETTY_NAME=`)},

	{name: "nstat", command: []string{"nstat"}, first: re(`^(?:#kernel|#\d+\.\d+ sampling_interval=.*)\s*$|^` + counterLine + `\s+\d+\s+[\d.]+\*?\s*$`), key: re(`^(#|` + counterLine + `)`)},
	{name: "nstat -j", command: []string{"nstat", "-j"}, first: re(`^\{\s*"kernel":`), json: true},
	{name: "netstat -s", command: []string{"netstat", "-s"}, first: re(`^(?:Ip|IcmpMsg|Tcp):\s*$`), key: re(`^(Ip|Tcp|TcpExt):\s*$`)},
	{name: "netstat -i", command: []string{"netstat", "-i"}, first: re(`^Iface\s+MTU\s`), key: re(`^Iface\s`)},
	{name: "ip link", command: []string{"ip", "link"}, first: re(`^\d+: [^\s:]+: <[A-Z0-9_,-]*>`), key: re(`^\d+: ([^\s:]+): <`)},
	{name: "ip address", command: []string{"ip", "addr"}, key: re(`^\d+: ([^\s:]+): <`)},
	{name: "ip -o addr", command: []string{"ip", "-o", "addr"}, first: re(`^\d+: \S+\s+inet6? [0-9a-f]`)},
	{name: "ip -j link", command: []string{"ip", "-j", "link"}, first: re(`^\[\s*\{\s*"ifindex":`), json: true},
	{name: "tc qdisc", command: []string{"tc", "qdisc"}, first: re(`^qdisc \S+ [0-9a-f]+: `), key: re(`^(qdisc \S+ [0-9a-f]+: (?:dev \S+ )?(?:root|ingress|parent \S+)?)`)},
	{name: "tc -j qdisc", command: []string{"tc", "-j", "qdisc"}, first: re(`^\[\s*\{\s*"kind":`), json: true},
	{name: "ethtool -S", command: []string{"ethtool", "-S"}, first: re(`^NIC statistics:`), key: re(`^NIC statistics:`)},
	{name: "ethtool -i", command: []string{"ethtool", "-i"}, first: re(`^driver: \S`), key: re(`^driver:`)},
	{name: "ethtool -g", command: []string{"ethtool", "-g"}, first: re(`^Ring parameters for (\S+):`), key: re(`^Ring parameters`)},
	{name: "ethtool -k", command: []string{"ethtool", "-k"}, first: re(`^(?:Features|Offload parameters) for (\S+):`), key: re(`^(?:Features|Offload)`)},
	{name: "ethtool -c", command: []string{"ethtool", "-c"}, first: re(`^Coalesce parameters for (\S+):`), key: re(`^Coalesce`)},
	{name: "ethtool -l", command: []string{"ethtool", "-l"}, first: re(`^Channel parameters for (\S+):`), key: re(`^Channel`)},
	{name: "ethtool", command: []string{"ethtool"}, first: re(`^Settings for (\S+):`), key: re(`^Settings for`)},
	{name: "conntrack -S", command: []string{"conntrack", "-S"}, first: re(`^cpu=\d+\s+(?:searched|found)=`), key: re(`^(cpu=\d+)\s`)},
	{name: "ss -s", command: []string{"ss", "-s"}, first: re(`^Total: \d+`), key: re(`^Total:`)},
	{name: "ss", command: []string{"ss"}, first: re(`^(?:Netid\s+)?State\s+Recv-Q`), key: re(`^(?:Netid\s+)?State\s+Recv-Q`)},
	{name: "ss", first: re(`^(?:tcp\s+)?(?:ESTAB|LISTEN|TIME-WAIT|CLOSE-WAIT|SYN-SENT|SYN-RECV|FIN-WAIT-[12]|LAST-ACK|CLOSING)\s+\d+\s+\d+\s+\S+:\S+`)},
	{name: "nft list ruleset", command: []string{"nft", "list", "ruleset"}, first: re(`^table (?:inet|ip|ip6|arp|bridge|netdev) \S+ \{`), key: re(`^(table \S+ \S+) \{`)},
	{name: "iptables-save", command: []string{"iptables-save"}, first: re(`^\*(?:filter|nat|mangle|raw|security)\s*$|^# Generated by iptables-save`), key: re(`^(\*\w+)\s*$`)},
	{name: "ip6tables-save", command: []string{"ip6tables-save"}, first: re(`^# Generated by ip6tables-save`), key: re(`^(\*\w+)\s*$`)},
	{name: "iptables -L", command: []string{"iptables", "-L"}, first: re(`^Chain \S+ \((?:policy|\d+ references)`), key: re(`^(Chain \S+) \(`)},
	{name: "ip6tables -L", command: []string{"ip6tables", "-L"}, key: re(`^(Chain \S+) \(`)},
	{name: "sysctl", command: []string{"sysctl"}, first: re(`^(?:net|vm|kernel|fs|dev|user|abi|debug|crypto)\.[^\s=]+ = `)},
	{name: "dmesg", command: []string{"dmesg"}, first: re(`^(?:<\d+>|\w+\s*:\w+\s*: )?\[\s*\d+\.\d{6}\] `)},
	{name: "dmesg", first: re(`^\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\] `)},
	{name: "dmesg", command: []string{"journalctl", "-k"}, first: re(`^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ kernel: `)},
	{name: "ip neigh", command: []string{"ip", "neigh"}, first: re(`^[0-9a-f.:]+ dev \S+ .*(?:REACHABLE|STALE|FAILED|INCOMPLETE|DELAY|PROBE|PERMANENT)\s*$`)},
	{name: "ip route", command: []string{"ip", "route"}, first: re(`^(?:default (?:via|dev|proto)|(?:blackhole|unreachable|prohibit) |[0-9a-f.:]+(?:/\d+)? (?:via|dev) )`)},
	{name: "ip route", command: []string{"ip", "-6", "route"}},
	{name: "ip rule", command: []string{"ip", "rule"}, first: re(`^\d+:\s+(?:not )?from \S+ `)},
	{name: "ip -6 rule", command: []string{"ip", "-6", "rule"}},
	{name: "timedatectl", command: []string{"timedatectl"}},
	{name: packageLog},
	{name: "uptime", command: []string{"uptime"}, first: re(`^\s*\d\d:\d\d:\d\d up `), line: true},
	{name: "date", command: []string{"date"}, first: re(`^(?:[A-Z][a-z]{2}\s+[A-Z][a-z]{2}\s+\d+ \d\d:\d\d:\d\d|[A-Z][a-z]{2}\s+\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*\s*$)`), line: true},
	{name: "uname", command: []string{"uname"}, first: re(`^Linux \S+ \d+\.\d+`), line: true},
	{name: "hostnamectl", command: []string{"hostnamectl"}, first: re(`^\s*Static hostname: \S`)},
	{name: "hostname", command: []string{"hostname"}, line: true},
}

// tools are the programs by which a line without any prompt is known to be a
// command.
var tools = map[string]bool{}

// files are the kinds of files, by their path without the first slash.
var files = map[string]*kind{}

func init() {
	for _, k := range kinds {
		if k.command != nil {
			tools[k.command[0]] = true
		}
		if k.name[0] == '/' {
			files[k.name[1:]] = k
		}
	}
}

// commandKind finds what a command prints, and which device it asks about. The
// kind with the most words wins: "ip -j link" before "ip link". It is nil for a
// command that is not understood.
func commandKind(words []string) (found *kind, device string) {
	if len(words) == 0 {
		return nil, ""
	}
	tool := words[0][strings.LastIndexByte(words[0], '/')+1:]
	if tool == "cat" || tool == "head" || tool == "tail" {
		return printedFile(words), ""
	}
	if foreignNamespace(words) {
		return nil, ""
	}
	most := 0
	for _, k := range kinds {
		if len(k.command) > most && k.command[0] == tool && hasAll(words[1:], k.command[1:]) {
			found, most = k, len(k.command)
		}
	}
	if found != nil && tool == "ethtool" && len(words) > 1 {
		device = words[len(words)-1]
	}
	if found != nil && found.name == "ethtool" && strings.HasPrefix(words[min(1, len(words)-1)], "-") {
		return nil, "" // other options print other things
	}
	if found != nil && found.name == "ss" && udpOnly(words) {
		return nil, ""
	}
	return found, device
}

// printedFile is what a command prints that prints a file, or settings.
func printedFile(words []string) *kind {
	switch {
	case settingFiles(words) != nil:
		return kindNamed("sysctl")
	case len(words) == 2:
		return fileKind(words[1])
	}
	return nil
}

// foreignNamespace tells whether a command looks into another network namespace.
func foreignNamespace(words []string) bool {
	option := func(w string) bool { return strings.HasPrefix(w, "-n") }
	switch words[0] {
	case "nsenter":
		return true
	case "ip":
		return slices.Contains(words, "netns") || slices.ContainsFunc(words, option)
	case "tc":
		return slices.Contains(words, "-n") || slices.Contains(words, "-netns")
	}
	return false
}

// udpOnly tells whether ss was asked for other sockets than those of TCP.
func udpOnly(words []string) bool {
	tcp, others := false, false
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") {
			tcp = tcp || strings.ContainsRune(w, 't')
			others = others || strings.ContainsAny(w, "uxwdS")
		}
	}
	return others && !tcp
}

// hasAll tells whether a command has all words that a kind asks for.
func hasAll(words, wanted []string) bool {
	for _, w := range wanted {
		if !slices.ContainsFunc(words, func(have string) bool { return fits(have, w) }) {
			return false
		}
	}
	return true
}

// fits compares a word of a command with one that a kind asks for: an option can
// stand among others, and the objects of ip and tc can be shortened.
func fits(have, wanted string) bool {
	if len(wanted) == 2 && wanted[0] == '-' {
		return strings.HasPrefix(have, "-") && !strings.HasPrefix(have, "--") && strings.Contains(have[1:], wanted[1:]) ||
			have == longOptions[wanted]
	}
	return have == wanted || len(have) > 0 && len(wanted) > 2 && have[0] != '-' &&
		(strings.HasPrefix(wanted, have) || strings.HasPrefix(have, wanted) && strings.HasPrefix(objects[wanted], have))
}

// objects are the full names of those that are asked for by their beginnings.
var objects = map[string]string{"addr": "address", "neigh": "neighbour", "route": "route", "link": "link"}

var longOptions = map[string]string{
	"-S": "--statistics", "-s": "--statistics", "-j": "--json", "-k": "--show-features", "-g": "--show-ring",
	"-i": "--driver", "-c": "--show-coalesce", "-l": "--show-channels", "-L": "--list", "-o": "--oneline",
}

// procNet is a path of /proc/net through any process.
var procNet = re(`^proc/(?:self|thread-self|\d+)/net/`)

// fileKind finds what a file of a host holds, by its path.
func fileKind(path string) *kind {
	path = procNet.ReplaceAllString(strings.TrimPrefix(path, "/"), "proc/net/")
	return files[path]
}
