package foreign

import (
	"bytes"
	"regexp"
	"strings"
)

// bodies are what a line looks like of texts whose parsers take nothing else. What people
// write below a paste stands in the same text.
var bodies = map[string]*regexp.Regexp{
	"/proc/net/snmp":              pairLine,
	"/proc/net/netstat":           pairLine,
	"/proc/net/snmp6":             re(`^\w*6\w+\s+\d+\s*$`),
	"/proc/net/xfrm_stat":         re(`^Xfrm\w+\s+\d+\s*$`),
	"/proc/net/sockstat":          re(`^\w+: \w+ \d`),
	"/proc/net/sockstat6":         re(`^\w+: \w+ \d`),
	"/proc/net/softnet_stat":      re(`^[0-9a-f]{8}(?: [0-9a-f]{8}){2,}\s*$`),
	"/proc/net/stat/nf_conntrack": columnLine,
	"/proc/net/stat/arp_cache":    columnLine,
	"/proc/net/stat/ndisc_cache":  columnLine,
	"/proc/net/tcp":               socketLine,
	"/proc/net/tcp6":              socketLine,
	"/proc/stat":                  re(`^[a-z_]+\d*\s+\d[\d ]*$`),
	"ethtool -S":                  re(`^NIC statistics:|^no stats available|^\s+\S.*:\s*\d+\s*$|^\S+:\s*\d+\s*$`),
	"conntrack -S":                re(`^cpu=\d+\s+(?:\w+=\d+\s*)+$`),
}

var (
	pairLine   = re(`^\w+:(?: \w+)+\s*$|^\w+:(?: -?\d+)+\s*$`)
	columnLine = re(`^entries,?\s|^[0-9a-f]{8,}(?:\s+[0-9a-f]{8,})+\s*$`)
	socketLine = re(`^\s*sl\s|^\s*\d+: [0-9A-F]+:[0-9A-F]{4} `)
)

// withoutStrays leaves out of a text the lines that are no part of it, and says how many
// it were.
func withoutStrays(kind string, text []byte) (kept []byte, strays int) {
	body := bodies[kind]
	if body == nil {
		return text, 0
	}
	for line := range bytes.Lines(text) {
		switch {
		case body.Match(bytes.TrimRight(line, "\r\n")):
			kept = append(kept, line...)
		case len(bytes.TrimSpace(line)) > 0:
			strays++
		}
	}
	if body == pairLine {
		var halves int
		kept, halves = wholePairs(kept)
		strays += halves
	}
	if len(bytes.TrimSpace(kept)) == 0 {
		return text, 0 // another text than it seemed: its parser says so
	}
	return kept, strays
}

// wholePairs keeps the lines of names that are followed by as many values.
func wholePairs(text []byte) (kept []byte, strays int) {
	lines := strings.SplitAfter(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] == "" {
			continue
		}
		if i+1 == len(lines) || !pair(lines[i], lines[i+1]) {
			strays++
			continue
		}
		kept = append(append(kept, lines[i]...), lines[i+1]...)
		i++
	}
	return kept, strays
}

func pair(names, values string) bool {
	n, v := strings.Fields(names), strings.Fields(values)
	return len(n) > 1 && len(n) == len(v) && n[0] == v[0] && (n[1][0] < '0' || n[1][0] > '9') && (v[1][0] == '-' || v[1][0] >= '0' && v[1][0] <= '9')
}
