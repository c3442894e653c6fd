package counters

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MIB is the counters of one file. Names are qualified ("Tcp.RetransSegs");
// readings of the same layout share them.
type MIB struct {
	Names  []string
	Values []uint64
}

// Get returns a counter and whether the file has it.
func (m *MIB) Get(name string) (uint64, bool) {
	if m == nil {
		return 0, false
	}
	for i, n := range m.Names {
		if n == name {
			return m.Values[i], true
		}
	}
	return 0, false
}

// maxLayouts bounds how many header lines are remembered; a kernel has about a
// dozen, and one more whenever a new kind of ICMP message arrives.
const maxLayouts = 64

// layouts remembers the counter names of header lines and of files already met,
// so that looking again makes no new strings and a reading holds its numbers
// alone.
type layouts map[string][]string

// errPairs is what a file that does not look like /proc/net/snmp yields.
var errPairs = errors.New("not a list of header and value lines")

// parsePairs reads the format of /proc/net/snmp and /proc/net/netstat: a line of
// names and a line of values, both with the same prefix. Settings that the file
// shows too (Forwarding, DefaultTTL, RtoAlgorithm, RtoMin, RtoMax, MaxConn) are
// left out.
func (l *layouts) parsePairs(b []byte) (*MIB, error) {
	m := &MIB{}
	for len(b) > 0 {
		var head, vals []byte
		head, b = line(b)
		vals, b = line(b)
		prefix, _, ok := bytes.Cut(head, []byte(": "))
		if !ok || !bytes.HasPrefix(vals, append(prefix[:len(prefix):len(prefix)], ':')) {
			return nil, errPairs
		}
		names := l.header(head, string(prefix))
		fields := bytes.Fields(vals[len(prefix)+1:])
		if len(fields) != len(names) {
			return nil, fmt.Errorf("%s has %d names and %d values", prefix, len(names), len(fields))
		}
		for i, f := range fields {
			if names[i] == "" {
				continue
			}
			v, err := strconv.ParseUint(string(f), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", names[i], err)
			}
			m.Names = append(m.Names, names[i])
			m.Values = append(m.Values, v)
		}
	}
	if len(m.Names) == 0 {
		return nil, errPairs
	}
	m.Names = l.share(m.Names)
	return m, nil
}

// share returns the names as an earlier reading of the file holds them, if they
// are the same.
func (l *layouts) share(names []string) []string {
	key := "names " + names[0]
	if known := (*l)[key]; slices.Equal(known, names) {
		return known
	}
	l.remember(key, names)
	return names
}

// header returns the qualified names of a header line, "" for what is no
// counter.
func (l *layouts) header(head []byte, prefix string) []string {
	if names, ok := (*l)[string(head)]; ok {
		return names
	}
	var names []string
	for _, f := range strings.Fields(string(head[len(prefix)+1:])) {
		switch f {
		case "Forwarding", "DefaultTTL", "RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn":
			names = append(names, "")
		default:
			names = append(names, prefix+"."+f)
		}
	}
	l.remember(string(head), names)
	return names
}

func (l *layouts) remember(head string, names []string) {
	if *l == nil || len(*l) >= maxLayouts {
		*l = layouts{}
	}
	(*l)[head] = names
}

// parseSNMP6 reads /proc/net/snmp6: a name and a value on each line. Ip6InReceives
// becomes Ip6.InReceives.
func (l *layouts) parseSNMP6(b []byte) (*MIB, error) {
	return l.parseLines("snmp6", b, func(name []byte) int { return bytes.IndexByte(name, '6') + 1 })
}

// parseNamed reads /proc/net/xfrm_stat and tls_stat: a name and a value on each
// line. All names begin with the group: XfrmInError becomes Xfrm.InError.
func (l *layouts) parseNamed(group string, b []byte) (*MIB, error) {
	return l.parseLines(group, b, func(name []byte) int {
		if !bytes.HasPrefix(name, []byte(group)) {
			return 0
		}
		return len(group)
	})
}

// parseLines reads a name and a value on each line. split returns how long the
// group is with which the name begins; 0 for a name that does not belong here.
func (l *layouts) parseLines(file string, b []byte, split func(name []byte) int) (*MIB, error) {
	known := (*l)[file]
	m := &MIB{Names: make([]string, 0, len(known)), Values: make([]uint64, 0, len(known))}
	for len(b) > 0 {
		var row []byte
		row, b = line(b)
		f := bytes.Fields(row)
		if len(f) != 2 {
			return nil, fmt.Errorf("not a name and a value: %.40q", row)
		}
		v, err := strconv.ParseUint(string(f[1]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%.40q: %w", f[0], err)
		}
		name := ""
		if i := len(m.Names); i < len(known) && sameCounter(known[i], f[0]) {
			name = known[i]
		} else if at := split(f[0]); at > 0 && at < len(f[0]) {
			name = string(f[0][:at]) + "." + string(f[0][at:])
		} else {
			return nil, fmt.Errorf("not a counter of %s: %.40q", file, f[0])
		}
		m.Names = append(m.Names, name)
		m.Values = append(m.Values, v)
	}
	if len(m.Names) == 0 {
		return nil, errors.New("empty")
	}
	if slices.Equal(known, m.Names) {
		m.Names = known
	} else {
		l.remember(file, m.Names)
	}
	return m, nil
}

// sameCounter reports whether a qualified name is that of a counter in the file.
func sameCounter(name string, spelled []byte) bool {
	at := strings.IndexByte(name, '.')
	return at > 0 && len(name) == len(spelled)+1 && name[:at] == string(spelled[:at]) && name[at+1:] == string(spelled[at:])
}

// line cuts the first line off.
func line(b []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(b, []byte{'\n'})
	return first, rest
}
