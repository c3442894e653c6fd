package filters

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Conntrack is the state of connection tracking in one network namespace. What
// could not be read is nil: the module is not loaded, or this kernel has no such
// file.
type Conntrack struct {
	Count       *float64 `json:",omitempty"` // flows
	Max         *float64 `json:",omitempty"` // flows; the limit is the host's, the count the namespace's
	Buckets     *float64 `json:",omitempty"` // nf_conntrack_buckets, of the host's hash table
	Liberal     *float64 `json:",omitempty"` // nf_conntrack_tcp_be_liberal
	Established *float64 `json:",omitempty"` // nf_conntrack_tcp_timeout_established, s
	// CPUs are the counters of each CPU, 32 bits wide, in the order of ctColumns.
	CPUs []ctCounters `json:",omitempty"`
	// Columns tells which of them this kernel has.
	Columns ctPresent
}

// ctCounters are one CPU's counters.
type ctCounters [len(ctColumns)]uint32

// ctPresent tells for each column whether it is there.
type ctPresent [len(ctColumns)]bool

// ctColumns are the columns of /proc/net/stat/nf_conntrack that are read, and how
// conntrack -S and the facts call them. The first four have been there since
// Linux 2.6.29.
var ctColumns = [...]struct{ column, name string }{
	{"invalid", "invalid"}, {"insert_failed", "insert_failed"}, {"drop", "drop"}, {"early_drop", "early_drop"},
	{"icmp_error", "icmp_error"}, {"search_restart", "search_restart"},
	{"clashres", "clash_resolve"},     // Linux 5.10
	{"chainlength", "chain_too_long"}, // Linux 5.15
}

const ctAlways = 4 // columns that every kernel has

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
		Buckets:     sysctl("nf_conntrack_buckets"),
		Liberal:     sysctl("nf_conntrack_tcp_be_liberal"),
		Established: sysctl("nf_conntrack_tcp_timeout_established"),
	}
	if b, err := os.ReadFile(filepath.Join(procRoot, "thread-self/net/stat/nf_conntrack")); err == nil {
		c.CPUs, c.Columns = parseConntrackStat(string(b))
	}
	return c
}

// parseConntrackStat reads a header of column names and a row of hexadecimal
// numbers for each CPU. Columns have come and gone, so they are found by name;
// a file that lacks one of those that were always there gives nil.
func parseConntrackStat(s string) (cpus []ctCounters, present ctPresent) {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	header := strings.Fields(lines[0])
	var at [len(ctColumns)]int
	for i, c := range ctColumns {
		at[i] = slices.Index(header, c.column)
		present[i] = at[i] >= 0
		if !present[i] && i < ctAlways {
			return nil, ctPresent{}
		}
	}
	for _, line := range lines[1:] {
		cpu, ok := parseConntrackCPU(strings.Fields(line), at)
		if !ok {
			return nil, ctPresent{}
		}
		cpus = append(cpus, cpu)
	}
	return cpus, present
}

func parseConntrackCPU(fields []string, at [len(ctColumns)]int) (cpu ctCounters, ok bool) {
	for i, j := range at {
		if j < 0 {
			continue
		}
		if j >= len(fields) {
			return cpu, false
		}
		n, err := strconv.ParseUint(fields[j], 16, 32)
		if err != nil {
			return cpu, false
		}
		cpu[i] = uint32(n)
	}
	return cpu, true
}
