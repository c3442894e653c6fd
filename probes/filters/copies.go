package filters

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Stat reads a copy of /proc/net/stat/nf_conntrack.
func (c *Conntrack) Stat(text string) error {
	if c.CPUs, c.Columns = parseConntrackStat(text); len(c.CPUs) == 0 {
		return errors.New("not the statistics of connection tracking: expected a header and a line of numbers for each CPU")
	}
	return nil
}

// Printed reads what conntrack -S printed: "cpu=0 found=0 invalid=5 insert=0 ...".
// It calls some columns otherwise than the kernel does (conntrack-tools,
// src/conntrack.c, nfct_stats_attr_to_line).
func (c *Conntrack) Printed(text string) error {
	columns := map[string]string{
		"error": "icmp_error", "clash_resolve": "clashres", "chaintoolong": "chainlength", "chain_too_long": "chainlength",
	}
	var names []string
	var stat strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "cpu=") {
			continue
		}
		var here []string
		var row strings.Builder
		for _, f := range fields[1:] {
			name, value, _ := strings.Cut(f, "=")
			if kernel := columns[name]; kernel != "" {
				name = kernel
			}
			var n uint32
			if _, err := fmt.Sscanf(value, "%d", &n); err != nil {
				return fmt.Errorf("conntrack -S: not a number: %.40q", f)
			}
			here = append(here, name)
			fmt.Fprintf(&row, "%x ", n)
		}
		if names == nil {
			names = here
			fmt.Fprintln(&stat, strings.Join(names, " "))
		}
		if !slices.Equal(names, here) {
			return errors.New("conntrack -S: the lines of the CPUs differ")
		}
		fmt.Fprintln(&stat, row.String())
	}
	return c.Stat(stat.String())
}
