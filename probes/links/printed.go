package links

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Printed is one line of what ethtool -S prints.
type Printed struct {
	Name  string
	Value uint64
}

// ErrNoStatistics says that a text holds no statistics of a driver: ethtool
// prints "no stats available" for a driver that has none.
var ErrNoStatistics = errors.New("no statistics in it: expected lines of \"NAME: NUMBER\"")

// ParseStatistics reads what ethtool -S prints. Headings are passed over. The
// names are as the driver spells them, blanks at their ends aside; several can
// be equal (vmxnet3). An error names the line that is no statistic.
func ParseStatistics(r io.Reader) ([]Printed, error) {
	var out []Printed
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4096) // no name of ethtool's is longer than 32 bytes
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		at := strings.LastIndexByte(line, ':')
		if line == "" || at == len(line)-1 || line == "no stats available" {
			continue
		}
		if at < 0 {
			return nil, fmt.Errorf("line %d: no colon in it", n)
		}
		v, err := strconv.ParseUint(strings.TrimSpace(line[at+1:]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: expected a number after the colon", n)
		}
		name := strings.TrimSpace(line[:at])
		if len(out) == maxStats || len(name) > maxName {
			return nil, fmt.Errorf("line %d: more or longer names than a driver has", n)
		}
		out = append(out, Printed{name, v})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("after %d statistics: %w", len(out), err)
	}
	if len(out) == 0 {
		return nil, ErrNoStatistics
	}
	return out, nil
}

// PrintedLayout is what the statistics mean that ethtool -S printed for a
// driver. Those that the dictionary calls ordinary are left out.
func PrintedLayout(d Dictionary, driver string, printed []Printed) *Layout {
	names := make([]string, len(printed))
	for i, p := range printed {
		names[i] = p.Name
	}
	return newLayout(d, driver, names)
}

// Printed are the values of one more printout with the same statistics in the
// same order; nil if it holds fewer.
func (l *Layout) Printed(printed []Printed) *Counters {
	c := &Counters{Layout: l, Values: make([]uint64, len(l.Sources))}
	for i, at := range l.Sources {
		if at >= len(printed) {
			return nil
		}
		c.Values[i] = printed[at].Value
	}
	return c
}
