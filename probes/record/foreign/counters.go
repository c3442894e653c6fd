package foreign

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"whydrop/probes/counters"
)

// netstatTable is what netstat -s prints for each counter.
//
//go:embed netstat.tsv
var netstatTable string

// phrase is a line of netstat -s without its number, in its section: "Tcp",
// "Icmp in" for the histogram. Without section it is known if it is in one only.
type phrase struct{ section, text string }

// phrases are the counters by what netstat -s prints for them.
var phrases = readPhrases(netstatTable)

func readPhrases(table string) map[phrase]string {
	all := map[phrase]string{}
	for line := range strings.Lines(table) {
		column := strings.Split(strings.TrimSpace(line), "\t")
		if len(column) != 3 || strings.HasPrefix(line, "#") && !strings.Contains(line, "\t") {
			continue
		}
		section, text, counter := column[0], column[1], column[2]
		all[phrase{section, text}] = counter
		if have, twice := all[phrase{"", text}]; twice && have != counter {
			counter = "" // means different things in different sections
		}
		all[phrase{"", text}] = counter
	}
	return all
}

// proseCounter finds the counter and the number in a line of netstat -s.
func proseCounter(section, line string) (name string, value uint64, known bool) {
	line = strings.TrimSuffix(strings.TrimSpace(line), ".")
	if len(line) > 200 {
		return "", 0, false
	}
	words := strings.Fields(line)
	for i, w := range words {
		v, err := strconv.ParseUint(w, 10, 64)
		if err != nil {
			continue
		}
		words[i] = "#"
		name = phrases[phrase{section, strings.Join(words, " ")}]
		return name, v, name != ""
	}
	return "", 0, false
}

// parseNetstat reads what netstat -s printed. Counters that are zero are not
// among it, but for a few.
func parseNetstat(text string) (map[string]uint64, error) {
	all := map[string]uint64{}
	section, histogram := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n ")
		bare := strings.TrimSpace(line)
		switch {
		case bare == "":
			continue
		case bare == line && strings.HasSuffix(line, ":"):
			section, histogram = strings.TrimSuffix(line, ":"), ""
			continue
		case strings.HasSuffix(bare, "input histogram:"):
			histogram = " in"
			continue
		case strings.HasSuffix(bare, "output histogram:"):
			histogram = " out"
			continue
		}
		name, v, known := proseCounter(section+histogram, bare)
		if !known {
			name, v, known = proseCounter("", bare)
			known = known && (section == "" || strings.HasPrefix(name, section+"."))
		}
		if !known {
			name, v, known = namedCounter(section, bare)
		}
		if known {
			all[name] = v
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no counter that netstat -s prints")
	}
	return all, nil
}

// namedCounter reads a line in which netstat -s shows a counter under the kernel's
// own name: "TCPSynRetrans: 5". Filtered by grep it lacks its section: then the
// prefix of the name tells, as far as it does.
func namedCounter(section, line string) (name string, value uint64, known bool) {
	name, number, ok := strings.Cut(line, ": ")
	v, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || !isName(name) {
		return "", 0, false
	}
	switch {
	case name == "Forwarding" || name == "DefaultTTL" || name == "RtoAlgorithm":
		return "", 0, false
	case section != "" && isName(section):
		return section + "." + name, v, true
	case strings.HasPrefix(name, "TCP"):
		return "TcpExt." + name, v, true
	}
	return "", 0, false
}

func isName(s string) bool {
	if s == "" || len(s) > 40 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// groups are the prefixes that nstat joins with the counters' names, the longer
// first: "IpExtInNoRoutes" is not of Ip.
var groups = []string{
	"MPTcpExt", "UdpLite6", "UdpLite", "IcmpMsg", "TcpExt", "IpExt", "Icmp6", "Udp6", "Icmp", "Ip6", "Tcp", "Udp", "Ip",
}

// nstatCounter is the counter that nstat calls so: "TcpExtListenDrops" is
// TcpExt.ListenDrops.
func nstatCounter(name string) (string, bool) {
	for _, g := range groups {
		if rest, ok := strings.CutPrefix(name, g); ok && isName(rest) {
			return g + "." + rest, true
		}
	}
	return "", false
}

// notCounters are the settings that nstat prints among the counters.
var notCounters = map[string]bool{"Ip.Forwarding": true, "Ip.DefaultTTL": true, "Tcp.RtoAlgorithm": true, "Tcp.RtoMin": true, "Tcp.RtoMax": true, "Tcp.MaxConn": true}

// parseNstat reads what nstat printed: a name, a number and a rate on each line.
func parseNstat(text string) (map[string]uint64, error) {
	all := map[string]uint64{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		name, known := nstatCounter(f[0])
		v, err := strconv.ParseUint(f[1], 10, 64)
		if known && err == nil && !notCounters[name] {
			all[name] = v
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no counter that nstat prints")
	}
	return all, nil
}

// parseNstatJSON reads what nstat --json printed: {"kernel":{"IpInReceives":5,...}}.
func parseNstatJSON(text []byte) (map[string]uint64, error) {
	var doc map[string]map[string]json.Number
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("nstat: %w", err)
	}
	all := map[string]uint64{}
	for name, number := range doc["kernel"] {
		name, known := nstatCounter(name)
		v, err := strconv.ParseUint(number.String(), 10, 64)
		if known && err == nil && !notCounters[name] {
			all[name] = v
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no counter that nstat prints")
	}
	return all, nil
}

// mib are counters as a reading of the probe holds them, in order of their names.
func mib(all map[string]uint64) *counters.MIB {
	m := &counters.MIB{Names: slices.Sorted(maps.Keys(all))}
	for _, n := range m.Names {
		m.Values = append(m.Values, all[n])
	}
	return m
}

// zeros adds the counters that a later output of the same tool shows and this one
// does not: tools leave out those that are zero. It returns new counters.
func zeros(all, later map[string]uint64) map[string]uint64 {
	with := maps.Clone(all)
	for name := range later {
		if _, have := with[name]; !have {
			with[name] = 0
		}
	}
	return with
}

// summary is a line of ss -s: "TCP:   588 (estab 7, closed 587, orphaned 3, timewait 2)".
var summary = regexp.MustCompile(`(?m)^TCP:\s+\d+ \(.*?orphaned (\d+).*?timewait (\d+)`)

// parseSummary reads the gauges of ss -s, by the names of their facts.
func parseSummary(text string) (map[string]float64, error) {
	m := summary.FindStringSubmatch(text)
	if m == nil {
		return nil, errors.New("no line about TCP as ss -s prints it")
	}
	orphans, err1 := strconv.ParseUint(m[1], 10, 32)
	waiting, err2 := strconv.ParseUint(m[2], 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return map[string]float64{"sockstat.orphan": float64(orphans), "sockstat.tw": float64(waiting)}, nil
}
