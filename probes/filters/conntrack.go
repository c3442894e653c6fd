package filters

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Conntrack is the state of connection tracking in one network namespace. What
// could not be read is nil: the module is not loaded, or this kernel has no such
// file.
type Conntrack struct {
	Count       *float64 `json:",omitempty"` // flows
	Max         *float64 `json:",omitempty"` // flows; the limit is the host's, the count the namespace's
	Liberal     *float64 `json:",omitempty"` // nf_conntrack_tcp_be_liberal
	Established *float64 `json:",omitempty"` // nf_conntrack_tcp_timeout_established, s
	// CPUs are the counters of each CPU, 32 bits wide, in the order of ctNames.
	CPUs []ctCounters `json:",omitempty"`
}

// ctCounters are one CPU's counters.
type ctCounters [len(ctNames)]uint32

// ctNames are the columns of /proc/net/stat/nf_conntrack that are read. All of
// them have been there since Linux 2.6.29.
var ctNames = [...]string{"invalid", "insert_failed", "drop", "early_drop"}

// readConntrack reads the namespace of the calling thread.
func readConntrack(procRoot string) Conntrack {
	sysctl := func(name string) *float64 {
		b, err := os.ReadFile(filepath.Join(procRoot, "sys/net/netfilter", name))
		if err != nil {
			return nil
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 63)
		if err != nil {
			return nil
		}
		f := float64(n)
		return &f
	}
	c := Conntrack{
		Count:       sysctl("nf_conntrack_count"),
		Max:         sysctl("nf_conntrack_max"),
		Liberal:     sysctl("nf_conntrack_tcp_be_liberal"),
		Established: sysctl("nf_conntrack_tcp_timeout_established"),
	}
	if b, err := os.ReadFile(filepath.Join(procRoot, "thread-self/net/stat/nf_conntrack")); err == nil {
		c.CPUs = parseConntrackStat(string(b))
	}
	return c
}

// parseConntrackStat reads a header of column names and a row of hexadecimal
// numbers for each CPU. Columns have come and gone, so they are found by name;
// a file that lacks one of ours gives nil.
func parseConntrackStat(s string) []ctCounters {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	var column [len(ctNames)]int
	for i, name := range ctNames {
		column[i] = -1
		for j, have := range strings.Fields(lines[0]) {
			if have == name {
				column[i] = j
			}
		}
		if column[i] < 0 {
			return nil
		}
	}
	out := make([]ctCounters, 0, len(lines)-1)
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		var cpu ctCounters
		for i, j := range column {
			if j >= len(fields) {
				return nil
			}
			n, err := strconv.ParseUint(fields[j], 16, 32)
			if err != nil {
				return nil
			}
			cpu[i] = uint32(n)
		}
		out = append(out, cpu)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
